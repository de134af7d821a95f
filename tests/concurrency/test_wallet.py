"""One wallet and one form, sent from many places at once."""

from __future__ import annotations

from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerPosting, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.licenses.models import License
from storefront.orders.models import Order, PaymentMethod
from storefront.payments.models import Payment
from storefront.wallet.queries import find_balance
from storefront.wallet.service import pay_from_wallet
from tests.concurrency.racing import (
    codes_of,
    insert_unless_there,
    race,
    race_transactions,
    successes_in,
)
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def count(database: Database, model: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def balance_of(database: Database, user_id: UUID) -> Money:
    with database.reading() as session:
        return find_balance(session, user_id)


def test_a_wallet_spent_from_many_places_pays_for_what_it_holds_and_never_below_zero(
    database: Database, make: Factory
) -> None:
    user = make.user()
    make.wallet(user, baht(250))
    with database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference="a bonus",
            legs=[
                Leg(AccountKind.ADJUSTMENTS, -baht(200)),
                Leg(AccountKind.WALLET_BONUS, baht(200), user.id),
            ],
        )

    def pay() -> None:
        # Below the cart, whose lock would let one order of a member after the other pass.
        with database.transaction() as session:
            pay_from_wallet(session, user_id=user.id, amount=baht(100), order_id=new_id())

    outcomes = race([pay] * 20)

    assert len(successes_in(outcomes)) == 4
    assert codes_of(outcomes) == ["balance_too_low"] * 16
    assert balance_of(database, user.id) == baht(50)


def test_control_reading_the_balance_before_writing_it_makes_money(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE purse AS SELECT 250 AS balance, 0 AS bought"))

    def pay(session: Session, everybody_has_read: Barrier) -> None:
        balance = session.scalar(text("SELECT balance FROM purse"))
        everybody_has_read.wait()
        if balance >= 100:
            session.execute(
                text("UPDATE purse SET balance = :rest, bought = bought + 1"),
                {"rest": balance - 100},
            )

    race_transactions(database, pay, runners=12)
    with database.reading() as session:
        assert session.execute(text("SELECT balance, bought FROM purse")).one() == (150, 12)


def test_a_member_who_orders_in_many_tabs_gets_the_cart_once(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(100))
    make.cart(user, (product, 1))
    make.wallet(user, baht(1000))

    outcomes = race([lambda: place(shop, user.id, key=str(new_id()))] * 10)

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["cart_empty"] * 9
    assert balance_of(shop.database, user.id) == baht(900)


def test_twenty_clicks_on_one_form_make_one_order_and_all_see_it(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(100), stock=20)
    make.cart(user, (product, 1))
    make.wallet(user, baht(1000))

    outcomes = race([lambda: place(shop, user.id, key="one-form-one-key")] * 20)

    assert len(set(successes_in(outcomes))) == 1
    assert codes_of(outcomes) == []
    assert count(shop.database, Order) == count(shop.database, License) == 1
    assert balance_of(shop.database, user.id) == baht(900)
    with shop.database.reading() as session:
        purchases = session.scalars(
            select(LedgerPosting.id).where(LedgerPosting.kind == PostingKind.PURCHASE)
        ).all()
    assert len(purchases) == 1


def test_clicks_on_one_form_lead_to_one_payment_page(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(100), stock=20)
    make.cart(user, (product, 1))

    outcomes = race(
        [lambda: place(shop, user.id, key="one-form-one-key", method=PaymentMethod.STRIPE)] * 5
    )

    assert codes_of(outcomes) == []
    assert len(set(successes_in(outcomes))) == 1
    assert count(shop.database, Order) == count(shop.database, Payment) == 1


def test_clicks_on_one_top_up_form_lead_to_one_payment_page(shop: Shop, make: Factory) -> None:
    user = make.user()

    outcomes = race(
        [
            lambda: flow.start_topup(
                shop,
                user_id=user.id,
                amount=baht(500),
                idempotency_key="one-form-one-key",
                locale="en",
            )
        ]
        * 5
    )

    assert codes_of(outcomes) == []
    assert len(set(successes_in(outcomes))) == 1
    assert count(shop.database, Payment) == 1


def test_control_looking_for_the_order_before_inserting_it_doubles_it(database: Database) -> None:
    assert insert_unless_there(database, "orders", runners=10) == 10


def place(
    shop: Shop, user_id: UUID, *, key: str, method: PaymentMethod = PaymentMethod.BALANCE
) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=user_id,
        method=method,
        expected_total=baht(100),
        idempotency_key=key,
        locale="en",
    )
