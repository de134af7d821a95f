from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from storefront.catalog import listing
from storefront.catalog.counts import CountCache
from storefront.catalog.filters import Filters, Sort
from storefront.catalog.listing import ProductList, list_products
from storefront.catalog.models import Category, Product, Variant
from storefront.catalog.plans import PAGE_SIZE
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.catalog.search.indexing import index_stale
from storefront.catalog.search.models import SearchDocument
from storefront.db import Database
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
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
        return list_products(
            session, filters or Filters(), sort, cursor=cursor, now=NOW, counts=CountCache()
        )


def slugs(found: ProductList) -> list[str]:
    return [card.slug for card in found.page.items]


def walked(database: Database, sort: Sort, filters: Filters | None = None) -> list[str]:
    """Every slug of every page, one page after the other."""
    result: list[str] = []
    cursor: str | None = None
    while True:
        found = listed(database, filters, sort, cursor)
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
    make.reduced(reduced, original=baht(200))
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
    make.reduced(product, original=baht(3))
    (card,) = listed(database).page.items
    assert card.discount_percent == 33


@pytest.mark.parametrize(
    ("phrase", "is_found"),
    [
        ("garage", True),
        ("GARAGE", True),
        ("gar", True),
        ("จอดรถ", True),
        ("โรงรถ esx", True),
        ("parking-tag", True),
        ("banana", False),
        ("%", False),
        ("____", False),
        ("'", False),
        ("& | ! ( ) <-> :*", False),
        ("garage & !garage:*", True),
        ("\\", False),
    ],
)
def test_search_finds_words_in_both_languages_and_takes_signs_for_nothing(
    make: Factory, database: Database, phrase: str, is_found: bool
) -> None:
    make.product(
        slug="qr-garage",
        name_en="QR Garage",
        name_th="ระบบโรงรถ",
        summary_th="ที่จอดรถสำหรับทุกแก๊ง",
        tags=["parking-tag"],
    )
    index_stale(database)
    found = listed(database, Filters(phrase=phrase), Sort.RELEVANCE)
    assert bool(slugs(found)) is is_found
    assert found.total == len(slugs(found))


def test_hits_in_a_name_come_before_hits_in_a_summary(make: Factory, database: Database) -> None:
    make.product(slug="text", description_en="Fits every garage", sold_count=900)
    make.product(slug="summary", summary_en="Works with any garage", sold_count=500)
    make.product(slug="label", tags=["garage"], sold_count=400)
    make.product(slug="inside", name_en="The garage", sold_count=3)
    make.product(slug="begins", name_en="Garage")
    index_stale(database)
    found = listed(database, Filters(phrase="garage"), Sort.RELEVANCE)
    assert slugs(found) == ["begins", "inside", "label", "summary", "text"]


def test_of_equal_hits_the_one_bought_most_comes_first(make: Factory, database: Database) -> None:
    make.product(slug="few", name_en="Blue garage", sold_count=3)
    make.product(slug="many", name_en="Red garage", sold_count=30)
    index_stale(database)
    assert slugs(listed(database, Filters(phrase="garage"), Sort.RELEVANCE)) == ["many", "few"]


def test_a_word_no_product_has_is_left_out_and_named(make: Factory, database: Database) -> None:
    make.product(slug="garage", name_en="Garage")
    index_stale(database)
    found = listed(database, Filters(phrase="garage banana"), Sort.RELEVANCE)
    assert (slugs(found), found.reading.missing) == (["garage"], ("banana",))


def test_where_no_product_has_all_words_those_with_most_come_first(
    make: Factory, database: Database
) -> None:
    make.product(slug="one", name_en="Garage", sold_count=99)
    make.product(slug="two", name_en="Garage with boats")
    make.product(slug="none", name_en="Elevator")
    make.product(slug="trains", name_en="Trains")
    index_stale(database)
    found = listed(database, Filters(phrase="garage boats trains"), Sort.RELEVANCE)
    assert not found.has_every_word
    assert slugs(found) == ["two", "one", "trains"]


def test_a_sale_price_moves_a_product_in_the_order_of_prices(
    make: Factory, database: Database
) -> None:
    make.product(slug="dear", price=baht(900))
    make.product(slug="mid", price=baht(500))
    cheap = make.product(slug="reduced", price=baht(1200))
    put_on_flash_sale(database, cheap, baht(300))
    assert slugs(listed(database, sort=Sort.PRICE_ASC)) == ["reduced", "mid", "dear"]
    assert slugs(listed(database, sort=Sort.PRICE_DESC)) == ["dear", "mid", "reduced"]
    assert slugs(listed(database, Filters(price_to=baht(400)))) == ["reduced"]
    assert slugs(listed(database, Filters(on_sale=True))) == ["reduced"]


def test_pages_by_price_show_flash_sales_and_products_without_a_price_once(
    make: Factory, database: Database
) -> None:
    category = make.category()
    for number in range(PAGE_SIZE * 2):
        product = make.product(
            slug=f"p-{number}", category_id=category.id, price=baht(1000 + number % 3)
        )
        if number % 5 == 0:
            put_on_flash_sale(database, product, baht(500 + number))
    for number in range(3):
        bare = make.product(slug=f"bare-{number}", status="coming_soon", category_id=category.id)
        with database.transaction() as session:
            session.execute(delete(Variant).where(Variant.product_id == bare.id))
    for sort in (Sort.PRICE_ASC, Sort.PRICE_DESC):
        everything = walked(database, sort)
        assert len(everything) == len(set(everything)) == PAGE_SIZE * 2 + 3
        assert set(everything[-3:]) == {"bare-0", "bare-1", "bare-2"}


def test_ratings_order_by_how_many_say_it_too(make: Factory, database: Database) -> None:
    make.product(slug="one-five", rating_count=1, rating_sum=5)
    make.product(slug="many-fours", rating_count=50, rating_sum=240)
    make.product(slug="bad", rating_count=20, rating_sum=30)
    make.product(slug="unrated")
    found = listed(database, sort=Sort.RATING)
    assert slugs(found) == ["many-fours", "one-five", "unrated", "bad"]
    assert found.options.has_ratings


def test_a_word_of_more_than_a_thousand_products_is_found_on_every_page_once(
    make: Factory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 10)
    category = make.category()
    for number in range(PAGE_SIZE * 2 + 5):
        make.product(
            slug=f"p-{number}", name_en="Garage", category_id=category.id, sold_count=number % 7
        )
    index_stale(database)
    with database.transaction() as session:
        slow = select(Product.id).where(Product.sold_count < 4)
        session.execute(
            update(SearchDocument)
            .where(SearchDocument.product_id.in_(slow))
            .values(is_top=False)
            .execution_options(synchronize_session=False)
        )
    for sort in Sort:
        everything = walked(database, sort, Filters(phrase="garage"))
        assert len(everything) == len(set(everything)) == PAGE_SIZE * 2 + 5


def put_on_flash_sale(database: Database, product: Product, price: Money) -> None:
    sale = FlashSale(
        id=new_id(),
        name_th="ลด",
        name_en="Sale",
        starts_at=NOW - timedelta(hours=1),
        ends_at=NOW + timedelta(hours=1),
    )
    variant = product.variants[0]
    with database.transaction() as session:
        session.add(sale)
        session.flush()
        session.add(
            FlashSaleItem(
                sale_id=sale.id,
                product_id=product.id,
                variant_id=variant.id,
                starts_at=sale.starts_at,
                ends_at=sale.ends_at,
                price_satang=price.satang,
                reference_satang=variant.price_satang,
            )
        )
