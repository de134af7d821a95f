"""The files buyers of the demo shop download."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from storefront.sandbox.seed.archives import build_archive
from storefront.sandbox.seed.content import SeedProduct, products


def opened(product: SeedProduct) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(build_archive(product, product.releases[0])))


def by_slug(slug: str) -> SeedProduct:
    return next(product for product in products() if product.slug == slug)


def test_the_same_release_gives_the_same_bytes() -> None:
    product = by_slug("qr-garage")
    assert build_archive(product, product.releases[0]) == build_archive(
        product, product.releases[0]
    )


def test_two_releases_of_one_product_differ() -> None:
    product = by_slug("qr-garage")
    assert build_archive(product, product.releases[0]) != build_archive(
        product, product.releases[1]
    )


@pytest.mark.parametrize("product", products(), ids=lambda product: product.slug)
def test_every_archive_opens_and_its_manifest_names_the_version(product: SeedProduct) -> None:
    with opened(product) as archive:
        assert archive.testzip() is None
        manifest = archive.read(f"{product.slug}/fxmanifest.lua").decode()
        names = set(archive.namelist())
    assert f"version '{product.releases[0].version}'" in manifest
    assert "fx_version 'cerulean'" in manifest
    for path in ("config.lua", "client/main.lua", "server/main.lua", "README.md"):
        assert f"{product.slug}/{path}" in names


@pytest.mark.parametrize("product", products(), ids=lambda product: product.slug)
def test_no_placeholder_is_left_in_an_archive(product: SeedProduct) -> None:
    with opened(product) as archive:
        for name in archive.namelist():
            assert "$" not in archive.read(name).decode(), name


@pytest.mark.parametrize("product", products(), ids=lambda product: product.slug)
def test_both_locales_have_the_same_keys(product: SeedProduct) -> None:
    with opened(product) as archive:
        thai, english = (
            json.loads(archive.read(f"{product.slug}/locales/{language}.json"))
            for language in ("th", "en")
        )
    assert thai.keys() == english.keys()
    assert thai["title"] == product.name_th


def test_a_ui_product_carries_its_web_files_without_inline_code() -> None:
    with opened(by_slug("qr-hud")) as archive:
        html = archive.read("qr-hud/web/index.html").decode()
        assert {"qr-hud/web/style.css", "qr-hud/web/app.js"} <= set(archive.namelist())
        assert "ui_page 'web/index.html'" in archive.read("qr-hud/fxmanifest.lua").decode()
    assert "style=" not in html
    assert "onclick" not in html
