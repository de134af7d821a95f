"""What a unit costs: flash sales by the clock and by units, bundles without what is owned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from storefront.catalog.models import BundleItem, Category, Variant
from storefront.catalog.price_models import PriceChange
from storefront.catalog.pricing import (
    BundlePart,
    RunningItem,
    find_running_items,
    find_unit_prices,
    unit_price,
    without_owned,
)
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENDS = NOW + timedelta(hours=1)


def item(
    price: Money, *, reference: Money | None = None, units_left: int | None = None
) -> RunningItem:
    return RunningItem(new_id(), price, reference, ENDS, units_left)


def test_the_lower_of_base_and_flash_price_holds() -> None:
    assert unit_price(baht(490), None, item(baht(390))).amount == baht(390)
    assert unit_price(baht(390), None, item(baht(390))).flash_item_id is None
    assert unit_price(baht(290), baht(350), item(baht(390))).struck == baht(350)


def test_a_line_that_wants_more_than_the_units_left_pays_the_usual_price() -> None:
    two_left = item(baht(390), units_left=2)
    assert unit_price(baht(490), None, two_left, quantity=2).amount == baht(390)
    assert unit_price(baht(490), None, two_left, quantity=3).amount == baht(490)


def test_only_a_reference_above_the_flash_price_is_struck_out() -> None:
    assert unit_price(baht(490), None, item(baht(390), reference=baht(450))).struck == baht(450)
    assert unit_price(baht(490), baht(600), item(baht(390), reference=baht(390))).struck is None
    assert unit_price(baht(490), baht(600), item(baht(390))).struck is None


def part(price: int) -> BundlePart:
    return BundlePart(new_id(), "slug", "ชื่อ", "name", None, Money(price))


def test_a_third_owned_takes_its_share_off_the_bundle() -> None:
    parts = [part(10_000), part(10_000), part(20_000)]
    deal = without_owned(baht(300), parts, {parts[0].product_id})
    assert deal is not None
    assert (deal.price, deal.taken_off) == (baht(225), baht(75))
    assert deal.missing == (parts[1].product_id, parts[2].product_id)


def test_parts_that_are_not_sold_alone_have_equal_shares() -> None:
    parts = [part(0), part(0)]
    deal = without_owned(baht(100), parts, {parts[1].product_id})
    assert deal is not None
    assert deal.price == baht(50)


def test_somebody_who_owns_nothing_of_it_pays_the_bundle() -> None:
    assert without_owned(baht(100), [part(1), part(2)], {new_id()}) is None
    assert without_owned(baht(100), [], {new_id()}) is None


@given(
    price=st.integers(0, 10**9),
    weights=st.lists(st.integers(0, 10**7), min_size=1, max_size=12),
    data=st.data(),
)
def test_what_is_taken_off_and_what_is_left_always_add_up(
    price: int, weights: list[int], data: st.DataObject
) -> None:
    parts = [part(weight) for weight in weights]
    owned = data.draw(st.sets(st.sampled_from([one.product_id for one in parts]), min_size=1))
    deal = without_owned(Money(price), parts, owned)
    assert deal is not None
    assert deal.price + deal.taken_off == Money(price)
    assert Money(0) <= deal.price <= Money(price)
    assert owned.isdisjoint(deal.missing)
    if not deal.missing:
        assert deal.price == Money(0)


@pytest.mark.parametrize(
    ("offset", "is_running"),
    [
        (timedelta(microseconds=-1), False),
        (timedelta(0), True),
        (timedelta(hours=2, microseconds=-1), True),
        (timedelta(hours=2), False),
    ],
)
def test_a_window_holds_from_its_start_until_before_its_end(
    make: Factory, database: Database, offset: timedelta, is_running: bool
) -> None:
    product = make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), starts_at=NOW, ends_at=NOW + timedelta(hours=2))
    with database.reading() as session:
        prices = find_unit_prices(session, product.variants, now=NOW + offset)
    expected = baht(390) if is_running else baht(490)
    assert prices[product.variants[0].id].amount == expected


def test_a_flash_sale_without_units_left_is_over(make: Factory, database: Database) -> None:
    product = make.product(price=baht(490))
    sold_out = make.flash_sale(product, price=baht(390), units=2)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE flash_sale_items SET sold = 2"))
    with database.reading() as session:
        now = datetime.now(UTC)
        assert find_running_items(session, [sold_out.variant_id], now=now) == {}
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE flash_sale_items SET sold = 0"))


def test_the_database_refuses_more_units_than_the_sale_has(
    make: Factory, database: Database
) -> None:
    make.flash_sale(make.product(price=baht(490)), price=baht(390), units=2)
    with (
        pytest.raises(IntegrityError, match="ck_flash_sale_items_not_oversold"),
        database.engine.begin() as connection,
    ):
        connection.execute(text("UPDATE flash_sale_items SET held = 3"))


def test_the_database_refuses_two_sales_of_one_variant_at_once(make: Factory) -> None:
    product = make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), starts_at=NOW, ends_at=ENDS)
    make.flash_sale(product, price=baht(380), starts_at=ENDS, ends_at=ENDS + timedelta(hours=1))
    with pytest.raises(IntegrityError, match="another flash sale"):
        make.flash_sale(
            product, price=baht(370), starts_at=ENDS - timedelta(minutes=1), ends_at=ENDS
        )


def test_every_change_of_price_is_remembered(make: Factory, database: Database) -> None:
    variant = make.product(price=baht(490)).variants[0]
    with database.transaction() as session:
        session.execute(update(Variant).values(price_satang=39_000))
    with database.reading() as session:
        history = session.query(PriceChange).order_by(PriceChange.began_at).all()
    assert [change.price_satang for change in history] == [49_000, 39_000]
    assert {change.variant_id for change in history} == {variant.id}


def test_the_lowest_price_looks_back_thirty_days_and_at_flash_sales(
    make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    make.charged(product, baht(300), days_ago=60)
    make.charged(product, baht(450), days_ago=40)

    def lowest() -> int | None:
        with database.reading() as session:
            return session.scalar(
                text("SELECT lowest_price(id, now()) FROM variants"),
            )

    assert lowest() == 45_000, "450 was still charged 30 days ago, 300 no more"
    now = datetime.now(UTC)
    make.flash_sale(
        product,
        price=baht(200),
        starts_at=now - timedelta(days=5),
        ends_at=now - timedelta(days=4),
    )
    assert lowest() == 20_000


def test_a_price_that_was_never_charged_cannot_be_struck_out(
    make: Factory, database: Database
) -> None:
    make.product(price=baht(490))

    def reduce(original: int) -> None:
        with database.transaction() as session:
            session.execute(
                update(Variant).values(price_satang=39_000, original_price_satang=original)
            )

    with pytest.raises(IntegrityError, match="lowest of the last 30 days"):
        reduce(59_000)
    reduce(49_000)


def test_categories_cannot_stand_in_a_circle(make: Factory, database: Database) -> None:
    top = make.category("top")
    with database.transaction() as session:
        below = Category(id=new_id(), slug="below", parent_id=top.id, name_th="ล่าง", name_en="B")
        session.add(below)
    with (
        pytest.raises(IntegrityError, match="inside itself"),
        database.transaction() as session,
    ):
        session.execute(update(Category).where(Category.id == top.id).values(parent_id=below.id))


def test_bundles_hold_no_bundles(make: Factory, database: Database) -> None:
    inner, product = make.bundle(make.product()), make.product()
    with (
        pytest.raises(IntegrityError, match="plain products only"),
        database.transaction() as session,
    ):
        session.add(BundleItem(bundle_id=product.id, product_id=inner.id))
    with (
        pytest.raises(IntegrityError, match="not_itself"),
        database.transaction() as session,
    ):
        session.add(BundleItem(bundle_id=product.id, product_id=product.id))
