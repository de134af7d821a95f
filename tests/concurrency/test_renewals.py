"""One key, bought for, paid for and given back from many places at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Purpose
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.orders.service import NewLine, NewOrder, create_order
from storefront.refunds.models import LicenseRule
from storefront.renewals.service import hold_changes
from storefront.sandbox.serve import RunningSandbox
from tests.concurrency.racing import (
    codes_of,
    insert_unless_there,
    race,
    race_transactions,
    slow_down_updates,
    successes_in,
    wait_for_lingering,
)
from tests.support.factories import Factory
from tests.support.gateway import act, latest_payment, order_of
from tests.support.ladder import MONTH, Shelf
from tests.support.renewing import (
    buy_for,
    buyer,
    changes_of,
    days,
    give_back,
    key,
    license_of,
    order_cart,
    own_key,
    shelf,
    staff,
    terms_of,
    want,
)

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
__all__ = ["buyer", "key", "shelf", "staff"]  # fixtures: the scene of every test here


def end_of(shop: Shop, key: UUID) -> datetime:
    end = license_of(shop, key).expires_at
    assert end is not None
    return end


def purchase_of(shop: Shop, key: UUID) -> UUID:
    with shop.database.reading() as session:
        return session.scalars(
            select(OrderLine.order_id)
            .join(License, License.order_line_id == OrderLine.id)
            .where(License.id == key)
        ).one()


def open_order(session: Session, user: User, shelf: Shelf, key: UUID) -> None:
    """An order about this key whoever asks: between two looks at it a key may have been given to
    somebody else, whose cart is another."""
    now = datetime.now(UTC)
    line = NewLine(
        product_id=shelf.product.id,
        variant_id=shelf.month,
        product_ids=(shelf.product.id,),
        purpose=Purpose.RENEW,
        license_id=key,
        key_hint="ABCD",
        name_th="x",
        name_en="x",
        variant_name_th="x",
        variant_name_en="x",
        slots=1,
        duration_days=MONTH,
        quantity=1,
        list_price=baht(100),
        unit_price=baht(100),
    )
    order = create_order(
        session,
        NewOrder(
            user_id=user.id,
            email=None,
            locale="en",
            payment_method=PaymentMethod.STRIPE,
            lines=[line],
            promo_code=None,
            idempotency_key=str(new_id()),
            request_hash="x",
            placed_at=now,
            expires_at=now + timedelta(minutes=30),
        ),
    )
    hold_changes(session, order, now=now)


def test_of_many_orders_about_one_key_at_once_one_is_placed(
    shop: Shop, make: Factory, shelf: Shelf, key: UUID
) -> None:
    def place(user: User) -> None:
        with shop.database.transaction() as session:
            open_order(session, user, shelf, key)

    outcomes = race([partial(place, make.user()) for _ in range(12)])

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["license_in_open_order"] * 11
    assert changes_of(shop, key) == ["held"]


def test_control_looking_for_an_open_order_before_placing_one_places_many(
    database: Database,
) -> None:
    assert insert_unless_there(database, "license_terms", runners=12) == 12


def test_a_renewal_that_is_ordered_from_many_tabs_is_given_as_often_as_it_was_paid(
    shop: Shop, make: Factory, shelf: Shelf, buyer: User, key: UUID
) -> None:
    end = end_of(shop, key)
    make.wallet(buyer, baht(800))

    def renew() -> UUID:
        want(shop, buyer, key, shelf.month)
        return flow.place_order(
            shop,
            user_id=buyer.id,
            method=PaymentMethod.BALANCE,
            expected_total=baht(100),
            idempotency_key=str(new_id()),
            locale="en",
        ).order_id

    outcomes = race([renew] * 4)

    paid = len(successes_in(outcomes))
    assert paid >= 1
    assert set(codes_of(outcomes)) <= {"cart_empty", "license_in_open_order"}
    assert end_of(shop, key) == end + days(MONTH * paid)


def test_one_payment_that_many_hear_of_at_once_renews_once(
    shop: Shop, sandbox: RunningSandbox, shelf: Shelf, buyer: User, key: UUID
) -> None:
    end = end_of(shop, key)
    want(shop, buyer, key, shelf.month)
    payment = latest_payment(shop, order_cart(shop, buyer, PaymentMethod.STRIPE))
    act(sandbox, payment.gateway_session_id, "pay")

    outcomes = race([partial(flow.refresh_payment, shop, payment.id)] * 10)

    assert codes_of(outcomes) == []
    assert end_of(shop, key) == end + days(MONTH)


def test_control_renewing_whoever_reads_that_it_was_not_yet_done_renews_again(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE key AS SELECT 0 AS days, false AS done"))

    def renew(session: Session, everybody_has_read: Barrier) -> None:
        done = session.scalar(text("SELECT done FROM key"))
        everybody_has_read.wait()
        if not done:
            session.execute(text("UPDATE key SET days = days + 30, done = true"))

    race_transactions(database, renew, runners=10)
    with database.reading() as session:
        assert session.scalar(text("SELECT days FROM key")) == 300


@pytest.mark.parametrize(
    ("amount", "licenses", "code"),
    [
        (baht(100), LicenseRule.REVOKE, "license_offer_gone"),
        (baht(40), LicenseRule.KEEP, "total_changed"),
    ],
)
def test_an_upgrade_does_not_count_money_that_is_given_back_this_very_moment(
    shop: Shop,
    make: Factory,
    staff: User,
    shelf: Shelf,
    buyer: User,
    key: UUID,
    amount: Money,
    licenses: LicenseRule,
    code: str,
) -> None:
    purchase = purchase_of(shop, key)
    want(shop, buyer, key, shelf.ever)
    make.wallet(buyer, baht(2_000))
    slow_down_updates(shop.database, "order_items", seconds=0.8)

    with ThreadPoolExecutor(1) as pool:
        refunding = pool.submit(give_back, shop, staff, purchase, amount, licenses=licenses)
        wait_for_lingering(shop.database)
        (outcome,) = race([partial(order_cart, shop, buyer)])
        refunding.result(timeout=20)

    assert codes_of([outcome]) == [code]
    assert changes_of(shop, key) == []


def test_a_refund_of_what_an_upgrade_counts_comes_before_it_or_after_it(
    shop: Shop, make: Factory, staff: User
) -> None:
    for _ in range(5):
        buyer, shelf = make.user(), Shelf(make)
        key = own_key(shop, make, buyer, shelf.product)
        purchase = purchase_of(shop, key)
        want(shop, buyer, key, shelf.ever)
        make.wallet(buyer, baht(900))
        calls: list[Callable[[], object]] = [
            partial(order_cart, shop, buyer),
            partial(give_back, shop, staff, purchase, baht(100)),
        ]

        outcomes = race(calls)

        # Before: there is no key to upgrade. After: the key is gone, with what was bought for it.
        assert set(codes_of(outcomes)) <= {"license_offer_gone"}
        assert license_of(shop, key).status == "revoked"
        assert order_of(shop, purchase).state == "refunded"


def test_control_an_upgrade_that_does_not_wait_for_the_refund_counts_its_money(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE line AS SELECT 100 AS paid, 0 AS refunded"))
        session.execute(text("CREATE TABLE upgrade (credit integer)"))
    turns = iter(("refund", "upgrade"))

    def act_in_turn(session: Session, everybody_has_read: Barrier) -> None:
        left = session.scalar(text("SELECT paid - refunded FROM line"))
        what = next(turns)
        everybody_has_read.wait()
        if what == "refund":
            session.execute(text("UPDATE line SET refunded = paid"))
        else:
            session.execute(text("INSERT INTO upgrade VALUES (:left)"), {"left": left})

    race_transactions(database, act_in_turn, runners=2)
    with database.reading() as session:
        row = session.execute(text("SELECT paid - refunded, credit FROM line, upgrade")).one()
    assert tuple(row) == (0, 100)


def test_two_renewals_that_are_given_back_at_once_are_both_taken_back(
    shop: Shop, make: Factory, staff: User, shelf: Shelf, buyer: User, key: UUID
) -> None:
    """Each replays the terms without its own purchase; without the lock of the licence the one
    that writes last would have left the other's in."""
    first = terms_of(shop, key)
    orders = [buy_for(shop, make, buyer, key, shelf.month) for _ in range(3)]
    slow_down_updates(shop.database, "license_terms")

    outcomes = race([partial(give_back, shop, staff, order_id, baht(100)) for order_id in orders])

    assert codes_of(outcomes) == []
    assert terms_of(shop, key) == first


