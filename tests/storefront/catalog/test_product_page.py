from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storefront.catalog import queries
from storefront.catalog.models import Category, Release
from storefront.catalog.product_page import ProductPage, get_product_page
from storefront.db import Database
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from tests.support.factories import Factory

NOW = datetime.now(UTC)


def page_of(database: Database, slug: str) -> ProductPage:
    with database.reading() as session:
        return get_product_page(session, slug, now=NOW)


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_is_not_shown_does_not_exist(make: Factory, database: Database, status: str) -> None:
    product = make.product(status=status)
    with pytest.raises(NotFound):
        page_of(database, product.slug)


def test_yanked_and_future_releases_stay_hidden(make: Factory, database: Database) -> None:
    product = make.product()
    day = timedelta(days=1)
    with database.transaction() as session:
        session.add(_release(product.id, "1.1.0", published_at=NOW - day, yanked_at=NOW))
        session.add(_release(product.id, "2.0.0", published_at=NOW + day))
        session.add(_release(product.id, "3.0.0", published_at=None))
        session.add(_release(product.id, "1.2.0-beta", published_at=NOW - day, channel="beta"))
    page = page_of(database, product.slug)
    assert [release.version for release in page.releases] == ["1.2.0-beta", "1.0.0"]
    assert page.latest is not None
    assert page.latest.version == "1.0.0"


def test_a_bundle_names_its_contents_and_they_name_the_bundle(
    make: Factory, database: Database
) -> None:
    first, second = make.product(), make.product()
    bundle = make.bundle(first, second)
    inside = {card.slug for card in page_of(database, bundle.slug).contents}
    assert inside == {first.slug, second.slug}
    assert [card.slug for card in page_of(database, first.slug).bundles] == [bundle.slug]


def test_nothing_can_be_chosen_where_nothing_is_for_sale(make: Factory, database: Database) -> None:
    gone = make.product(stock=0)
    soon = make.product(status="coming_soon")
    assert page_of(database, gone.slug).chosen is None
    assert page_of(database, soon.slug).chosen is None


def test_related_products_of_the_same_category_come_first(
    make: Factory, database: Database
) -> None:
    category = make.category()
    product = make.product(category_id=category.id)
    neighbour = make.product(category_id=category.id)
    make.product(sold_count=50)
    related = page_of(database, product.slug).related
    assert related[0].slug == neighbour.slug
    assert product.slug not in [card.slug for card in related]


def test_a_shelf_counts_what_stands_below_it(make: Factory, database: Database) -> None:
    parent = make.category("scripts")
    child = Category(
        id=new_id(), slug="jobs", parent_id=parent.id, name_th="งาน", name_en="Jobs", position=1
    )
    with database.transaction() as session:
        session.add(child)
    make.product(category_id=parent.id)
    make.product(category_id=child.id)
    make.product(category_id=child.id, status="draft")
    with database.reading() as session:
        shelves = queries.list_shelves(session)
    assert [(shelf.slug, shelf.products) for shelf in shelves] == [("scripts", 2), ("jobs", 1)]


def test_the_home_page_keeps_what_cannot_be_bought_out_of_its_sale_row(
    make: Factory, database: Database
) -> None:
    for values in ({"stock": 0}, {"status": "coming_soon"}):
        make.reduced(make.product(price=baht(490), **values), original=baht(590))
    with database.reading() as session:
        assert queries.list_on_sale(session, now=NOW) == []


def _release(product_id: object, version: str, **values: object) -> Release:
    return Release(
        product_id=product_id,
        version=version,
        changelog_th="-",
        changelog_en="-",
        file_key=f"releases/{version}.zip",
        file_name=f"{version}.zip",
        size_bytes=10,
        sha256="0" * 64,
        **values,
    )
