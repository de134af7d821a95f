"""What staff can do with a flash sale, and what they cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from storefront.accounts.models import AuditEntry
from storefront.catalog.flash_sales import (
    ItemDraft,
    SaleDraft,
    SaleRefused,
    change_sale,
    delete_sale,
    end_sale,
    refresh_references,
    schedule_sale,
)
from storefront.catalog.flash_sales.queries import (
    get_sale,
    list_ended_sales,
    list_open_sales,
    search_tiers,
)
from storefront.catalog.flash_sales.rules import Fault, Phase
from storefront.catalog.models import FlashSale, FlashSaleItem, Product, Variant
from storefront.db import Database
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.storefront.catalog.conftest import CountStatements
from tests.support.factories import Factory

NOW = datetime.now(UTC) + timedelta(minutes=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def draft_of(*items: ItemDraft, **changes: Any) -> SaleDraft:
    return SaleDraft(
        **{
            "name_th": "ลดกลางปี",
            "name_en": "Mid-year sale",
            "starts_at": NOW + HOUR,
            "ends_at": NOW + DAY,
            "items": items,
            **changes,
        }
    )


def item_of(product: Product, price: Money, units: int | None = None) -> ItemDraft:
    return ItemDraft(product.variants[0].id, price, units)


@pytest.fixture
def schedule(database: Database, make: Factory) -> Callable[..., UUID]:
    """schedule(draft, now=NOW): the id of the sale that was written."""
    actor = make.user(role="admin")

    def schedule(draft: SaleDraft, *, now: datetime = NOW) -> UUID:
        with database.transaction() as session:
            return schedule_sale(session, draft, actor_id=actor.id, now=now)

    return schedule


@pytest.fixture
def change(database: Database, make: Factory) -> Callable[..., None]:
    """change(sale_id, draft, revision=1, now=NOW)."""
    actor = make.user(role="admin")

    def change(sale_id: UUID, draft: SaleDraft, *, revision: int = 1, now: datetime = NOW) -> None:
        with database.transaction() as session:
            change_sale(session, sale_id, draft, revision=revision, actor_id=actor.id, now=now)

    return change


def faults_of(refusal: pytest.ExceptionInfo[SaleRefused]) -> list[tuple[str, str]]:
    return [(one.fault.value, one.field) for one in refusal.value.problems]


def items_of(database: Database, sale_id: UUID) -> dict[UUID, FlashSaleItem]:
    with database.reading() as session:
        rows = session.scalars(select(FlashSaleItem).where(FlashSaleItem.sale_id == sale_id))
        return {row.variant_id: row for row in rows}


def backdate(database: Database, product: Product, *prices: tuple[int, Money]) -> None:
    """The price history of the product's tier: (days before now, price)."""
    variant_id = product.variants[0].id
    with database.transaction() as session:
        session.execute(
            text("DELETE FROM price_changes WHERE variant_id = :variant"), {"variant": variant_id}
        )
        for days, price in prices:
            session.execute(
                text(
                    "INSERT INTO price_changes (variant_id, began_at, price_satang)"
                    " VALUES (:variant, :at, :price)"
                ),
                {"variant": variant_id, "at": NOW - days * DAY, "price": price.satang},
            )


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


def test_a_planned_sale_can_change_altogether(
    database: Database,
    make: Factory,
    schedule: Callable[..., UUID],
    change: Callable[..., None],
) -> None:
    first, second = make.product(), make.product()
    sale_id = schedule(draft_of(item_of(first, baht(100))))

    window = {"starts_at": NOW + 2 * DAY, "ends_at": NOW + 3 * DAY}
    change(sale_id, draft_of(item_of(second, baht(50), 9), name_en="Other", **window))

    items = items_of(database, sale_id)
    assert set(items) == {second.variants[0].id}
    assert items[second.variants[0].id].starts_at == NOW + 2 * DAY
    with database.reading() as session:
        sale = get_sale(session, sale_id, now=NOW)
    assert (sale.name_en, sale.revision) == ("Other", 2)


def test_of_two_editors_the_second_is_told(
    database: Database,
    make: Factory,
    schedule: Callable[..., UUID],
    change: Callable[..., None],
) -> None:
    product = make.product()
    sale_id = schedule(draft_of(item_of(product, baht(100))))
    change(sale_id, draft_of(item_of(product, baht(90))), revision=1)

    with pytest.raises(Conflict) as refusal:
        change(sale_id, draft_of(item_of(product, baht(80))), revision=1)

    assert refusal.value.code == "edited_elsewhere"
    assert items_of(database, sale_id)[product.variants[0].id].price == baht(90)


def test_a_running_sale_takes_a_new_end_more_units_and_more_items(
    database: Database,
    make: Factory,
    schedule: Callable[..., UUID],
    change: Callable[..., None],
) -> None:
    first, second = make.product(price=baht(990)), make.product(price=baht(990))
    sale_id = schedule(draft_of(item_of(first, baht(100), 5), starts_at=None))
    later = NOW + HOUR
    items = (item_of(first, baht(100), 8), item_of(second, baht(300)))

    change(sale_id, draft_of(*items, starts_at=None, ends_at=NOW + 2 * DAY), now=later)
    change(sale_id, draft_of(*items, starts_at=None, ends_at=NOW + 2 * HOUR), revision=2, now=later)

    found = items_of(database, sale_id)
    assert found[first.variants[0].id].units == 8
    assert {item.ends_at for item in found.values()} == {NOW + 2 * HOUR}
    assert {item.starts_at for item in found.values()} == {NOW}


