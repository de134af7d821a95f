"""Sending back what a payment put into a wallet: top-ups with their bonus, and stray payments."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.errors import Conflict, DomainError
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import PaymentMethod
from storefront.payments.models import Payment
from storefront.providers.payments import PayBy
from storefront.refunds.drafts import WalletRefundDraft
from storefront.refunds.flow import refresh_refunds, refund_payment
from storefront.refunds.models import Refund, RefundState
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.models import TopUpPackage
from storefront.wallet.queries import Pots, find_pots
from tests.support.factories import Factory
from tests.support.gateway import act, buy, latest_payment, place, top_up

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user()


@pytest.fixture
def topup(shop: Shop, sandbox: RunningSandbox, buyer: User) -> Payment:
    """500 baht with a bonus of 50."""
    package = TopUpPackage(
        name_th="x", name_en="x", amount_satang=50_000, bonus_satang=5_000, bonus_days=30
    )
    with shop.database.transaction() as session:
        session.add(package)
        session.flush()
        package_id = package.id
    return top_up(shop, sandbox, buyer, baht(500), package_id=package_id)


def draft(amount: Money, key: str | None = None) -> WalletRefundDraft:
    return WalletRefundDraft(
        amount=amount, reason="changed their mind", idempotency_key=key or str(new_id())
    )


def pots_of(shop: Shop, user: User) -> Pots:
    with shop.database.reading() as session:
        return find_pots(session, user.id)


def refund_of(shop: Shop) -> Refund:
    with shop.database.reading() as session:
        return session.scalars(select(Refund).order_by(Refund.id.desc()).limit(1)).one()


def test_a_top_up_goes_back_with_its_bonus(
    shop: Shop, buyer: User, staff: User, topup: Payment
) -> None:
    assert pots_of(shop, buyer) == Pots(paid=baht(500), bonus=baht(50))

    state = refund_payment(shop, topup.id, draft(baht(500)), actor_id=staff.id)

    assert state is RefundState.SUCCEEDED
    assert pots_of(shop, buyer) == Pots(paid=baht(0), bonus=baht(0))
    assert latest_payment(shop, topup.subject_id).refunded_satang == 50_000


def test_a_half_takes_half_of_the_bonus(
    shop: Shop, buyer: User, staff: User, topup: Payment
) -> None:
    refund_payment(shop, topup.id, draft(baht(250)), actor_id=staff.id)
    assert pots_of(shop, buyer) == Pots(paid=baht(250), bonus=baht(25))

    refund_payment(shop, topup.id, draft(baht(250)), actor_id=staff.id)
    assert pots_of(shop, buyer) == Pots(paid=baht(0), bonus=baht(0))


def test_bonus_that_is_spent_is_kept_back(
    shop: Shop, make: Factory, buyer: User, staff: User, topup: Payment
) -> None:
    make.cart(buyer, (make.product(price=baht(50)), 1))
    place(shop, buyer, baht(50), method=PaymentMethod.BALANCE)

    refund_payment(shop, topup.id, draft(baht(500)), actor_id=staff.id)

    assert refund_of(shop).paid_out == baht(450)
    seen = shop.gateway.list_refunds(topup.gateway_payment_id or "")
    assert [one.amount for one in seen] == [baht(450)]
    assert pots_of(shop, buyer) == Pots(paid=baht(0), bonus=baht(0))


def test_money_that_is_spent_cannot_go_back(
    shop: Shop, make: Factory, buyer: User, staff: User, topup: Payment
) -> None:
    make.cart(buyer, (make.product(price=baht(100)), 1))
    place(shop, buyer, baht(100), method=PaymentMethod.BALANCE)

    with pytest.raises(Conflict) as refused:
        refund_payment(shop, topup.id, draft(baht(500)), actor_id=staff.id)

    assert refused.value.code == "balance_too_low"
    assert pots_of(shop, buyer) == Pots(paid=baht(450), bonus=baht(0))


def test_a_refund_that_comes_back_puts_money_and_bonus_back(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, staff: User, topup: Payment
) -> None:
    make.cart(buyer, (make.product(price=baht(20)), 1))
    place(shop, buyer, baht(20), method=PaymentMethod.BALANCE)
    before = pots_of(shop, buyer)
    refund_payment(shop, topup.id, draft(baht(500)), actor_id=staff.id)
    assert refund_of(shop).kept_satang == 2_000

    act(sandbox, refund_of(shop).gateway_refund_id, "fail")
    refresh_refunds(shop, topup.id)
    refresh_refunds(shop, topup.id)

    assert refund_of(shop).state == "failed"
    assert pots_of(shop, buyer) == before
    refund_payment(shop, topup.id, draft(baht(100)), actor_id=staff.id)
    assert pots_of(shop, buyer) == Pots(paid=baht(400), bonus=baht(20))


def test_a_payment_that_came_too_late_can_go_back(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, staff: User
) -> None:
    make.cart(buyer, (make.product(price=baht(300)), 1))
    order_id = place(shop, buyer, baht(300), method=PaymentMethod.PROMPTPAY)
    flow.cancel_order(shop, order_id, user_id=buyer.id)
    payment = latest_payment(shop, order_id)
    act(sandbox, payment.gateway_session_id, "pay_late")
    flow.refresh_payment(shop, payment.id)
    assert pots_of(shop, buyer).paid == baht(300)

    state = refund_payment(shop, payment.id, draft(baht(300)), actor_id=staff.id)

    assert state is RefundState.SENT
    assert pots_of(shop, buyer).paid == baht(0)


def test_money_that_bought_an_order_is_not_in_the_wallet(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, staff: User
) -> None:
    make.cart(buyer, (make.product(price=baht(300)), 1))
    order_id = buy(shop, sandbox, buyer, baht(300))
    with pytest.raises(Conflict) as refused:
        refund_payment(shop, latest_payment(shop, order_id).id, draft(baht(300)), actor_id=staff.id)
    assert refused.value.code == "payment_not_in_wallet"


@pytest.mark.parametrize(
    ("amount", "code"),
    [(baht(501), "refund_too_large"), (baht(0), "refund_empty"), (-baht(1), "refund_empty")],
)
def test_an_amount_that_makes_no_sense_is_refused(
    shop: Shop, staff: User, topup: Payment, amount: Money, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        refund_payment(shop, topup.id, draft(amount), actor_id=staff.id)
    assert refused.value.code == code


def test_one_form_sent_twice_is_one_refund_and_another_amount_under_its_key_none(
    shop: Shop, buyer: User, staff: User, topup: Payment
) -> None:
    for _ in range(2):
        refund_payment(shop, topup.id, draft(baht(100), "the-same-form-twice"), actor_id=staff.id)
    assert pots_of(shop, buyer).paid == baht(400)

    with pytest.raises(DomainError) as refused:
        refund_payment(shop, topup.id, draft(baht(99), "the-same-form-twice"), actor_id=staff.id)
    assert refused.value.code == "key_reused"


def test_a_promptpay_top_up_waits_for_bank_details_and_is_out_of_the_wallet_meanwhile(
    shop: Shop, sandbox: RunningSandbox, buyer: User, staff: User
) -> None:
    payment = top_up(shop, sandbox, buyer, baht(200), pay_by=PayBy.PROMPTPAY)

    state = refund_payment(shop, payment.id, draft(baht(200)), actor_id=staff.id)

    assert state is RefundState.SENT
    assert pots_of(shop, buyer).total == baht(0)
