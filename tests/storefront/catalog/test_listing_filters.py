from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from storefront.catalog.counts import CountCache, Cube, Options
from storefront.catalog.filters import Filters, Sort
from storefront.catalog.forms import HIGHEST_PRICE, read_list_request
from storefront.catalog.listing import list_products
from storefront.catalog.models import Category
from storefront.catalog.search.indexing import index_stale
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.support.factories import Factory

NOW = datetime.now(UTC)


def options(database: Database, filters: Filters) -> Options:
    with database.reading() as session:
        return list_products(
            session, filters, Sort.NEWEST, cursor=None, now=NOW, counts=CountCache()
        ).options


def fill(make: Factory, database: Database) -> tuple[Category, Category]:
    """Four products on two shelves."""
    vehicles, tools = make.category("vehicles"), make.category("tools")
    make.product(category_id=vehicles.id, frameworks=["esx"], price=baht(100))
    make.product(category_id=vehicles.id, frameworks=["qbcore"], price=baht(200), stock=0)
    make.product(
        category_id=tools.id, frameworks=["esx", "qbcore"], price=baht(300), delivery="protected"
    )
    make.product(category_id=tools.id, frameworks=["esx"], price=baht(400), status="coming_soon")
    return vehicles, tools


def test_a_number_says_what_a_choice_would_leave_with_the_others_kept(
    make: Factory, database: Database
) -> None:
    vehicles, tools = fill(make, database)
    found = options(database, Filters(framework="esx"))
    assert found.total == 3
    assert found.frameworks == {"esx": 3, "qbcore": 2}
    assert found.categories == {vehicles.id: 1, tools.id: 2}
    assert found.deliveries == {"open_source": 2, "protected": 1}
    assert (found.any_framework, found.any_category, found.any_delivery) == (4, 3, 3)
    assert (found.on_sale, found.in_stock) == (0, 2)


def test_every_number_is_what_choosing_it_finds(make: Factory, database: Database) -> None:
    fill(make, database)
    base = Filters(category="tools", price_from=baht(150))
    found = options(database, base)
    for framework, count in found.frameworks.items():
        chosen = Filters(category="tools", price_from=baht(150), framework=framework)
        assert options(database, chosen).total == count
    in_stock = Filters(category="tools", price_from=baht(150), in_stock=True)
    assert options(database, in_stock).total == found.in_stock == 1


@pytest.mark.parametrize(
    ("lowest", "highest", "count"),
    [(None, 200, 2), (200, None, 3), (200, 300, 2), (201, 299, 0), (100, 100, 1)],
)
def test_both_ends_of_a_price_range_belong_to_it(
    make: Factory, database: Database, lowest: int | None, highest: int | None, count: int
) -> None:
    fill(make, database)
    filters = Filters(
        price_from=baht(lowest) if lowest else None, price_to=baht(highest) if highest else None
    )
    assert options(database, filters).total == count


def test_ratings_are_offered_only_where_there_are_some(make: Factory, database: Database) -> None:
    make.product(slug="plain")
    assert not options(database, Filters()).has_ratings
    make.product(slug="rated", rating_count=1, rating_sum=4, frameworks=["qbox"])
    assert options(database, Filters()).has_ratings
    assert not options(database, Filters(framework="esx")).has_ratings


def test_numbers_follow_the_phrase(make: Factory, database: Database) -> None:
    make.product(name_en="Garage", frameworks=["esx"])
    make.product(name_en="Harbour", frameworks=["qbcore"])
    index_stale(database)
    assert options(database, Filters(phrase="garage")).frameworks == {"esx": 1}


def test_a_count_is_kept_and_can_be_forgotten() -> None:
    cache, asked = CountCache(), []

    def count() -> Cube:
        asked.append(1)
        cell = (new_id(), ("esx",), "protected", False, True, False, 3)
        return Cube([cell])  # type: ignore[list-item]

    first = cache.get("all", count)
    assert cache.get("all", count) is first
    cache.forget()
    cache.get("all", count)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("500", baht(500)),
        ("1,290.50", Money(129_050)),
        ("฿ 99", baht(99)),
        ("๕๐๐ บาท", baht(500)),
        ("0", baht(0)),
        ("999999999999", HIGHEST_PRICE),
    ],
)
def test_amounts_are_read_as_people_write_them(typed: str, meant: Money) -> None:
    assert read_list_request({"price_from": typed}).filters.price_from == meant


@pytest.mark.parametrize(
    "typed", ["abc", "-5", "1e9", "1.234", "NaN", "½ x", "9" * 500, "5 5", "%"]
)
def test_what_is_no_amount_is_left_out_and_said(typed: str) -> None:
    request = read_list_request({"price_from": typed, "price_to": "900"})
    assert request.filters.price_from is None
    assert request.filters.price_to == baht(900)
    assert "price_from" in request.unreadable


def test_a_range_upside_down_is_turned_round() -> None:
    filters = read_list_request({"price_from": "900", "price_to": "100"}).filters
    assert (filters.price_from, filters.price_to) == (baht(100), baht(900))


def test_a_chip_takes_one_filter_off_and_keeps_the_rest(client: FlaskClient, make: Factory) -> None:
    make.product(frameworks=["esx"], price=baht(500))
    page = client.get("/en/products?framework=esx&price_from=100&in_stock=1").text
    assert 'href="/en/products?price_from=100&amp;in_stock=1"' in page
    assert 'href="/en/products?framework=esx&amp;in_stock=1"' in page
    assert "from ฿100" in page


def test_htmx_renews_the_numbers_beside_the_filters(client: FlaskClient, make: Factory) -> None:
    make.product(frameworks=["esx"])
    htmx = {"HX-Request": "true", "HX-Request-Type": "partial"}
    part = client.get("/en/products?framework=qbox", headers=htmx).text
    assert '<small id="n-framework-esx" hx-swap-oob="true">1</small>' in part
    assert '<small id="n-framework-qbox" hx-swap-oob="true" data-none>0</small>' in part


NONSENSE = [
    "q=" + "x" * 10_000,
    "q=" + "%E0%B8%81" * 3_000,
    "q=%00%01%1b%7f",
    "q=%20%20%20",
    "q=%ED%A0%80",
    "q=%25_%27%22%5C",
    "q=%26%20%7C%20!%20(%20)%20:*%20%3C-%3E",
    "q=a%26b%7C%21c%3A*%3C2%3Ed",
    "page=-1&cursor=-1",
    "page=10000000&cursor=10000000",
    "sort=backwards&framework=rage&delivery=drone&on_sale=maybe",
    "price_from=-1&price_to=abc",
    "price_from=9e99&price_to=%F0%9F%92%B0",
    "q=%F0%9F%9A%97&sort=rating",
]


@pytest.mark.parametrize("query", NONSENSE)
@pytest.mark.parametrize("path", ["/products", "/products/suggest"])
def test_nonsense_is_answered_with_a_page(
    client: FlaskClient, make: Factory, path: str, query: str
) -> None:
    make.product()
    assert client.get(f"{path}?{query}").status_code == 200


def test_a_mended_slip_is_said_on_the_page(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    make.product(name_en="Garage")
    index_stale(database)
    page = client.get("/en/products?q=garrage").text
    assert "Nothing is called “garrage”" in page
    assert 'href="/en/products?q=garage"' in page