def test_control_replaying_without_the_licences_lock_forgets_what_the_other_took_back(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(
            text("CREATE TABLE bought AS SELECT n, true AS counts FROM generate_series(0, 1) n")
        )
        session.execute(text("CREATE TABLE ends AS SELECT 60 AS days"))
    numbers = iter(range(2))

    def take_back(session: Session, everybody_has_read: Barrier) -> None:
        number = next(numbers)
        session.execute(text("UPDATE bought SET counts = false WHERE n = :n"), {"n": number})
        left = session.scalar(text("SELECT count(*) FROM bought WHERE counts"))
        everybody_has_read.wait()
        session.execute(text("UPDATE ends SET days = 30 * :left"), {"left": left})

    race_transactions(database, take_back, runners=2)
    with database.reading() as session:
        assert session.scalar(text("SELECT days FROM ends")) == 30


def test_orders_about_the_same_keys_in_another_order_do_not_deadlock(
    shop: Shop, make: Factory, staff: User, shelf: Shelf, buyer: User
) -> None:
    """Two keys are renewed together while both of their purchases are given back in part."""
    keys = [own_key(shop, make, buyer, shelf.product) for _ in range(2)]
    purchases = [purchase_of(shop, key) for key in keys]
    for one in reversed(keys):
        want(shop, buyer, one, shelf.month)
    make.wallet(buyer, baht(200))
    slow_down_updates(shop.database, "licenses", seconds=0.2)
    calls: list[Callable[[], object]] = [
        partial(order_cart, shop, buyer),
        *(partial(give_back, shop, staff, order_id, baht(100)) for order_id in purchases),
    ]

    outcomes = race(calls)

    assert set(codes_of(outcomes)) <= {"license_offer_gone"}
    assert [license_of(shop, key).status for key in keys] == ["revoked", "revoked"]
