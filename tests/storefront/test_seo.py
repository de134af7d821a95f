"""What search engines and feed readers see."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from flask.testing import FlaskClient

from storefront.catalog.models import Product, Release, Variant
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.seo import NEWEST_RELEASES, decimal_text
from tests.support.browser import forms_of
from tests.support.factories import Factory, SignIn

NAMES = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "x": "http://www.w3.org/1999/xhtml",
}
HOST = "http://localhost"
FILES = ("/robots.txt", "/sitemap.xml", "/releases.xml", "/en/releases.xml")


def xml(client: FlaskClient, path: str) -> Element:
    return fromstring(client.get(path).data)


def sitemap(client: FlaskClient) -> dict[str, Element]:
    """The entries of the sitemap by address, without the host."""
    entries = xml(client, "/sitemap.xml").findall("s:url", NAMES)
    found = {entry.findtext("s:loc", "", NAMES).removeprefix(HOST): entry for entry in entries}
    assert len(found) == len(entries)
    return found


def data_of(client: FlaskClient, product: Product, prefix: str = "/en") -> dict[str, Any]:
    """The structured data of a product's page by type."""
    page = client.get(f"{prefix}/products/{product.slug}").text
    blocks = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    return {data["@type"]: data for data in map(json.loads, blocks)}


def heads(client: FlaskClient, path: str) -> dict[str, str]:
    """Links and meta tags of a page's head by what they are."""
    head = client.get(path).text.partition("</head>")[0]
    links = re.findall(
        r'<link rel="(canonical|alternate)"(?: hreflang="([^"]+)")? href="(.*?)"', head
    )
    metas = re.findall(r'<meta (?:name|property)="([^"]+)" content="(.*?)"', head)
    return {language or rel: href for rel, language, href in links} | dict(metas)


def release_of(product: Product, version: str, **values: Any) -> Release:
    return Release(
        **{
            "id": new_id(),
            "product_id": product.id,
            "version": version,
            "changelog_th": "แก้ไข",
            "changelog_en": "Mended",
            "file_key": f"releases/{product.slug}/{version}.zip",
            "file_name": "a.zip",
            "size_bytes": 1,
            "sha256": "0" * 64,
            "published_at": datetime.now(UTC) - timedelta(hours=1),
            **values,
        }
    )


