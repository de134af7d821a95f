from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storefront.catalog.listing import PAGE_SIZE, Filters, ProductList, Sort, list_products
from storefront.catalog.models import Category, Product, Variant
from storefront.db import Database
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.kit.pages import encode_cursor
from tests.support.factories import Factory

NOW = datetime.now(UTC)

SOME_ID = "01a1fd0f-04c1-76b3-9dd9-f82aef955981"


def listed(
    database: Database,
    filters: Filters | None = None,
    sort: Sort = Sort.NEWEST,
    cursor: str | None = None,
) -> ProductList:
    with database.reading() as session:
        return list_products(session, filters or Filters(), sort, cursor=cursor, now=NOW)


def slugs(found: ProductList) -> list[str]:
    return [card.slug for card in found.page.items]


def walked(database: Database, sort: Sort) -> list[str]:
    """Every slug of every page, one page after the other."""
    result: list[str] = []
    cursor: str | None = None
    while True:
        found = listed(database, sort=sort, cursor=cursor)
        result += slugs(found)
        cursor = found.page.next_cursor
        if cursor is None:
            return result


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_show_every_product_once_even_where_sort_values_repeat(
    make: Factory, database: Database, sort: Sort
) -> None:
    category = make.category()
    for number in range(PAGE_SIZE * 2 + 3):
        make.product(
            slug=f"p-{number}",
            category_id=category.id,
            price=baht(100 + number % 3),
            sold_count=number % 4,
            published_at=NOW - timedelta(days=number % 5),
        )
    everything = walked(database, sort)
    assert len(everything) == PAGE_SIZE * 2 + 3
    assert len(set(everything)) == len(everything)


def test_sort_orders_do_what_they_say(make: Factory, database: Database) -> None:
    day = timedelta(days=1)
    make.product(slug="old-cheap", price=baht(50), sold_count=1, published_at=NOW - 9 * day)
    make.product(slug="new-dear", price=baht(900), sold_count=5, published_at=NOW - day)
    make.product(slug="mid", price=baht(300), sold_count=9, published_at=NOW - 5 * day)
    assert slugs(listed(database, sort=Sort.NEWEST)) == ["new-dear", "mid", "old-cheap"]
    assert slugs(listed(database, sort=Sort.POPULAR)) == ["mid", "new-dear", "old-cheap"]
    assert slugs(listed(database, sort=Sort.PRICE_ASC)) == ["old-cheap", "mid", "new-dear"]
    assert slugs(listed(database, sort=Sort.PRICE_DESC)) == ["new-dear", "mid", "old-cheap"]


def test_recommended_puts_featured_first_and_announced_last(
    make: Factory, database: Database
) -> None:
    make.product(slug="soon", status="coming_soon", featured=True)
    make.product(slug="usual", sold_count=99)
    make.product(slug="featured", featured=True)
    assert slugs(listed(database, sort=Sort.RELEVANCE)) == ["featured", "usual", "soon"]


@pytest.mark.parametrize(
    "cursor",
    [
        "garbage",
        encode_cursor("newest", 2**62, "not-an-id"),
        encode_cursor("newest", 2**80, SOME_ID),
        encode_cursor("newest", -(2**80), SOME_ID),
        encode_cursor("popular", 1, SOME_ID),
        encode_cursor("newest", "1", SOME_ID),
        "x" * 2000,
    ],
)
def test_a_forged_cursor_shows_the_first_page(
    make: Factory, database: Database, cursor: str
) -> None:
    product = make.product()
    assert slugs(listed(database, cursor=cursor)) == [product.slug]


def test_drafts_and_archived_products_are_never_listed(make: Factory, database: Database) -> None:
    make.product(status="draft")
    make.product(status="archived")
    found = listed(database)
    assert (slugs(found), found.total) == ([], 0)


