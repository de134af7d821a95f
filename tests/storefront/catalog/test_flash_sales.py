"""Planning a flash sale: what staff can write down, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from storefront.accounts.models import AuditEntry
from storefront.catalog.flash_sales import (
    ItemDraft,
    SaleRefused,
    delete_sale,
    refresh_references,
)
from storefront.catalog.flash_sales.queries import (
    get_sale,
)
from storefront.catalog.flash_sales.rules import Fault, Phase
from storefront.catalog.models import Variant
from storefront.catalog.price_models import FlashSale
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.storefront.catalog.flash_drafts import (
    DAY,
    HOUR,
    NOW,
    backdate,
    draft_of,
    faults_of,
    item_of,
    items_of,
)
from tests.support.factories import Factory


def test_a_planned_sale_is_written_with_its_items_and_an_audit_row(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product(price=baht(990))

    sale_id = schedule(draft_of(item_of(product, baht(490), 5)))

    item = items_of(database, sale_id)[product.variants[0].id]
    assert (item.price, item.units, item.product_id) == (baht(490), 5, product.id)
    assert (item.starts_at, item.ends_at) == (NOW + HOUR, NOW + DAY)
    with database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == str(sale_id))
        ).one()
    assert entry.action == "schedule_flash_sale"
    assert entry.detail["changes"][f"{product.slug}/standard.price_satang"] == [None, 49_000]
    assert entry.detail["changes"]["name_en"] == [None, "Mid-year sale"]


def test_no_start_means_right_away(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    sale_id = schedule(draft_of(item_of(make.product(), baht(1)), starts_at=None))
    with database.reading() as session:
        sale = get_sale(session, sale_id, now=NOW)
    assert (sale.starts_at, sale.phase) == (NOW, Phase.RUNNING)


def test_the_minute_that_runs_now_is_now_and_the_one_before_is_past(
    make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product()
    with pytest.raises(SaleRefused) as refusal:
        schedule(draft_of(item_of(product, baht(1)), starts_at=NOW - timedelta(seconds=60)))
    assert faults_of(refusal) == [("start_past", "starts_at")]

    schedule(draft_of(item_of(product, baht(1)), starts_at=NOW - timedelta(seconds=59)))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name_th": "  "}, ("name_missing", "name_th")),
        ({"name_en": "x" * 81}, ("name_too_long", "name_en")),
        ({"ends_at": NOW + HOUR}, ("end_before_start", "ends_at")),
        ({"ends_at": NOW - DAY}, ("end_before_start", "ends_at")),
        ({"ends_at": NOW + HOUR + 31 * DAY + HOUR}, ("window_too_long", "ends_at")),
    ],
)
def test_a_name_or_a_window_that_makes_no_sense_is_refused(
    make: Factory,
    database: Database,
    schedule: Callable[..., UUID],
    changes: dict[str, Any],
    fault: tuple[str, str],
) -> None:
    with pytest.raises(SaleRefused) as refusal:
        schedule(draft_of(item_of(make.product(), baht(1)), **changes))
    assert faults_of(refusal) == [fault]
    with database.reading() as session:
        assert session.scalars(select(FlashSale)).all() == []


@pytest.mark.parametrize(
    ("price", "units", "fault"),
    [
        (baht(-1), None, ("price_negative", "price")),
        (baht(990), None, ("price_not_below", "price")),
        (baht(1), 0, ("units_out_of_range", "units")),
        (baht(1), -3, ("units_out_of_range", "units")),
        (baht(1), 6, ("units_beyond_stock", "units")),
    ],
)
def test_an_item_that_makes_no_sense_is_refused(
    make: Factory,
    schedule: Callable[..., UUID],
    price: Money,
    units: int | None,
    fault: tuple[str, str],
) -> None:
    product = make.product(price=baht(990), stock=5)
    with pytest.raises(SaleRefused) as refusal:
        schedule(draft_of(item_of(product, price, units)))
    assert faults_of(refusal) == [fault]


def test_a_free_tier_and_the_last_units_of_the_stock_are_fine(
    make: Factory, schedule: Callable[..., UUID]
) -> None:
    schedule(draft_of(item_of(make.product(price=baht(990), stock=5), baht(0), 5)))


def test_everything_wrong_is_said_at_once(make: Factory, schedule: Callable[..., UUID]) -> None:
    product = make.product(price=baht(100))
    item = item_of(product, baht(200))
    with pytest.raises(SaleRefused) as refusal:
        schedule(draft_of(item, item, ItemDraft(new_id(), baht(1)), name_th=""))
    assert {fault for fault, _ in faults_of(refusal)} == {
        "name_missing",
        "item_twice",
        "item_unknown",
        "price_not_below",
    }


def test_a_sale_needs_an_item(schedule: Callable[..., UUID]) -> None:
    with pytest.raises(SaleRefused) as refusal:
        schedule(draft_of())
    assert faults_of(refusal) == [("no_items", "items")]


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_is_not_on_the_shelves_cannot_be_on_sale(
    make: Factory, schedule: Callable[..., UUID], status: str
) -> None:
    with pytest.raises(SaleRefused) as refusal:
        schedule(draft_of(item_of(make.product(status=status), baht(1))))
    assert faults_of(refusal) == [("item_not_shown", "items")]


def test_windows_of_one_tier_that_overlap_are_refused_by_name(
    make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product()
    schedule(draft_of(item_of(product, baht(1)), name_en="First"))

    with pytest.raises(SaleRefused) as refusal:
        schedule(
            draft_of(item_of(product, baht(2)), starts_at=NOW + DAY - HOUR, ends_at=NOW + 2 * DAY)
        )

    (problem,) = refusal.value.problems
    assert (problem.fault, problem.other_en) == (Fault.OVERLAPS, "First")
    # One begins when the other ends: nothing overlaps.
    schedule(draft_of(item_of(product, baht(2)), starts_at=NOW + DAY, ends_at=NOW + 2 * DAY))


def test_the_reference_is_the_lowest_price_of_the_thirty_days_before(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product(price=baht(990))
    backdate(database, product, (90, baht(300)), (60, baht(800)), (10, baht(700)), (5, baht(990)))

    sale_id = schedule(draft_of(item_of(product, baht(490))))

    assert items_of(database, sale_id)[product.variants[0].id].reference_satang == 70_000


def test_a_sale_before_counts_for_the_next_one(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product(price=baht(990))
    backdate(database, product, (90, baht(990)))
    schedule(draft_of(item_of(product, baht(590))))

    sale_id = schedule(
        draft_of(item_of(product, baht(490)), starts_at=NOW + 5 * DAY, ends_at=NOW + 6 * DAY)
    )

    assert items_of(database, sale_id)[product.variants[0].id].reference_satang == 59_000


def test_a_planned_sale_thrown_away_no_longer_counts_for_the_next_one(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product(price=baht(990))
    backdate(database, product, (90, baht(990)))
    first = schedule(draft_of(item_of(product, baht(590))))
    later = schedule(
        draft_of(item_of(product, baht(490)), starts_at=NOW + 5 * DAY, ends_at=NOW + 6 * DAY)
    )

    actor = make.user().id
    with database.transaction() as session:
        delete_sale(session, first, actor_id=actor, now=NOW)

    assert items_of(database, later)[product.variants[0].id].reference_satang == 99_000


def test_a_new_base_price_changes_the_reference_until_the_sale_begins(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    product = make.product(price=baht(990))
    backdate(database, product, (90, baht(990)))
    other = make.product(price=baht(990))
    planned = schedule(draft_of(item_of(product, baht(490))))
    begun = schedule(draft_of(item_of(other, baht(490)), starts_at=None))
    variant_ids = [product.variants[0].id, other.variants[0].id]

    with database.transaction() as session:
        session.execute(update(Variant).values(price_satang=60_000))
        refresh_references(session, variant_ids, now=NOW)

    assert items_of(database, planned)[variant_ids[0]].reference_satang == 60_000
    assert items_of(database, begun)[variant_ids[1]].reference_satang == 99_000
