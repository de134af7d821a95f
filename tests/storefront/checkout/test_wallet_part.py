"""Orders that the wallet pays a part of: held while the gateway is asked, then spent or put back
into the very lots it came from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.rules import LEAST_GATEWAY_AMOUNT, wallet_share
from storefront.errors import Conflict, DomainError, Invalid
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerAccount, PostingKind, WalletLot
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import OrderState, PaymentMethod
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import Pots, find_pots
from tests.support.browser import submit
from tests.support.factories import Factory
from tests.support.gateway import act, at, drain, latest_payment, order_of, pay, place

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
SignIn = Callable[[FlaskClient, User], None]


@pytest.fixture
def buyer(shop: Shop, make: Factory) -> User:
    """Somebody with a script for 490 baht in the cart, 70 paid and 30 bonus in the wallet."""
    user = make.user()
    make.cart(user, (make.product(price=baht(490), stock=1), 1))
    make.wallet(user, baht(70))
    make.bonus(user, baht(20), expires_at=shop.clock() + timedelta(days=9))
    make.bonus(user, baht(10), expires_at=shop.clock() + timedelta(days=2))
    return user


def pots_of(shop: Shop, user: User) -> Pots:
    with shop.database.reading() as session:
        return find_pots(session, user.id, now=shop.clock())


def lots_of(shop: Shop, user: User) -> list[tuple[str, int, bool]]:
    with shop.database.reading() as session:
        lots = session.scalars(
            select(WalletLot)
            .join(LedgerAccount, LedgerAccount.id == WalletLot.account_id)
            .where(LedgerAccount.user_id == user.id)
            .order_by(WalletLot.id)
        )
        return [(lot.pot, lot.remaining_satang, lot.expires_at is not None) for lot in lots]


def test_wallet_and_card_pay_one_order_together(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    order_id = place(shop, buyer, baht(490), wallet_part=baht(90))

    assert pots_of(shop, buyer) == Pots(paid=baht(10), bonus=baht(0))
    assert latest_payment(shop, order_id).amount == baht(400)

    pay(shop, sandbox, order_id)

    assert order_of(shop, order_id).state == OrderState.COMPLETED
    assert pots_of(shop, buyer).total == baht(10)


def test_what_was_held_returns_to_its_lots_when_the_buyer_cancels(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    before = lots_of(shop, buyer)
    order_id = place(shop, buyer, baht(490), wallet_part=baht(95))

    flow.cancel_order(shop, order_id, user_id=buyer.id)
    flow.cancel_order(shop, order_id, user_id=buyer.id)

    assert lots_of(shop, buyer) == before
    assert pots_of(shop, buyer) == Pots(paid=baht(70), bonus=baht(30))


def test_bonus_whose_day_passed_while_it_was_held_has_not_become_younger(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    order_id = place(shop, buyer, baht(490), wallet_part=baht(30))
    payment = latest_payment(shop, order_id)
    act(sandbox, payment.gateway_session_id, "expire")

    later = at(shop, shop.clock() + timedelta(days=3))
    flow.close_overdue_payment(later, payment.id)

    assert order_of(shop, order_id).state == OrderState.EXPIRED
    assert pots_of(later, buyer) == Pots(paid=baht(70), bonus=baht(20), expired=baht(10))


def test_money_that_comes_after_the_end_is_credited_beside_what_was_put_back(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    order_id = place(shop, buyer, baht(490), method=PaymentMethod.PROMPTPAY, wallet_part=baht(100))
    payment = latest_payment(shop, order_id)
    flow.close_overdue_payment(at(shop, shop.clock() + timedelta(hours=1)), payment.id)
    assert pots_of(shop, buyer).total == baht(100)

    act(sandbox, payment.gateway_session_id, "pay_late")
    flow.refresh_payment(shop, payment.id)

    assert order_of(shop, order_id).state == OrderState.EXPIRED
    assert pots_of(shop, buyer) == Pots(paid=baht(70 + 390), bonus=baht(30))


def test_a_declined_card_keeps_the_money_held_for_the_next_try(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    order_id = place(shop, buyer, baht(490), wallet_part=baht(90))
    payment = latest_payment(shop, order_id)
    act(sandbox, payment.gateway_session_id, "decline")
    flow.refresh_payment(shop, payment.id)

    flow.resume_payment(shop, order_id, user_id=buyer.id)
    assert pots_of(shop, buyer).total == baht(10)
    assert latest_payment(shop, order_id).amount == baht(400)

    pay(shop, sandbox, order_id)
    drain(shop)
    assert order_of(shop, order_id).state == OrderState.COMPLETED


@pytest.mark.parametrize(
    ("part", "method", "code"),
    [
        (baht(101), PaymentMethod.STRIPE, "balance_too_low"),
        (baht(485), PaymentMethod.STRIPE, "amount_too_small"),
        (baht(490), PaymentMethod.STRIPE, "method_not_offered"),
        (baht(900), PaymentMethod.PROMPTPAY, "method_not_offered"),
        (baht(50), PaymentMethod.BALANCE, "method_not_offered"),
    ],
)
def test_a_part_that_cannot_be_is_refused_and_nothing_is_kept(
    shop: Shop, make: Factory, buyer: User, part: Money, method: PaymentMethod, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        place(shop, buyer, baht(490), method=method, wallet_part=part)

    assert refused.value.code == code
    assert isinstance(refused.value, Conflict | Invalid)
    assert pots_of(shop, buyer).total == baht(100)


def test_who_owes_the_shop_cannot_spend_from_the_wallet(shop: Shop, buyer: User) -> None:
    with shop.database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.DISPUTE,
            reference="du_test",
            legs=[
                Leg(AccountKind.GATEWAY, baht(5)),
                Leg(AccountKind.DEBT, -baht(5), buyer.id),
            ],
        )

    with pytest.raises(Conflict) as refused:
        place(shop, buyer, baht(490), wallet_part=baht(50))

    assert refused.value.code == "wallet_frozen"


def test_the_page_offers_what_the_wallet_holds_and_takes_the_tick(
    shop: Shop, client: FlaskClient, sign_in: SignIn, buyer: User
) -> None:
    sign_in(client, buyer)
    page = client.get("/en/checkout")
    assert "Use ฿100 of my wallet, and pay ฿390 by PromptPay or card" in page.text

    answer = submit(client, page, "/en/checkout", method="promptpay", wallet_part="10000")

    assert answer.status_code == 303
    assert pots_of(shop, buyer).total == Money(0)
    assert "฿390" in client.get(answer.location).text


def test_the_page_offers_no_part_when_the_gateway_would_not_take_the_rest(
    client: FlaskClient, sign_in: SignIn, make: Factory
) -> None:
    user = make.user()
    make.cart(user, (make.product(price=baht(12)), 1))
    make.wallet(user, baht(11))
    sign_in(client, user)
    assert "Use ฿2 of my wallet, and pay ฿10" in client.get("/en/checkout").text

    make.wallet(user, baht(1))
    assert "wallet_part" not in client.get("/en/checkout").text


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_share_never_asks_the_gateway_for_less_than_it_takes(total: int, balance: int) -> None:
    share = wallet_share(Money(total), balance=Money(balance))
    assert Money(0) <= share <= Money(balance)
    if share:
        assert Money(total) - share >= LEAST_GATEWAY_AMOUNT
