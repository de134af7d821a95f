"""Changing, ending and listing flash sales."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.catalog.flash_sales import (
    SaleRefused,
    delete_sale,
    end_sale,
)
from storefront.catalog.flash_sales.queries import (
    get_sale,
    list_ended_sales,
    list_open_sales,
    search_tiers,
)
from storefront.catalog.flash_sales.rules import Phase
from storefront.db import Database
from storefront.errors import Conflict, NotFound
from storefront.kit.money import baht
from tests.storefront.catalog.conftest import CountStatements
from tests.storefront.catalog.flash_drafts import (
    DAY,
    HOUR,
    NOW,
    draft_of,
    faults_of,
    item_of,
    items_of,
)
from tests.support.factories import Factory


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
