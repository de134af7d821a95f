"""The guide from key to running script, and the licence check to take along."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from tests.storefront.orders.purchases import buy, counted_queries
from tests.support.factories import Factory, SignIn

GUIDE = "/en/guide/licenses"


def files_of(body: bytes) -> dict[str, str]:
    with zipfile.ZipFile(BytesIO(body)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_everybody_can_read_the_ten_steps(client: FlaskClient, shop: Shop) -> None:
    with counted_queries(shop.database.engine) as counted:
        answer = client.get(GUIDE)

    assert answer.status_code == 200
    steps = re.search(r'<ol class="steps">(.*?)</ol>', answer.text, re.S)
    assert steps
    assert len(re.findall("<li>", steps[1])) == 10
    assert "set qr_license &#34;XXXX" in answer.text
    assert "http://localhost/api/licenses/verify" in answer.text
    assert len(counted) <= 1, "the count of the cart"


def test_from_a_licence_its_lines_can_be_copied_as_they_are(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, product = make.user(), make.product()
    buy(shop, make, buyer, (product, 1))
    sign_in(client, buyer)
    link = f"{GUIDE}?product={product.slug}"

    for page in ("/en/account/licenses", "/en/account/downloads"):
        assert link in client.get(page).text

    guide = client.get(link).text
    assert f"set qr_license_{product.slug} &#34;XXXX" in guide
    assert f"ensure {product.slug}" in guide
    assert f"{GUIDE}/loader.zip?product={product.slug}" in guide


def test_the_download_is_filled_with_the_shops_keys_and_the_product(
    client: FlaskClient, shop: Shop
) -> None:
    answer = client.get(f"{GUIDE}/loader.zip?product=qr-garage")

    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="license-check.zip"'
    config = files_of(answer.data)["license-check/license/config.lua"]
    assert 'product = "qr-garage"' in config
    assert 'url = "http://localhost/api/licenses/verify"' in config
    assert 'page = "http://localhost/account/licenses"' in config
    for key in shop.signing.public:
        assert f'["{key.kid}"] = {{ e = 65537, n = "{key.modulus}" }}' in config


def test_without_a_product_the_download_takes_any_key(client: FlaskClient) -> None:
    config = files_of(client.get(f"{GUIDE}/loader.zip").data)["license-check/license/config.lua"]

    assert 'product = ""' in config


@pytest.mark.parametrize("product", ["No Slug", "a" * 81, "a--b", '"', "<script>", "ก"])
def test_what_cannot_be_a_product_is_not_found(product: str, client: FlaskClient) -> None:
    for path in (GUIDE, f"{GUIDE}/loader.zip"):
        assert client.get(path, query_string={"product": product}).status_code == 404


def test_every_page_leads_to_the_guide(client: FlaskClient) -> None:
    assert f'href="{GUIDE}"' in client.get("/en/").text
