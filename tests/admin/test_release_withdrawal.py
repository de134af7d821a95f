"""Before a version is taken back: whose servers that stops."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.kit.ids import new_id
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory
from tests.support.license_use import bind, only_license

HOUR = timedelta(hours=1)


@pytest.fixture
def product(make: Factory) -> Product:
    """Has version 1.0.0."""
    product: Product = make.product()
    return product


def address_of(product: Product) -> str:
    return f"/en/admin/products/{product.id}/releases/{product.releases[0].id}"


def runs(shop: Shop, make: Factory, product: Product, version: str, *, idle: timedelta) -> None:
    """A server of somebody new."""
    owner = make.user()
    buy(shop, make, owner, (product, 1))
    bind(shop, only_license(shop, owner).id, "203.0.113.7", version=version, idle=idle)


def publish(shop: Shop, product: Product, version: str) -> None:
    with shop.database.transaction() as session:
        session.add(
            Release(
                id=new_id(),
                product_id=product.id,
                version=version,
                changelog_th="ใหม่",
                changelog_en="New",
                file_key=f"releases/{product.slug}/{version}.zip",
                file_name=f"{product.slug}-{version}.zip",
                size_bytes=1000,
                sha256="0" * 64,
                published_at=shop.clock() - HOUR,
            )
        )


def test_it_is_said_how_many_servers_are_refused_and_when(
    shop: Shop, staff: FlaskClient, make: Factory, product: Product
) -> None:
    for version, idle in (("1.0.0", HOUR), ("1.0.0", 23 * HOUR), ("1.0.0", 25 * HOUR)):
        runs(shop, make, product, version, idle=idle)
    runs(shop, make, product, "0.9.0", idle=HOUR)
    runs(shop, make, make.product(), "1.0.0", idle=HOUR)

    with counted_queries(shop.database.engine) as queries:
        said, _, button = text_of_page(staff.get(address_of(product))).partition("Take it back")

    assert "2 servers run this version now." in said
    assert "refused at their next check, within six hours (VERSION_NOT_ALLOWED)" in said
    assert button
    assert 0 < len(queries) <= QUERY_CEILING


def test_a_version_nobody_runs_says_so(staff: FlaskClient, product: Product) -> None:
    assert "No server runs this version now." in text_of_page(staff.get(address_of(product)))


def test_where_servers_have_no_other_version_to_go_to_that_is_said(
    shop: Shop, staff: FlaskClient, product: Product
) -> None:
    warning = "There is no other version they could install."
    assert warning in text_of_page(staff.get(address_of(product)))

    publish(shop, product, "1.1.0")

    assert warning not in text_of_page(staff.get(address_of(product)))
