"""What has changed since the version somebody runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask, render_template

from storefront.bootstrap import Shop
from storefront.catalog.changes import MOST_CHANGES, ReleaseChanges, changes_since
from storefront.catalog.models import Product, Release
from tests.support.factories import Factory


@pytest.fixture
def product(shop: Shop, make: Factory) -> Product:
    """Stable 1.0.0, 1.2.0 and 1.10.0, a beta, one taken back, one that comes tomorrow, a draft."""
    product: Product = make.product()
    now = shop.clock()
    for version, channel, published, yanked in (
        ("1.2.0", "stable", now, None),
        ("1.10.0", "stable", now, None),
        ("2.0.0-beta.1", "beta", now, None),
        ("1.3.0", "stable", now, now),
        ("1.11.0", "stable", now + timedelta(days=1), None),
        ("1.12.0", "stable", None, None),
        ("1.1.0", "beta", now, None),
    ):
        add(shop, product, version, channel=channel, published_at=published, yanked_at=yanked)
    return product


def add(shop: Shop, product: Product, version: str, **values: object) -> None:
    with shop.database.transaction() as session:
        session.add(
            Release(
                **{
                    "product_id": product.id,
                    "version": version,
                    "channel": "stable",
                    "changelog_th": f"ใหม่ {version}",
                    "changelog_en": f"- new in {version}",
                    "file_key": f"k/{version}",
                    "file_name": "a.zip",
                    "size_bytes": 1,
                    "sha256": "0" * 64,
                    **values,
                }
            )
        )


def since(shop: Shop, product: Product, version: str) -> list[str]:
    with shop.database.reading() as session:
        found = changes_since(session, product.id, version, now=shop.clock())
        return [one.version for one in found]


@pytest.mark.parametrize(
    ("version", "newer"),
    [
        ("0.9.0", ["1.10.0", "1.2.0", "1.0.0"]),
        ("1.0.0", ["1.10.0", "1.2.0"]),
        ("1.2.0", ["1.10.0"]),
        ("1.5.0", ["1.10.0"]),
        ("1.10.0", []),
        ("9.0.0", []),
        ("1.2.0-rc.1", ["2.0.0-beta.1", "1.10.0", "1.2.0"]),
        ("1.1.0", ["2.0.0-beta.1", "1.10.0", "1.2.0"]),
        ("2.0.0-beta.1", []),
    ],
)
def test_only_what_came_out_later_counts_and_betas_for_those_who_run_one(
    shop: Shop, product: Product, version: str, newer: list[str]
) -> None:
    assert since(shop, product, version) == newer


@pytest.mark.parametrize("version", ["", "v1", "latest", "1.0", "๑.๐.๐", "1.0.0\0", "9" * 500])
def test_a_text_that_is_no_version_has_no_changes(
    shop: Shop, product: Product, version: str
) -> None:
    assert since(shop, product, version) == []


def test_another_products_versions_do_not_count(
    shop: Shop, make: Factory, product: Product
) -> None:
    assert since(shop, make.product(), "0.1.0") == ["1.0.0"]
    # Its 1.1.0 is no beta, whatever the other product's is.
    assert since(shop, make.product(), "1.1.0") == []


def test_a_long_history_ends_somewhere(shop: Shop, make: Factory) -> None:
    product = make.product()
    for number in range(MOST_CHANGES + 3):
        add(shop, product, f"3.{number}.0", published_at=shop.clock())

    found = since(shop, product, "1.0.0")

    assert (len(found), found[0]) == (MOST_CHANGES, f"3.{MOST_CHANGES + 2}.0")


def test_the_fragment_shows_each_change_cleaned_and_nothing_when_there_is_none(
    app: Flask, shop: Shop
) -> None:
    changes = [
        ReleaseChanges("2.0.0-beta.1", "beta", shop.clock(), *["**big** <script>x</script>"] * 2),
        ReleaseChanges("1.1.0", "stable", shop.clock(), "", ""),
    ]
    with app.test_request_context("/en/"):
        shown, nothing = (
            render_template("storefront/delivery/_changes.html", changes=one, since="1.0.0")
            for one in (changes, [])
        )

    assert "since 1.0.0" in shown
    assert "<strong>big</strong>" in shown
    assert "<script>" not in shown
    assert shown.count("badge--warning") == 1, "the beta"
    assert "Nothing is written about this version" in shown
    assert nothing.strip() == ""
