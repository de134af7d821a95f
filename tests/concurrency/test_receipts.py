"""Numbers of receipts, wanted for forty sales at once; credit notes over one receipt at once."""

from __future__ import annotations

from functools import partial
from threading import Barrier

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jobs.receipts import sweep
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.outbox import OutboxMessage
from storefront.receipts.flow import number_waiting_receipts
from storefront.receipts.models import Receipt
from storefront.receipts.service import issue_order_receipt
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.storefront.orders.purchases import buy
from tests.storefront.receipts.refunding import give_back, receipts_of, register_seller
from tests.support.factories import Factory

BUYERS = 40


def sell_and_number(shop: Shop, user: User) -> None:
    flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=baht(10),
        idempotency_key=str(new_id()),
        locale="en",
    )
    number_waiting_receipts(shop)


def with_cart(make: Factory, product: Product) -> User:
    user = make.user()
    make.wallet(user, baht(10))
    make.cart(user, (product, 1))
    return user


def numbers(database: Database) -> list[int]:
    with database.reading() as session:
        return [int(one or 0) for one in session.scalars(select(Receipt.number))]


def test_forty_sales_at_once_get_forty_numbers_without_a_gap(shop: Shop, make: Factory) -> None:
    buyers = [with_cart(make, make.product(price=baht(10))) for _ in range(BUYERS)]

    outcomes = race([partial(sell_and_number, shop, buyer) for buyer in buyers])

    assert codes_of(outcomes) == []
    assert sorted(numbers(shop.database)) == list(range(1, BUYERS + 1))
    with shop.database.reading() as session:
        asked = session.scalar(select(func.count()).where(OutboxMessage.task == "number_receipts"))
    assert asked == BUYERS


def test_numbering_from_many_places_numbers_each_once(shop: Shop, make: Factory) -> None:
    for _ in range(10):
        buy(shop, make, make.user(), (make.product(price=baht(10)), 1))

    outcomes = race([partial(sweep, shop)] * 20)

    assert sum(successes_in(outcomes)) == 10
    assert sorted(numbers(shop.database)) == list(range(1, 11))


def test_control_numbers_given_without_the_counters_lock_are_given_twice(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE loose_counter AS SELECT 0 AS last_number"))
        session.execute(text("CREATE TABLE loose_receipts (number int)"))

    def number(session: Session, everybody_has_read: Barrier) -> None:
        last = session.scalar(text("SELECT last_number FROM loose_counter")) or 0
        everybody_has_read.wait()
        session.execute(text("INSERT INTO loose_receipts VALUES (:n)"), {"n": last + 1})
        session.execute(text("UPDATE loose_counter SET last_number = :n"), {"n": last + 1})

    race_transactions(database, number, runners=8)
    with database.reading() as session:
        given = session.scalars(text("SELECT number FROM loose_receipts")).all()
    assert given == [1] * 8


def test_an_order_completed_from_many_places_has_one_receipt(shop: Shop, make: Factory) -> None:
    order = buy(shop, make, make.user(), (make.product(price=baht(10)), 1))

    def issue() -> object:
        with shop.database.transaction() as session:
            loaded = session.merge(order, load=False)
            session.refresh(loaded, ["lines"])
            return issue_order_receipt(session, loaded, now=shop.clock())

    outcomes = race([issue] * 12)

    assert set(outcomes) == {receipts_of(shop, order)[0].id}


def test_credit_notes_at_once_share_what_is_left_and_its_vat(shop: Shop, make: Factory) -> None:
    register_seller(shop, make.user(role="admin"))
    order = buy(shop, make, make.user(), (make.product(price=baht(107)), 1))

    outcomes = race([partial(give_back, shop, order, baht(10))] * 16)

    assert len(successes_in(outcomes)) == 10
    assert codes_of(outcomes) == ["refund_too_large"] * 6
    give_back(shop, order, baht(7))
    receipt, *notes = receipts_of(shop, order)
    assert sum(note.amount_satang for note in notes) == receipt.amount_satang
    assert sum(note.vat_satang for note in notes) == receipt.vat_satang


def test_control_notes_that_do_not_wait_for_each_other_give_back_too_much(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE loose_notes (satang int)"))

    def note(session: Session, everybody_has_read: Barrier) -> None:
        given = session.scalar(text("SELECT coalesce(sum(satang), 0) FROM loose_notes"))
        everybody_has_read.wait()
        if given + 1_000 <= 2_000:
            session.execute(text("INSERT INTO loose_notes VALUES (1000)"))

    race_transactions(database, note, runners=8)
    with database.reading() as session:
        given = session.scalar(text("SELECT sum(satang) FROM loose_notes"))
    assert given == 8_000
