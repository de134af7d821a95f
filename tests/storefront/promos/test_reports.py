"""What staff read about promo codes: where they stand, and what they did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.quotes import get_quote
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.orders.promo_usage import count_usage, list_days, list_promo_uses
from storefront.promos.models import PromoCode, PromoScope, PromoUse
from storefront.promos.reports import (
    Phase,
    count_batches,
    count_promos,
    find_products,
    get_batch,
    get_promo_row,
    list_batches,
    list_promos,
    list_shelves,
    search_products,
    walk_batch,
)
from tests.storefront.orders.purchases import counted_queries
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")

DAY = timedelta(days=1)


def place(
    shop: Shop, make: Factory, code: str, method: PaymentMethod = PaymentMethod.BALANCE
) -> tuple[UUID, UUID]:
    """An order of ฿490 with the code, and its buyer."""
    user = make.user()
    make.cart(user, (make.product(price=baht(490)), 1), promo_code=code)
    make.wallet(user, baht(490))
    with shop.database.reading() as session:
        total = get_quote(session, user.id, now=shop.clock()).total
    placed = flow.place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    )
    return placed.order_id, user.id


def listed(shop: Shop, phase: Phase, search: str = "") -> list[str]:
    with shop.database.reading() as session:
        page = list_promos(session, phase, search=search, now=shop.clock())
        return [row.code for row in page.items]


def test_a_code_stands_in_exactly_one_tab(shop: Shop, make: Factory) -> None:
    now = shop.clock()
    make.promo("RUNS", starts_at=now - DAY, ends_at=now + DAY, total_limit=5)
    make.promo("LATER", starts_at=now + DAY)
    make.promo("OVER", ends_at=now - DAY, starts_at=now - 2 * DAY)
    make.promo("OFF-AND-OVER", ends_at=now - DAY, active=False)
    make.promo("ONCE", total_limit=1)
    place(shop, make, "ONCE")
    assert {phase: listed(shop, phase) for phase in Phase} == {
        Phase.ACTIVE: ["RUNS"],
        Phase.PLANNED: ["LATER"],
        Phase.USED_UP: ["ONCE"],
        Phase.EXPIRED: ["OVER"],
        Phase.OFF: ["OFF-AND-OVER"],
    }
    with shop.database.reading() as session:
        assert count_promos(session, now=now) == dict.fromkeys(Phase, 1)


def test_an_end_is_reached_in_its_very_moment(shop: Shop, make: Factory) -> None:
    end = shop.clock() + DAY
    promo = make.promo(ends_at=end)
    with shop.database.reading() as session:
        before = get_promo_row(session, promo.id, now=end - timedelta(microseconds=1))
        at_end = get_promo_row(session, promo.id, now=end)
    assert (before.phase, at_end.phase) == (Phase.ACTIVE, Phase.EXPIRED)


def test_codes_of_a_batch_do_not_hide_the_rest_but_are_found_by_searching(
    shop: Shop, make: Factory
) -> None:
    make.promo("SUMMER", note="beach_party 100%")
    make.promo("FLY-ACDEF", batch="Flyers", total_limit=1)
    assert listed(shop, Phase.ACTIVE) == ["SUMMER"]
    assert listed(shop, Phase.ACTIVE, "acd") == ["FLY-ACDEF"]
    assert listed(shop, Phase.ACTIVE, "PARTY") == ["SUMMER"]
    assert listed(shop, Phase.ACTIVE, "100%") == ["SUMMER"]
    assert listed(shop, Phase.ACTIVE, "beach party") == []  # _ and % are letters here
    assert listed(shop, Phase.OFF, "acd") == []


def test_pages_neither_skip_nor_repeat_and_cost_the_same_however_many(
    shop: Shop, make: Factory
) -> None:
    product = make.product()
    made = [make.promo(f"CODE-{n}", covers=product).code for n in range(7)]
    seen: list[str] = []
    cursor = None
    with shop.database.reading() as session:
        for _page in range(4):
            with counted_queries(shop.database.engine) as queries:
                page = list_promos(session, Phase.ACTIVE, now=shop.clock(), cursor=cursor, limit=2)
            assert len([one for one in queries if one.startswith(("SELECT", "WITH"))]) == 2
            seen += [row.code for row in page.items]
            assert all(row.covered[0].id == product.id for row in page.items)
            cursor = page.next_cursor
    assert seen == made[::-1]
    assert cursor is None


def test_a_forged_cursor_begins_at_the_first_page(shop: Shop, make: Factory) -> None:
    make.promo()
    with shop.database.reading() as session:
        for cursor in ("x", "WyJ4Il0", "a" * 400):
            page = list_promos(session, Phase.ACTIVE, now=shop.clock(), cursor=cursor)
            assert len(page.items) == 1
            assert list_batches(session, now=shop.clock(), cursor=cursor).items == []


def test_usage_counts_each_use_where_it_stands(shop: Shop, make: Factory) -> None:
    promo, other = make.promo(), make.promo("OTHER")
    place(shop, make, "TENTH")
    place(shop, make, "TENTH")
    place(shop, make, "TENTH", PaymentMethod.STRIPE)
    closed, buyer = place(shop, make, "TENTH", PaymentMethod.STRIPE)
    flow.cancel_order(shop, closed, user_id=buyer)
    place(shop, make, "OTHER")
    with shop.database.reading() as session:
        usage = count_usage(session, promo.id)
        uses = list_promo_uses(session, promo.id)
        nothing = count_usage(session, new_id())
    assert (usage.taken, usage.reserved, usage.returned, usage.uses) == (2, 1, 1, 4)
    # Only what was paid counts as money: two times ฿49 off ฿490.
    assert (usage.discount, usage.revenue) == (baht(98), baht(882))
    assert [one.state for one in uses.items] == ["returned", "reserved", "taken", "taken"]
    assert uses.items[0].order_id == closed
    assert (nothing.uses, nothing.revenue) == (0, baht(0))
    assert other.used == 0


def test_days_are_those_of_the_shops_wall_clock(shop: Shop, make: Factory) -> None:
    promo = make.promo()
    late, _buyer = place(shop, make, "TENTH")
    early, _buyer = place(shop, make, "TENTH")
    # 16:59 UTC is a minute before midnight in Bangkok, 17:00 is midnight.
    for order_id, at in (
        (late, datetime(2026, 11, 20, 16, 59, tzinfo=UTC)),
        (early, datetime(2026, 11, 20, 17, 0, tzinfo=UTC)),
    ):
        with shop.database.transaction() as session:
            session.execute(
                update(PromoUse).where(PromoUse.order_id == order_id).values(created_at=at)
            )
    with shop.database.reading() as session:
        days = list_days(session, promo.id)
    assert [(one.day.isoformat(), one.usage.taken) for one in days] == [
        ("2026-11-21", 1),
        ("2026-11-20", 1),
    ]
    assert days[0].usage.revenue == baht(441)


def test_uses_come_in_pages(shop: Shop, make: Factory) -> None:
    promo = make.promo()
    orders = [place(shop, make, "TENTH")[0] for _ in range(3)]
    with shop.database.reading() as session:
        first = list_promo_uses(session, promo.id, limit=2)
        second = list_promo_uses(session, promo.id, cursor=first.next_cursor, limit=2)
    assert [one.order_id for one in (*first.items, *second.items)] == orders[::-1]
    assert second.next_cursor is None


def test_a_batch_is_counted_as_one(shop: Shop, make: Factory) -> None:
    for n in range(3):
        make.promo(f"FLY-{n}", batch="Flyers", total_limit=1)
    make.promo("FLY-OFF", batch="Flyers", total_limit=1, active=False)
    make.promo("GIFT-1", batch="Gifts", total_limit=1)
    place(shop, make, "FLY-0")
    now = shop.clock()
    with shop.database.reading() as session:
        batches = list_batches(session, now=now).items
        batch = get_batch(session, "Flyers", now=now)
        codes = [(one.code, one.phase, one.used) for one in walk_batch(session, "Flyers", now=now)]
        usage = count_usage(session, "Flyers")
        assert count_batches(session) == 2
        assert [one.name for one in list_batches(session, search="gif", now=now).items] == ["Gifts"]
        with pytest.raises(NotFound):
            get_batch(session, "flyers", now=now)
    assert [(one.name, one.codes, one.usable, one.used) for one in batches] == [
        ("Gifts", 1, 1, 0),
        ("Flyers", 4, 2, 1),
    ]
    assert batch.counts == {
        Phase.ACTIVE: 2,
        Phase.PLANNED: 0,
        Phase.USED_UP: 1,
        Phase.EXPIRED: 0,
        Phase.OFF: 1,
    }
    assert (batch.codes, batch.on, batch.was_used) == (4, 3, True)
    assert codes == [
        ("FLY-0", Phase.USED_UP, 1),
        ("FLY-1", Phase.ACTIVE, 0),
        ("FLY-2", Phase.ACTIVE, 0),
        ("FLY-OFF", Phase.OFF, 0),
    ]
    assert (usage.taken, usage.revenue) == (1, baht(441))


def test_a_batch_longer_than_a_page_is_read_to_its_end(shop: Shop, make: Factory) -> None:
    first = make.promo("FLY-0", batch="Flyers", total_limit=1)
    columns = {column.name for column in PromoCode.__table__.c} - {"id", "code"}
    with shop.database.transaction() as session:
        session.execute(
            insert(PromoCode),
            [
                {
                    **{name: getattr(first, name) for name in columns},
                    "id": new_id(),
                    "code": f"FLY-{n}",
                }
                for n in range(1, 2_001)
            ],
        )
    with shop.database.reading() as session:
        codes = [one.code for one in walk_batch(session, "Flyers", now=shop.clock())]
    assert codes == [f"FLY-{n}" for n in range(2_001)]


def test_batches_come_in_pages(shop: Shop, make: Factory) -> None:
    made = [make.promo(f"B-{n:02}", batch=f"Batch {n:02}").batch for n in range(31)]
    with shop.database.reading() as session:
        first = list_batches(session, now=shop.clock())
        second = list_batches(session, now=shop.clock(), cursor=first.next_cursor)
    assert [one.name for one in (*first.items, *second.items)] == made[::-1]
    assert (len(second.items), second.next_cursor) == (1, None)


def test_what_a_code_covers_is_named(shop: Shop, make: Factory) -> None:
    product = make.product(name_en="Night garage")
    shelf = make.category("scripts")
    promo = make.promo(covers=product)
    with shop.database.transaction() as session:
        session.add(PromoScope(id=new_id(), promo_id=promo.id, category_id=shelf.id))
    with shop.database.reading() as session:
        row = get_promo_row(session, promo.id, now=shop.clock())
        assert find_products(session, [new_id(), product.id])[0].name_en == "Night garage"
        assert [one.id for one in search_products(session, "garage")] == [product.id]
        assert shelf.id in [one.id for one in list_shelves(session)]
    assert [(one.name_en, one.is_product) for one in row.covered] == [
        ("Night garage", True),
        ("Shelf scripts", False),
    ]


def test_a_code_that_covers_everything_has_no_list(shop: Shop, make: Factory) -> None:
    promo = make.promo()
    with shop.database.reading() as session:
        row = get_promo_row(session, promo.id, now=shop.clock())
        assert session.get_one(PromoCode, promo.id).covers_all
    assert row.covers_all
    assert row.covered == ()
