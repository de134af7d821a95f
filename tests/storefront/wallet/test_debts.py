"""What comes into a wallet whose owner owes the shop pays the debt first, whatever way it comes:
nobody is frozen out of money that would make them free."""

from __future__ import annotations

import pytest
import requests
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.disputes.flow import refresh_disputes
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import PaymentMethod
from storefront.payments.models import Payment
from storefront.refunds.drafts import WalletRefundDraft
from storefront.refunds.flow import refresh_refunds, refund_payment
from storefront.refunds.models import Refund
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.debts import find_debt
from storefront.wallet.queries import find_pots
from tests.support.factories import Factory
from tests.support.gateway import act, place, top_up

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user()


@pytest.fixture
def spent(shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User) -> Payment:
    """A top-up of 400 baht that is spent already."""
    payment = top_up(shop, sandbox, buyer, baht(400))
    make.cart(buyer, (make.product(price=baht(400)), 1))
    place(shop, buyer, baht(400), method=PaymentMethod.BALANCE)
    return payment


def dispute(shop: Shop, sandbox: RunningSandbox, payment: Payment) -> None:
    act(sandbox, payment.gateway_payment_id, "dispute")
    refresh_disputes(shop, payment.id)


def paid_and_debt(shop: Shop, user: User) -> tuple[Money, Money]:
    with shop.database.reading() as session:
        return find_pots(session, user.id).paid, find_debt(session, user.id)


def test_money_held_for_an_order_that_is_called_off(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, spent: Payment
) -> None:
    top_up(shop, sandbox, buyer, baht(100))
    make.cart(buyer, (make.product(price=baht(200)), 1))
    order_id = place(shop, buyer, baht(200), wallet_part=baht(100))
    dispute(shop, sandbox, spent)
    assert paid_and_debt(shop, buyer) == (baht(0), baht(400))

    flow.cancel_order(shop, order_id, user_id=buyer.id)

    assert paid_and_debt(shop, buyer) == (baht(0), baht(300))


def test_money_on_its_way_back_to_a_card_that_no_longer_takes_it(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, spent: Payment
) -> None:
    requests.post(
        f"{sandbox.url}/control/stripe", json={"card_refunds": "pending"}, timeout=5
    ).raise_for_status()
    other = top_up(shop, sandbox, buyer, baht(500))
    draft = WalletRefundDraft(amount=baht(500), reason="why", idempotency_key=str(new_id()))
    refund_payment(shop, other.id, draft, actor_id=make.user(role=Role.ADMIN).id)
    dispute(shop, sandbox, spent)
    with shop.database.reading() as session:
        refund_id = session.scalars(select(Refund.gateway_refund_id)).one()

    act(sandbox, refund_id, "fail")
    refresh_refunds(shop, other.id)

    assert paid_and_debt(shop, buyer) == (baht(100), baht(0))


def test_money_of_another_dispute_that_is_won(
    shop: Shop, sandbox: RunningSandbox, buyer: User, spent: Payment
) -> None:
    other = top_up(shop, sandbox, buyer, baht(500))
    dispute(shop, sandbox, other)
    dispute(shop, sandbox, spent)
    assert paid_and_debt(shop, buyer) == (baht(0), baht(400))

    won = shop.gateway.list_disputes(other.gateway_payment_id or "")[0]
    act(sandbox, won.gateway_dispute_id, "won")
    refresh_disputes(shop, other.id)

    assert paid_and_debt(shop, buyer) == (baht(100), baht(0))
