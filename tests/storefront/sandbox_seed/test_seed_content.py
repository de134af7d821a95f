"""The demo catalogue: what the shop shows must hold together."""

from __future__ import annotations

import re
from collections import Counter

from storefront.sandbox.seed.content import SeedProduct, categories, products

THAI = re.compile(r"[\u0e00-\u0e7f]")
SEMVER = re.compile(r"\d+\.\d+\.\d+(-[a-z]+\.\d+)?")
FRAMEWORKS = {"esx", "qbcore", "qbox", "standalone"}


def published() -> list[SeedProduct]:
    return [product for product in products() if product.status == "published"]


def test_every_slug_is_used_once() -> None:
    for slugs in ([p.slug for p in products()], [c.slug for c in categories()]):
        assert Counter(slugs).most_common(1)[0][1] == 1


def test_categories_name_parents_that_come_before_them() -> None:
    seen: set[str] = set()
    for category in categories():
        assert category.parent is None or category.parent in seen
        seen.add(category.slug)


def test_every_product_lies_in_a_category() -> None:
    known = {category.slug for category in categories()}
    assert {product.category for product in products()} <= known


def test_bundles_contain_existing_products_that_are_no_bundles() -> None:
    singles = {p.slug for p in products() if not p.contains and p.status == "published"}
    bundles = [p for p in products() if p.kind == "bundle"]
    assert len(bundles) >= 4
    for bundle in bundles:
        assert len(bundle.contains) >= 3
        assert set(bundle.contains) <= singles


def test_a_bundle_costs_less_than_its_parts() -> None:
    price = {p.slug: p.variants[0].price_satang for p in products()}
    for bundle in (p for p in products() if p.contains):
        assert price[bundle.slug] < sum(price[slug] for slug in bundle.contains)


def test_prices_are_positive_and_an_old_price_is_higher() -> None:
    for variant in (v for p in products() for v in p.variants):
        assert 19_000 <= variant.price_satang <= 499_000
        if variant.original_price_satang is not None:
            assert variant.original_price_satang > variant.price_satang
        assert variant.stock >= -1
        assert variant.slots >= 1


def test_variant_codes_are_unique_within_a_product() -> None:
    for product in products():
        codes = [variant.code for variant in product.variants]
        assert 1 <= len(codes) <= 3
        assert len(set(codes)) == len(codes)


def test_thai_texts_are_thai_and_english_texts_are_not() -> None:
    for p in products():
        thai = [p.summary_th, p.description_th, *p.features_th]
        english = [p.name_en, p.summary_en, p.description_en, *p.features_en]
        thai += [r.changelog_th for r in p.releases] + [v.name_th for v in p.variants]
        english += [r.changelog_en for r in p.releases] + [v.name_en for v in p.variants]
        assert THAI.search(p.name_th), p.slug
        assert all(THAI.search(text) for text in thai), p.slug
        assert all(text.strip() and not THAI.search(text) for text in english), p.slug


def test_descriptions_are_long_enough_and_structured() -> None:
    for product in products():
        assert 110 <= len(product.description_en.split()) <= 250, product.slug
        for text in (product.description_th, product.description_en):
            assert text.count("\n## ") >= 2, product.slug
            assert "\n- " in text, product.slug


def test_features_are_paired_and_frameworks_are_known() -> None:
    for product in products():
        assert len(product.features_th) == len(product.features_en)
        assert 4 <= len(product.features_en) <= 7, product.slug
        assert product.frameworks
        assert set(product.frameworks) <= FRAMEWORKS


def test_releases_are_semver_and_newest_stable_comes_first() -> None:
    for product in products():
        assert all(SEMVER.fullmatch(release.version) for release in product.releases)
        stable = [r.days_ago for r in product.releases if r.channel == "stable"]
        assert stable == sorted(stable), product.slug
        assert stable or product.status != "published", product.slug


def test_nothing_was_released_before_it_was_published() -> None:
    for product in published():
        assert max(release.days_ago for release in product.releases) <= product.days_ago


def test_the_shop_has_the_mix_the_demo_shows() -> None:
    states = Counter(product.status for product in products())
    kinds = Counter(product.kind for product in published())
    on_sale = [p for p in published() if any(v.original_price_satang for v in p.variants)]
    sold_out = [p for p in published() if all(v.stock == 0 for v in p.variants)]
    limited = [p for p in published() if any(0 < v.stock <= 5 for v in p.variants)]
    assert len(products()) >= 30
    assert states["published"] >= 24
    assert (states["coming_soon"], states["draft"]) == (2, 1)
    assert kinds["script"] >= 16
    assert kinds["ui"] >= 9
    assert (len(on_sale), len(sold_out), len(limited)) == (7, 2, 2)
    assert sum(product.featured for product in published()) == 5
