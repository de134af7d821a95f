"""What frames every page: its head, what may be fetched ahead, countdowns, and the empty shop."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from storefront.assets import SPECULATION_RULES
from storefront.bootstrap import Shop
from storefront.catalog.flash_sales import ItemDraft, SaleDraft, schedule_sale
from storefront.kit.money import baht
from storefront.security import PRIVATE_PREFIXES
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

HOST = "http://localhost"
CLEARED = '"prefetchCache", "prerenderCache"'


def head_of(page: str) -> dict[str, str]:
    """What the head says, by the name it says it under."""
    head = page.partition("</head>")[0]
    metas = re.findall(r'<meta (?:name|property)="([^"]+)" content="(.*?)"', head, re.S)
    links = re.findall(
        r'<link rel="(canonical|alternate)"(?: hreflang="([^"]+)")? href="(.*?)"', head
    )
    title = re.search(r"<title>(.*?)</title>", head, re.S)
    return {
        "title": title[1].strip() if title else "",
        **dict(metas),
        **{language or rel: href for rel, language, href in links},
    }


@pytest.fixture
def shelves(make: Factory) -> list[str]:
    """The public pages of a shop that sells something."""
    category = make.category("jobs")
    product = make.product(slug="qr-a", category_id=category.id, cover="covers/qr-a")
    soon = make.product(slug="qr-b", category_id=category.id, status="coming_soon")
    return [
        "/",
        "/products",
        "/products?category=jobs",
        f"/products/{product.slug}",
        f"/products/{soon.slug}",
    ]


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_every_public_page_says_what_it_is_in_both_languages(
    client: FlaskClient, shelves: list[str], prefix: str
) -> None:
    titles = set()
    for path in shelves:
        address = "/en/" if prefix and path == "/" else prefix + path
        answer = client.get(address)
        head = head_of(answer.text)
        assert answer.status_code == 200
        assert head["title"].strip(" ·")
        assert head["description"].strip()
        assert head["canonical"] == head["og:url"] == HOST + address
        assert head["th"] == head["x-default"] == HOST + path
        assert head["en"] == HOST + ("/en/" if path == "/" else f"/en{path}")
        assert head["og:image"].startswith(HOST)
        assert head["og:image:alt"].strip()
        assert "robots" not in head, path
        titles.add(head["title"])
    assert len(titles) == len(shelves)


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_private_pages_and_errors_have_a_title_and_stay_out_of_search_engines(
    client: FlaskClient, make: Factory, sign_in: SignIn, prefix: str
) -> None:
    user = make.user()
    make.cart(user, (make.product(), 1))
    sign_in(client, user)
    for path in ("/cart", "/checkout", "/account", "/account/orders", "/no-such-page"):
        head = head_of(client.get(prefix + path).text)
        assert head["title"].strip(" ·")
        assert head["description"].strip()
        assert head["robots"].startswith("noindex"), path
    with client.session_transaction() as session:
        session.clear()
    assert head_of(client.get(f"{prefix}/sign-in").text)["robots"].startswith("noindex")


def test_pages_name_what_a_browser_may_fetch_before_a_click(
    client: FlaskClient, shelves: list[str]
) -> None:
    for path in shelves:
        rules = client.get(path).headers["Speculation-Rules"].strip('"')
        answer = client.get(rules)
        assert rules.endswith(SPECULATION_RULES)
        assert answer.content_type == "application/speculationrules+json"
        assert "immutable" in answer.headers["Cache-Control"]


def test_only_the_shelves_are_fetched_ahead(client: FlaskClient, shelves: list[str]) -> None:
    address = client.get("/").headers["Speculation-Rules"].strip('"')
    rules = json.loads(client.get(address).data)
    named = [rule["where"]["and"][0]["href_matches"] for rule in rules["prefetch"]]
    assert set(rules) == {"prefetch"}
    for pattern in named[0]:
        assert not pattern.removeprefix("/en").startswith(PRIVATE_PREFIXES)
        assert "*" not in pattern


@pytest.mark.parametrize("path", ["/robots.txt", "/sitemap.xml", "/health/live"])
def test_what_is_no_page_names_no_rules(client: FlaskClient, path: str) -> None:
    assert "Speculation-Rules" not in client.get(path).headers


def test_a_part_for_htmx_names_no_rules(client: FlaskClient, make: Factory) -> None:
    make.product()
    answer = client.get("/products", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert "Speculation-Rules" not in answer.headers


def test_what_was_fetched_ahead_is_thrown_away_when_cart_or_person_change(
    client: FlaskClient, make: Factory
) -> None:
    variant = make.product().variants[0].id
    added = client.post("/cart/lines", data={"variant_id": str(variant), "quantity": "1"})
    assert added.headers["Clear-Site-Data"] == CLEARED
    assert client.get("/sign-in").headers["Clear-Site-Data"] == CLEARED
    assert "Clear-Site-Data" not in client.get("/").headers
    asked = client.post("/api/licenses/verify", json={"license_key": "x"})
    assert "Clear-Site-Data" not in asked.headers


def test_what_shared_caches_keep_carries_no_cookie_of_a_visitor(
    client: FlaskClient, make: Factory, shop: Shop
) -> None:
    shop.files.put("covers/qr-a-800.webp", b"RIFF", content_type="image/webp")
    variant = make.product().variants[0].id
    client.post("/cart/lines", data={"variant_id": str(variant), "quantity": "1"})
    picture = client.get("/media/covers/qr-a-800.webp")

    assert picture.headers["Cache-Control"].startswith("public")
    assert "Set-Cookie" not in picture.headers
    assert 'id="cart-count">1<' in client.get("/").text


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=2, hours=5, minutes=59), "2 d 5 h"),
        (timedelta(hours=2, minutes=5, seconds=30), "2 h 05 min"),
        (timedelta(minutes=5, seconds=9), "5 min 09 s"),
        (timedelta(seconds=-3), "0 min 00 s"),
    ],
)
def test_a_countdown_says_how_long_and_until_when(app: Flask, left: timedelta, words: str) -> None:
    # Half a second more than what is said: the page rounds down, and drawing takes less.
    ends_at = datetime.now(UTC) + left + timedelta(seconds=0.5)
    with app.test_request_context("/en/", environ_overrides={"shop.locale": "en"}):
        drawn = render_template_string(
            '{% import "components/ui.html" as ui %}{{ ui.countdown(at) }}', at=ends_at
        )
    assert f'countdown__left">{words}<' in drawn
    assert f'datetime="{ends_at.isoformat()}"' in drawn
    assert f'data-countdown="{int(ends_at.timestamp() * 1000)}"' in drawn


def test_home_counts_down_to_the_end_of_a_flash_sale_and_shows_that_part_anew(
    client: FlaskClient, make: Factory, shop: Shop
) -> None:
    product, seller = make.product(price=baht(500)), make.user(role="admin")
    now = datetime.now(UTC)
    ends_at = now + timedelta(hours=3)
    assert "section--flash" not in client.get("/en").text
    with shop.database.transaction() as session:
        schedule_sale(
            session,
            SaleDraft(
                name_th="คืนนี้",
                name_en="Tonight",
                starts_at=now,
                ends_at=ends_at,
                items=(ItemDraft(product.variants[0].id, baht(300), None),),
            ),
            actor_id=seller.id,
            now=now,
        )
    page = client.get("/en").text
    flash = page.partition("section--flash")[2].partition("</section>")[0]

    assert "Flash sale" in flash
    assert f'data-countdown="{int(ends_at.timestamp() * 1000)}"' in flash
    assert page.index('id="rows" data-refresh') < page.index("section--flash")
    assert re.search(r'<html [^>]*data-now="\d{13}"', page)


def test_an_empty_shop_says_so_and_shows_no_empty_rows(client: FlaskClient) -> None:
    page = client.get("/en")
    assert "The shelves are still empty" in text_of_page(page)
    for row in ("on-sale", "best-sellers", "shelves", "newest", "coming-soon", "announcements"):
        assert f'id="{row}"' not in page.text
        assert f'class="{row}"' not in page.text


def test_the_keys_are_listed_behind_a_button_that_needs_no_script(client: FlaskClient) -> None:
    page = client.get("/en").text
    button = re.search(r'<button[^>]*popovertarget="keys">(.*?)</button>', page, re.S)
    assert button is not None
    assert "Keyboard shortcuts" in button[1]
    listed = page.partition('id="keys" popover')[2].partition("</dl>")[0]
    for key in ("/", "?", "Esc", "↓"):
        assert f"<kbd>{key}</kbd>" in listed


def test_a_missing_page_offers_the_search(client: FlaskClient) -> None:
    page = client.get("/en/no-such-page").text
    assert '<form class="error-page__search" action="/en/products" method="get"' in page
