from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from tests.storefront.catalog.conftest import CountStatements
from tests.support.factories import Factory

MOST_STATEMENTS = 12
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize(
    "path", ["/", "/products", "/products?q=qr&category=shelf&sort=price_asc", "/products/qr-a"]
)
def test_a_page_stays_under_its_query_ceiling_however_much_it_shows(
    client: FlaskClient, make: Factory, statements: CountStatements, path: str
) -> None:
    category = make.category("shelf")
    for letter in "abcdefgh":
        make.product(slug=f"qr-{letter}", name_en=f"QR {letter}", category_id=category.id)
    with statements() as seen:
        assert client.get(path).status_code == 200
    assert len(seen) <= MOST_STATEMENTS, "\n\n".join(seen)


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_an_empty_shop_still_has_a_home_and_a_list(client: FlaskClient, prefix: str) -> None:
    assert client.get(f"{prefix}/").status_code == 200
    assert client.get(f"{prefix}/products").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/products/nothing-here", "/products?category=nothing-here", "/nothing-here"],
)
def test_what_does_not_exist_is_a_404_page(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "<h1>" in response.text


@pytest.mark.parametrize(
    "query",
    [
        "sort=drop+table",
        "framework=%00&delivery=nonsense",
        "cursor=AAAA",
        "q=%00%ff%fe",
        "q=" + "%E0%B8%81" * 4000,
        "on_sale=yes&in_stock=",
    ],
)
def test_nonsense_in_the_address_is_the_plain_list(
    client: FlaskClient, make: Factory, query: str
) -> None:
    make.product()
    assert client.get(f"/products?{query}").status_code == 200


def test_htmx_gets_the_results_alone_and_a_clean_address(
    client: FlaskClient, make: Factory
) -> None:
    make.product(name_en="QR Garage")
    response = client.get("/products?q=garage&category=&sort=", headers=HTMX)
    assert "<html" not in response.text
    assert 'id="results"' in response.text
    assert response.headers["HX-Push-Url"] == "/products?q=garage"
    assert "HX-Request" in response.headers["Vary"]


def test_a_history_restore_gets_the_whole_page(client: FlaskClient) -> None:
    headers = {**HTMX, "HX-History-Restore-Request": "true"}
    assert "<html" in client.get("/products", headers=headers).text


def test_the_more_link_leads_through_the_whole_list_without_javascript(
    client: FlaskClient, make: Factory
) -> None:
    category = make.category()
    for number in range(30):
        make.product(slug=f"p-{number}", category_id=category.id)
    first = client.get("/en/products?sort=newest").text
    link = re.search(r'href="(/en/products\?[^"]*cursor=[^"]*)"', first)
    assert link is not None
    second = client.get(link[1].replace("&amp;", "&")).text
    shown = [set(re.findall(r'href="/en/products/(p-\d+)"', page)) for page in (first, second)]
    assert len(shown[0]) == 24
    assert len(shown[1]) == 6
    assert not shown[0] & shown[1]


def test_the_cursor_of_the_grown_list_returns_cards_only(
    client: FlaskClient, make: Factory
) -> None:
    category = make.category()
    for number in range(30):
        make.product(slug=f"p-{number}", category_id=category.id)
    page = client.get("/products?sort=newest").text
    link = re.search(r'hx-get="(/products\?[^"]*cursor=[^"]*)"', page)
    assert link is not None
    headers = {**HTMX, "HX-Target": "li#more"}
    grown = client.get(link[1].replace("&amp;", "&"), headers=headers)
    assert 'id="results"' not in grown.text
    assert "HX-Push-Url" not in grown.headers


def test_text_of_a_product_is_escaped_and_its_markdown_cleaned(
    client: FlaskClient, make: Factory
) -> None:
    evil = "<script>alert(1)</script>"
    product = make.product(
        name_en=evil, summary_en=evil, description_en=f"{evil}\n\n[x](javascript:alert(1))"
    )
    page = client.get(f"/en/products/{product.slug}").text
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page


@pytest.mark.parametrize("path", ["/", "/products", "/styleguide", "/nothing-here"])
def test_no_page_carries_inline_script_or_style(
    client: FlaskClient, make: Factory, path: str
) -> None:
    make.product()
    page = client.get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page)


def test_a_sold_out_product_offers_no_way_into_the_cart(client: FlaskClient, make: Factory) -> None:
    product = make.product(stock=0)
    page = client.get(f"/en/products/{product.slug}").text
    assert "buy-form" not in page
    assert "Sold out" in page


def test_a_tier_can_be_linked_to(client: FlaskClient, make: Factory) -> None:
    product = make.product(price=baht(100))
    variant = product.variants[0].id
    for tier in (variant, new_id(), "nonsense"):
        page = client.get(f"/products/{product.slug}?tier={tier}").text
        assert f'value="{variant}"' in page


def test_a_cover_is_served_once_and_then_from_the_browser(client: FlaskClient, shop: Shop) -> None:
    shop.files.put("covers/qr-test-800.webp", b"RIFFdata", content_type="image/webp")
    response = client.get("/media/covers/qr-test-800.webp")
    assert response.data == b"RIFFdata"
    assert response.content_type == "image/webp"
    assert "immutable" in response.headers["Cache-Control"]
    again = client.get(
        "/media/covers/qr-test-800.webp", headers={"If-None-Match": response.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    "key",
    [
        "releases/qr-garage/1.0.0.zip",
        "covers/../releases/x-800.webp",
        "covers/%2e%2e/secret-800.webp",
        "covers/missing-800.webp",
        "covers/qr-garage.webp",
    ],
)
def test_nothing_but_covers_leaves_the_bucket(client: FlaskClient, shop: Shop, key: str) -> None:
    shop.files.put("releases/qr-garage/1.0.0.zip", b"secret", content_type="application/zip")
    assert client.get(f"/media/{key}").status_code == 404
