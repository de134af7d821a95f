"""A flash price is a function of the clock: nothing has to run for it to begin or to end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.catalog.flash_sales import ItemDraft, SaleDraft, schedule_sale
from storefront.catalog.models import Product, Variant
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.catalog.pricing import find_unit_prices
from storefront.catalog.queries import get_home_lists
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
END = START + timedelta(hours=6)
TICK = timedelta(microseconds=1)
UNITS = 5


class MovableClock:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(START - timedelta(days=1))


@pytest.fixture
def shop_by(shop: Shop, clock: MovableClock) -> Shop:
    """The shop by that clock; no worker and no scheduler runs."""
    return dataclasses.replace(shop, clock=clock)


@pytest.fixture
def guest(shop_by: Shop) -> Iterator[FlaskClient]:
    """A browser without JavaScript at a web face of its own."""
    before = shop_by.database.before_transaction
    app: Flask = create_app(shop_by)
    app.config["WTF_CSRF_ENABLED"] = False
    yield app.test_client()
    shop_by.database.before_transaction = before


def put_on_sale(shop: Shop, make: Factory, product: Product, units: int | None = None) -> None:
    draft = SaleDraft(
        name_th="ลดแรง",
        name_en="Big night",
        starts_at=START,
        ends_at=END,
        items=(ItemDraft(product.variants[0].id, baht(490), units),),
    )
    actor = make.user(role="admin")
    with shop.database.transaction() as session:
        schedule_sale(session, draft, actor_id=actor.id, now=shop.clock())


def prices_seen(guest: FlaskClient, product: Product) -> set[str]:
    """What the product's page, the list and the cart say a unit costs."""
    seen = set()
    for path in (f"/en/products/{product.slug}", "/en/products", "/en/cart"):
        page = guest.get(path)
        assert page.status_code == 200
        text = text_of_page(page)
        seen.add("reduced" if "฿490" in text else "full" if "฿990" in text else f"none: {path}")
    return seen


def test_pages_and_cart_change_price_at_start_and_back_at_end_with_no_job_running(
    guest: FlaskClient, shop_by: Shop, clock: MovableClock, make: Factory
) -> None:
    product = make.product(price=baht(990))
    put_on_sale(shop_by, make, product)
    page = guest.get(f"/en/products/{product.slug}")
    assert submit(guest, page, "/cart/lines").status_code == 303

    by_time = {}
    for moment in (START - TICK, START, END - TICK, END):
        clock.now = moment
        by_time[moment] = prices_seen(guest, product)

    assert by_time == {
        START - TICK: {"full"},
        START: {"reduced"},
        END - TICK: {"reduced"},
        END: {"full"},
    }


def test_the_struck_price_stands_beside_the_reduced_one_only_while_the_sale_runs(
    guest: FlaskClient, shop_by: Shop, clock: MovableClock, make: Factory
) -> None:
    product = make.product(price=baht(990))
    put_on_sale(shop_by, make, product)
    for moment, is_struck in ((START - TICK, False), (START, True), (END, False)):
        clock.now = moment
        page = text_of_page(guest.get(f"/en/products/{product.slug}"))
        assert ("Earlier price ฿990" in page) is is_struck, moment


@pytest.fixture
def on_the_shelf(shop: Shop, make: Factory) -> Iterator[tuple[Shop, Product]]:
    """A product with a sale of five units. Nobody bought what a test says was sold (S3)."""
    product = make.product(price=baht(990), sold_count=1)
    with shop.database.transaction() as session:
        sale = FlashSale(id=new_id(), name_th="ก", name_en="a", starts_at=START, ends_at=END)
        sale.items = [
            FlashSaleItem(
                product_id=product.id,
                variant_id=product.variants[0].id,
                starts_at=START,
                ends_at=END,
                price_satang=49_000,
                reference_satang=99_000,
                units=UNITS,
            )
        ]
        session.add(sale)
    yield shop, product
    with shop.database.transaction() as session:
        session.execute(update(FlashSaleItem).values(sold=0))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    moment=st.datetimes(
        (START - timedelta(hours=1)).replace(tzinfo=None),
        (END + timedelta(hours=1)).replace(tzinfo=None),
    ),
    sold=st.integers(0, UNITS),
)
@example(moment=START.replace(tzinfo=None), sold=UNITS - 1)
@example(moment=END.replace(tzinfo=None), sold=0)
@example(moment=(END - TICK).replace(tzinfo=None), sold=UNITS)
def test_at_every_moment_the_price_is_the_flash_price_inside_the_window_while_units_are_left(
    on_the_shelf: tuple[Shop, Product], moment: datetime, sold: int
) -> None:
    shop, product = on_the_shelf
    now = moment.replace(tzinfo=UTC)
    with shop.database.transaction() as session:
        session.execute(update(FlashSaleItem).values(sold=sold))
    is_flash = START <= now < END and sold < UNITS

    with shop.database.reading() as session:
        tier = session.get_one(Variant, product.variants[0].id)
        price = find_unit_prices(session, [tier], now=now)[tier.id]
        (card,) = get_home_lists(session, now=now).best_sellers

    assert price.amount == (baht(490) if is_flash else baht(990))
    assert price.struck == (baht(990) if is_flash else None)
    assert price.units_left == (UNITS - sold if is_flash else None)
    assert (card.price, card.original_price, card.is_flash) == (
        price.amount,
        price.struck,
        is_flash,
    )