def test_a_running_sale_keeps_what_shoppers_were_promised(
    make: Factory, schedule: Callable[..., UUID], change: Callable[..., None]
) -> None:
    first, second, third = (make.product(price=baht(990)) for _ in range(3))
    sale_id = schedule(
        draft_of(
            item_of(first, baht(100), 5),
            item_of(second, baht(100)),
            item_of(third, baht(100)),
            starts_at=None,
        )
    )

    with pytest.raises(SaleRefused) as refusal:
        change(
            sale_id,
            draft_of(
                item_of(first, baht(100), 4),
                item_of(second, baht(99)),
                starts_at=NOW + 2 * HOUR,
            ),
            now=NOW + HOUR,
        )

    assert set(faults_of(refusal)) == {
        ("start_fixed", "starts_at"),
        ("units_fewer", "units"),
        ("price_fixed", "price"),
        ("item_fixed", "items"),
    }


def test_a_running_sale_cannot_end_in_the_past(
    make: Factory, schedule: Callable[..., UUID], change: Callable[..., None]
) -> None:
    item = item_of(make.product(), baht(1))
    sale_id = schedule(draft_of(item, starts_at=None))
    with pytest.raises(SaleRefused) as refusal:
        change(sale_id, draft_of(item, starts_at=None, ends_at=NOW + HOUR), now=NOW + 2 * HOUR)
    assert faults_of(refusal) == [("end_past", "ends_at")]


def test_a_sale_that_is_over_does_not_change(
    make: Factory, schedule: Callable[..., UUID], change: Callable[..., None]
) -> None:
    item = item_of(make.product(), baht(1))
    sale_id = schedule(draft_of(item))
    with pytest.raises(Conflict) as refusal:
        change(sale_id, draft_of(item, ends_at=NOW + 9 * DAY), now=NOW + DAY)
    assert refusal.value.code == "flash_sale_ended"


def test_a_running_sale_is_ended_now_and_once(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    sale_id = schedule(draft_of(item_of(make.product(), baht(1)), starts_at=None))
    actor = make.user()
    for later in (NOW + HOUR, NOW + 2 * HOUR):
        with database.transaction() as session:
            end_sale(session, sale_id, actor_id=actor.id, now=later)
    with database.reading() as session:
        assert get_sale(session, sale_id, now=NOW).ends_at == NOW + HOUR
        ended = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "end_flash_sale")
        ).all()
    assert len(ended) == 1


def test_a_sale_can_be_ended_in_the_moment_it_begins(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    sale_id = schedule(draft_of(item_of(make.product(), baht(1)), starts_at=None))
    actor = make.user().id
    with database.transaction() as session:
        end_sale(session, sale_id, actor_id=actor, now=NOW)
    with database.reading() as session:
        sale = get_sale(session, sale_id, now=NOW + timedelta(seconds=1))
    assert sale.phase is Phase.ENDED


def test_only_a_planned_sale_can_be_thrown_away_and_only_a_begun_one_ended(
    database: Database, make: Factory, schedule: Callable[..., UUID]
) -> None:
    planned = schedule(draft_of(item_of(make.product(), baht(1))))
    running = schedule(draft_of(item_of(make.product(), baht(1)), starts_at=None))
    actor = make.user().id

    with database.transaction() as session, pytest.raises(Conflict) as refusal:
        end_sale(session, planned, actor_id=actor, now=NOW)
    assert refusal.value.code == "flash_sale_not_running"
    with database.transaction() as session, pytest.raises(Conflict) as refusal:
        delete_sale(session, running, actor_id=actor, now=NOW)
    assert refusal.value.code == "flash_sale_begun"
    with database.transaction() as session:
        delete_sale(session, planned, actor_id=actor, now=NOW)
    with database.reading() as session, pytest.raises(NotFound):
        get_sale(session, planned, now=NOW)
    assert items_of(database, planned) == {}


def test_lists_are_in_the_order_of_the_clock_and_ended_ones_come_in_pages(
    database: Database,
    make: Factory,
    schedule: Callable[..., UUID],
    statements: CountStatements,
) -> None:
    product = make.product(price=baht(990))
    sales = [
        schedule(
            draft_of(
                item_of(product, baht(1), 2),
                starts_at=NOW + (n + 1) * HOUR,
                ends_at=NOW + (n + 2) * HOUR,
            )
        )
        for n in range(5)
    ]
    late = NOW + 3 * HOUR  # Two are over, one runs, two are planned.

    with statements() as seen, database.reading() as session:
        opened = list_open_sales(session, now=late)
        first = list_ended_sales(session, now=late, limit=1)
        rest = list_ended_sales(session, now=late, limit=1, cursor=first.next_cursor)
        forged = list_ended_sales(session, now=late, limit=1, cursor="forged")

    assert [row.id for row in opened] == sales[2:]
    assert [row.phase for row in opened] == [Phase.RUNNING, Phase.PLANNED, Phase.PLANNED]
    assert (opened[0].units, opened[0].sold, opened[0].units_left) == (2, 0, 2)
    assert [row.id for row in first.items] == [sales[1]]
    assert [row.id for row in rest.items] == [sales[0]]
    assert rest.next_cursor is None
    assert [row.id for row in forged.items] == [sales[1]]
    assert len(seen) == 4


def test_tiers_are_found_by_name_and_only_those_on_the_shelves(
    database: Database, make: Factory
) -> None:
    wanted = make.product(name_en="Garage 100%", sold_count=3)
    make.product(name_en="Garage two")
    make.product(name_en="Garage three", status="draft")
    with database.reading() as session:
        by_name = search_tiers(session, "garage", at=NOW)
        by_sign = search_tiers(session, "100%", at=NOW)
        everything = search_tiers(session, "", at=NOW)
    assert [tier.name_en for tier in by_name] == ["Garage 100%", "Garage two"]
    assert [tier.variant_id for tier in by_sign] == [wanted.variants[0].id]
    assert len(everything) == 2