def test_a_category_holds_the_products_of_everything_below_it(
    make: Factory, database: Database
) -> None:
    parent = make.category("scripts")
    child = Category(
        id=new_id(), slug="vehicles", parent_id=parent.id, name_th="รถ", name_en="Vehicles"
    )
    with database.transaction() as session:
        session.add(child)
    make.product(slug="inside", category_id=child.id)
    make.product(slug="elsewhere")
    assert slugs(listed(database, Filters(category="scripts"))) == ["inside"]
    assert listed(database, Filters(category="vehicles")).total == 1


def test_an_unknown_category_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        listed(database, Filters(category="no-such"))


def test_filters_narrow_the_list(make: Factory, database: Database) -> None:
    make.product(slug="esx", frameworks=["esx"], delivery="protected")
    make.product(slug="qb", frameworks=["qbcore", "qbox"], delivery="open_source")
    assert slugs(listed(database, Filters(framework="qbox"))) == ["qb"]
    assert slugs(listed(database, Filters(delivery="protected"))) == ["esx"]
    assert listed(database, Filters(framework="qbox", delivery="protected")).total == 0


def test_on_sale_and_in_stock_look_at_the_tier_that_is_shown(
    make: Factory, database: Database
) -> None:
    reduced = make.product(slug="reduced", price=baht(100))
    set_variant(database, reduced, original_price_satang=20_000)
    make.product(slug="gone", stock=0)
    make.product(slug="soon", status="coming_soon")
    assert slugs(listed(database, Filters(on_sale=True))) == ["reduced"]
    assert slugs(listed(database, Filters(in_stock=True))) == ["reduced"]


def test_a_card_shows_the_first_tier_that_can_be_had(make: Factory, database: Database) -> None:
    product = make.product(price=baht(100), stock=0)
    with database.transaction() as session:
        session.add(
            Variant(
                product_id=product.id,
                code="network",
                position=1,
                name_th="เครือข่าย",
                name_en="Network",
                price_satang=90_000,
            )
        )
    (card,) = listed(database).page.items
    assert card.price == baht(900)
    assert not card.is_sold_out
    assert not card.is_from
    assert not card.can_add


def test_a_discount_is_rounded_down(make: Factory, database: Database) -> None:
    product = make.product(price=baht(2))
    set_variant(database, product, original_price_satang=300)
    (card,) = listed(database).page.items
    assert card.discount_percent == 33


@pytest.mark.parametrize(
    ("phrase", "is_found"),
    [
        ("garage", True),
        ("GARAGE", True),
        ("arag", True),
        ("จอดรถ", True),
        ("โรงรถ esx", True),
        ("parking-tag", True),
        ("garage banana", False),
        ("%", False),
        ("gar_ge", False),
        ("gar\\age", False),
    ],
)
def test_search_finds_words_in_both_languages_and_takes_wildcards_literally(
    make: Factory, database: Database, phrase: str, is_found: bool
) -> None:
    make.product(
        slug="qr-garage",
        name_en="QR Garage",
        name_th="ระบบโรงรถ",
        summary_th="ที่จอดรถสำหรับทุกแก๊ง",
        tags=["parking-tag"],
    )
    found = listed(database, Filters(phrase=phrase), Sort.RELEVANCE)
    assert bool(slugs(found)) is is_found


def test_hits_in_a_name_come_before_hits_in_a_summary(make: Factory, database: Database) -> None:
    make.product(slug="summary", summary_en="Works with any garage", sold_count=500)
    make.product(slug="inside", name_en="The garage", sold_count=3)
    make.product(slug="begins", name_en="Garage")
    found = listed(database, Filters(phrase="garage"), Sort.RELEVANCE)
    assert slugs(found) == ["begins", "inside", "summary"]


def set_variant(database: Database, product: Product, **values: object) -> None:
    with database.transaction() as session:
        variant = session.get_one(Variant, product.variants[0].id)
        for name, value in values.items():
            setattr(variant, name, value)
