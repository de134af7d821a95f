"""Numbers: from one, without a gap, in the order of issue, and never changed again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from jobs.outbox import sweep_outbox
from jobs.receipts import sweep
from storefront.bootstrap import Shop
from storefront.kit.clock import fixed_clock, in_shop_zone
from storefront.kit.money import baht
from storefront.receipts.models import Receipt, ReceiptCounter
from storefront.receipts.numbering import number_receipts
from tests.storefront.orders.purchases import buy
from tests.storefront.receipts.refunding import give_back, receipts_of, register_seller
from tests.support.factories import Factory

LAST_SECOND = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)


def references(shop: Shop) -> Sequence[str | None]:
    with shop.database.reading() as session:
        rows = session.scalars(select(Receipt).order_by(Receipt.issued_at, Receipt.id))
        return [row.reference for row in rows]


def sell(shop: Shop, make: Factory, *, times: int = 1) -> None:
    for _ in range(times):
        buy(shop, make, make.user(), (make.product(price=baht(100)), 1))


def test_the_worker_numbers_what_was_just_sold(shop: Shop, make: Factory) -> None:
    sell(shop, make)
    assert references(shop) == [None]

    sweep_outbox(shop, overdue=timedelta(0))

    (number,) = references(shop)
    assert number == f"RC-{in_shop_zone(shop.clock()).year}-000001"


def test_numbers_follow_the_order_of_issue_and_stay(shop: Shop, make: Factory) -> None:
    sell(shop, make, times=3)
    assert sweep(shop) == 3
    first = references(shop)
    sell(shop, make, times=2)

    assert sweep(shop) == 2
    assert sweep(shop) == 0

    assert references(shop)[:3] == first
    assert [int(str(one)[-6:]) for one in references(shop)] == [1, 2, 3, 4, 5]


def test_a_batch_takes_the_oldest_first(shop: Shop, make: Factory) -> None:
    sell(shop, make, times=3)

    with shop.database.transaction() as session:
        assert number_receipts(session, shop_name="x", now=shop.clock(), most=2) == 2

    assert [one is None for one in references(shop)] == [False, False, True]
    assert sweep(shop) == 1


def test_each_year_and_each_series_counts_by_itself(shop: Shop, make: Factory) -> None:
    old = dataclasses.replace(shop, clock=fixed_clock(LAST_SECOND))
    new = dataclasses.replace(shop, clock=fixed_clock(LAST_SECOND + timedelta(seconds=1)))
    product = make.product(price=baht(100))
    late = buy(old, make, make.user(), (product, 1))
    sell(new, make, times=2)
    give_back(old, late, baht(10))
    give_back(new, late, baht(20))

    assert sweep(shop) == 5

    assert sorted(map(str, references(shop))) == [
        "CN-2026-000001",
        "CN-2027-000001",
        "RC-2026-000001",
        "RC-2027-000001",
        "RC-2027-000002",
    ]


def test_the_shop_is_the_seller_until_staff_say_who_is(shop: Shop, make: Factory) -> None:
    sell(shop, make)
    register_seller(shop, make.user(role="admin"), vat_on=False)
    sell(shop, make)

    sweep(shop)

    with shop.database.reading() as session:
        papers = session.scalars(select(Receipt).order_by(Receipt.id)).all()
    named = [paper.content["seller"]["name_en"] for paper in papers]
    assert named == [shop.settings.shop_name, "QR Studio Co., Ltd."]


CHANGES = (
    "UPDATE receipts SET number = 7",
    "UPDATE receipts SET number = NULL, numbered_at = NULL",
    "UPDATE receipts SET amount_satang = 1",
    "UPDATE receipts SET buyer_name = 'Nobody'",
    "UPDATE receipts SET content = '{}'",
    "UPDATE receipts SET issued_at = issued_at + interval '1 second'",
    "DELETE FROM receipts",
    "TRUNCATE receipts CASCADE",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_numbered_paper_cannot_be_changed_or_deleted(
    shop: Shop, make: Factory, change: str
) -> None:
    sell(shop, make)
    sweep(shop)
    before = references(shop)

    with (
        pytest.raises(IntegrityError, match="receipts stay as they are"),
        shop.database.transaction() as session,
    ):
        session.execute(text(change))

    assert references(shop) == before


@pytest.mark.parametrize("change", CHANGES[2:4] + CHANGES[6:])
def test_nor_can_one_that_waits_for_its_number(shop: Shop, make: Factory, change: str) -> None:
    sell(shop, make)

    with (
        pytest.raises(IntegrityError, match="receipts stay as they are"),
        shop.database.transaction() as session,
    ):
        session.execute(text(change))


def test_two_papers_never_share_a_number(shop: Shop, make: Factory) -> None:
    sell(shop, make, times=2)
    with shop.database.transaction() as session:
        number_receipts(session, shop_name="x", now=shop.clock(), most=1)

    with (
        pytest.raises(IntegrityError, match="uq_receipts_series_year_number"),
        shop.database.transaction() as session,
    ):
        session.execute(
            update(Receipt)
            .where(Receipt.number.is_(None))
            .values(number=1, numbered_at=shop.clock())
        )
    sweep(shop)


def test_a_credit_note_can_be_declared_void_once(shop: Shop, make: Factory) -> None:
    order = buy(shop, make, make.user(), (make.product(price=baht(100)), 1))
    give_back(shop, order, baht(40))
    sweep(shop)
    _receipt, note = receipts_of(shop, order)
    for change in ("voided_at = NULL, void_reason = NULL", "void_reason = 'other'"):
        with shop.database.transaction() as session:
            session.execute(
                text("UPDATE receipts SET voided_at = now(), void_reason = 'x' WHERE id = :id"),
                {"id": note.id},
            )
            with pytest.raises(IntegrityError, match="stay"), session.begin_nested():
                session.execute(
                    text(f"UPDATE receipts SET {change} WHERE id = :id"), {"id": note.id}
                )
            session.rollback()
    with (
        pytest.raises(IntegrityError, match="ck_receipts_void"),
        shop.database.transaction() as session,
    ):
        session.execute(
            text("UPDATE receipts SET voided_at = now(), void_reason = 'x' WHERE kind = 'order'")
        )


def test_the_counter_says_the_last_number(shop: Shop, make: Factory) -> None:
    sell(shop, make, times=2)
    sweep(shop)

    with shop.database.reading() as session:
        counters = session.scalars(select(ReceiptCounter)).all()

    assert [(one.series, one.last_number) for one in counters] == [("RC", 2)]