def test_robots_keep_out_of_private_pages_and_find_the_sitemap(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")
    lines = answer.text.splitlines()

    assert answer.mimetype == "text/plain"
    assert lines[0] == "User-agent: *"
    for path in ("/account", "/admin", "/checkout", "/cart", "/sign-in"):
        assert f"Disallow: {path}" in lines
        assert f"Disallow: /en{path}" in lines
    assert "Disallow: /" not in lines
    assert lines[-1] == f"Sitemap: {HOST}/sitemap.xml"


def test_every_address_of_the_sitemap_answers_and_is_its_own_canonical_one(
    client: FlaskClient, make: Factory
) -> None:
    make.product()
    make.bundle(make.product())
    make.product(status="coming_soon")
    addresses = sitemap(client)

    assert len(addresses) == 2 * (3 + 4 + 4)
    for address in addresses:
        assert client.get(address).status_code == 200, address
        assert heads(client, address)["canonical"] == HOST + address


def test_the_sitemap_names_both_languages_of_a_page(client: FlaskClient, make: Factory) -> None:
    path = f"/products/{make.product().slug}"
    for address in (path, f"/en{path}"):
        links = sitemap(client)[address].findall("x:link", NAMES)
        assert {link.get("hreflang"): link.get("href") for link in links} == {
            "th": HOST + path,
            "en": f"{HOST}/en{path}",
            "x-default": HOST + path,
        }


def test_the_sitemap_knows_only_what_is_shown(client: FlaskClient, make: Factory) -> None:
    shown = make.product(status="coming_soon")
    hidden = [make.product(status=status) for status in ("draft", "archived")]
    addresses = sitemap(client)

    assert f"/products/{shown.slug}" in addresses
    for product in hidden:
        assert f"/products/{product.slug}" not in addresses
    # Their shelves are empty.
    assert sum("category=" in address for address in addresses) == 2


def test_a_page_changed_when_its_latest_release_came_out(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    quiet, product = make.product(), make.product()
    latest = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    with database.transaction() as session:
        session.add(release_of(product, "1.1.0", published_at=latest))
        session.add(release_of(product, "1.2.0", published_at=latest + timedelta(days=9)))
        session.add(release_of(product, "1.3.0", yanked_at=latest))
        session.add(release_of(product, "1.4.0", published_at=None))
    found = sitemap(client)

    def changed(path: str) -> datetime:
        return datetime.fromisoformat(found[path].findtext("s:lastmod", "", NAMES))

    assert changed(f"/products/{product.slug}") == latest
    assert changed("/") == changed("/en/products") == latest
    assert changed(f"/products/{quiet.slug}") < latest - timedelta(days=2)


def test_an_empty_shop_has_a_sitemap_and_a_feed(client: FlaskClient) -> None:
    always = ("/", "/products", "/guide/licenses")
    assert set(sitemap(client)) == {prefix + path for path in always for prefix in ("", "/en")}
    assert xml(client, "/releases.xml").findall("channel/item") == []


def test_the_feed_speaks_the_language_of_its_address(client: FlaskClient, make: Factory) -> None:
    product = make.product(name_th="สคริปต์ & อู่", name_en="Garage & <b>more</b>")
    thai, english = xml(client, "/releases.xml"), xml(client, "/en/releases.xml")

    assert thai.findtext("channel/language") == "th"
    assert thai.findtext("channel/item/title") == "สคริปต์ & อู่ 1.0.0"
    assert thai.findtext("channel/item/link") == f"{HOST}/products/{product.slug}"
    assert thai.findtext("channel/item/description") == "<p>ออกครั้งแรก</p>\n"
    assert english.findtext("channel/language") == "en"
    assert english.findtext("channel/item/title") == "Garage & <b>more</b> 1.0.0"
    assert english.findtext("channel/item/link") == f"{HOST}/en/products/{product.slug}"
    assert (english.findtext("channel/item/pubDate") or "").endswith(" GMT")
    for prefix in ("", "/en"):
        assert 'type="application/rss+xml"' in (page := client.get(f"{prefix}/").text)
        assert f'href="{HOST}{prefix}/releases.xml"' in page


def test_the_feed_holds_the_newest_stable_releases_that_are_out(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product, draft = make.product(), make.product(status="draft")
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    with database.transaction() as session:
        session.add(release_of(draft, "7.0.0"))
        session.add(release_of(product, "8.0.0", channel="beta"))
        session.add(release_of(product, "9.0.0", yanked_at=now))
        session.add(release_of(product, "9.1.0", published_at=now + hour))
        session.add(release_of(product, "9.2.0", published_at=None))
        for number in range(NEWEST_RELEASES + 1):
            session.add(
                release_of(product, f"2.{number}.0", published_at=now - hour * (60 - number))
            )
    items = xml(client, "/en/releases.xml").findall("channel/item")

    versions = [item.findtext("title", "").split()[-1] for item in items]
    assert versions == [f"2.{number}.0" for number in range(NEWEST_RELEASES, 0, -1)]
    assert len({item.findtext("guid") for item in items}) == NEWEST_RELEASES


def test_what_xml_cannot_carry_does_not_break_the_feed(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(name_en="Bell\x07 ]]> \ufffe🚗")
    with database.transaction() as session:
        session.add(release_of(product, "1.1.0", changelog_en="a\x0bb <script>x</script>"))
    item = xml(client, "/en/releases.xml").find("channel/item")

    assert item is not None
    assert item.findtext("title") == "Bell ]]> 🚗 1.1.0"
    assert "<script" not in item.findtext("description", "")


@pytest.mark.parametrize("path", FILES)
def test_shared_files_may_be_cached_and_set_no_cookie(
    client: FlaskClient, make: Factory, sign_in: SignIn, path: str
) -> None:
    variant = make.product().variants[0].id
    client.post("/cart/lines", data={"variant_id": variant, "quantity": 1})
    answers = [client.get(path)]
    sign_in(client, make.user())
    # A permanent session is renewed by every page, but not by these.
    assert "Set-Cookie" in client.get("/cart").headers
    answers.append(client.get(path))

    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=600"
        assert "Set-Cookie" not in answer.headers
    assert answers[0].data == answers[1].data
    assert client.get("/account").status_code == 200
    assert forms_of(client.get("/cart"))


@pytest.mark.parametrize(
    ("stock", "available"), [(-1, "InStock"), (3, "InStock"), (0, "OutOfStock")]
)
def test_a_product_tells_its_prices_and_whether_it_can_be_had(
    client: FlaskClient, make: Factory, database: Database, stock: int, available: str
) -> None:
    product = make.product(price=Money(129_050), stock=stock, cover="covers/qr-test")
    with database.transaction() as session:
        session.add(variant_of(product, baht(490), stock=stock))
        session.add(variant_of(product, baht(2_490), stock=stock))
    data = data_of(client, product)["Product"]

    assert data["sku"] == product.slug
    assert data["name"] == product.name_en
    assert data["brand"]["name"] == "QR Studios"
    assert data["image"] == [f"{HOST}/en/media/covers/qr-test-1200.webp"]
    assert data["url"] == f"{HOST}/en/products/{product.slug}"
    offers = data["offers"]
    assert offers["@type"] == "AggregateOffer"
    assert (offers["lowPrice"], offers["highPrice"]) == ("490.00", "2490.00")
    assert (offers["priceCurrency"], offers["offerCount"]) == ("THB", 3)
    assert offers["availability"] == f"https://schema.org/{available}"


def variant_of(product: Product, price: Money, *, stock: int) -> Variant:
    return Variant(
        id=new_id(),
        product_id=product.id,
        code=f"tier-{price.satang}",
        position=1,
        name_th="ระดับ",
        name_en="Tier",
        price_satang=price.satang,
        stock=stock,
        slots=1,
    )


def test_a_price_that_cannot_be_had_is_not_advertised(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(900))
    with database.transaction() as session:
        session.add(variant_of(product, baht(100), stock=0))
    offers = data_of(client, product)["Product"]["offers"]

    assert (offers["lowPrice"], offers["highPrice"]) == ("900.00", "900.00")


def test_what_is_coming_soon_can_be_looked_forward_to_without_its_price(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(status="coming_soon", price=baht(777))
    offers = data_of(client, product)["Product"]["offers"]

    assert offers["availability"] == "https://schema.org/PreOrder"
    assert "777" not in json.dumps(offers)


def test_a_name_cannot_break_out_of_the_structured_data(client: FlaskClient, make: Factory) -> None:
    evil = "</script><script>alert(1)</script>\"'<!--"
    product = make.product(name_en=evil, summary_en=evil)
    data = data_of(client, product)

    assert data["Product"]["name"] == data["Product"]["description"] == evil
    assert data["BreadcrumbList"]["itemListElement"][-1]["name"] == evil
    assert "<script>alert" not in client.get(f"/en/products/{product.slug}").text


def test_the_breadcrumb_leads_from_the_list_to_the_product(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(category_id=make.category("jobs").id)
    steps = data_of(client, product, prefix="")["BreadcrumbList"]["itemListElement"]

    assert [step["position"] for step in steps] == [1, 2, 3]
    assert [step["item"].removeprefix(HOST) for step in steps] == [
        "/products",
        "/products?category=jobs",
        f"/products/{product.slug}",
    ]
    assert steps[1]["name"] == "หมวด jobs"


def test_an_address_loses_what_only_tracks_or_chooses(client: FlaskClient, make: Factory) -> None:
    product = make.product(category_id=make.category("jobs").id)
    for path, query, kept in (
        ("/", "utm_source=x", ""),
        (f"/products/{product.slug}", f"tier={product.variants[0].id}&utm_source=x", ""),
        ("/products", "utm_source=x&sort=newest&framework=esx", ""),
        ("/products", "utm_source=x&category=jobs&sort=newest", "?category=jobs"),
    ):
        english = "/en/" if path == "/" else f"/en{path}"
        for address in (path, english):
            head = heads(client, f"{address}?{query}")
            assert head["canonical"] == head["og:url"] == HOST + address + kept
            assert head["th"] == head["x-default"] == HOST + path + kept
            assert head["en"] == HOST + english + kept


def test_a_shared_link_shows_name_summary_and_picture(client: FlaskClient, make: Factory) -> None:
    product = make.product(
        name_en='The "Garage"', summary_en="Park & drive", cover="covers/qr-test"
    )
    head = heads(client, f"/en/products/{product.slug}")

    assert head["og:title"] == "The &#34;Garage&#34;"
    assert head["og:description"] == head["description"] == "Park &amp; drive"
    assert head["og:image"].startswith(f"{HOST}/en/share/{product.id}.jpg?v=")
    assert (head["og:type"], head["og:locale"]) == ("product", "en_US")
    assert (head["twitter:card"], head["product:price:amount"]) == ("summary_large_image", "490.00")
    assert heads(client, "/")["og:locale"] == "th_TH"


def test_each_public_page_describes_itself(client: FlaskClient, make: Factory) -> None:
    product = make.product(category_id=make.category("jobs").id)
    pages = ("/", "/products", "/products?category=jobs", f"/products/{product.slug}")
    for prefix in ("", "/en"):
        texts = [heads(client, prefix + page)["description"] for page in pages]
        assert len(set(texts)) == len(pages)
        assert all(texts)


def test_search_results_and_private_pages_stay_out_of_search_engines(
    client: FlaskClient, make: Factory
) -> None:
    make.product(name_en="QR Garage")
    assert heads(client, "/en/products?q=garage")["robots"] == "noindex, follow"
    for page in ("/cart", "/sign-in", "/no-such-page"):
        assert heads(client, page)["robots"] == "noindex"
    for page in ("/", "/products"):
        assert "robots" not in heads(client, page)


@pytest.mark.parametrize(
    ("satang", "text"),
    [(0, "0.00"), (5, "0.05"), (129_050, "1290.50"), (100_000_000_000_01, "100000000000.01")],
)
def test_money_for_machines_is_exact(satang: int, text: str) -> None:
    assert decimal_text(Money(satang)) == text
