"""What holds on every route: who may come in, what a form needs, what an answer carries."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule

from storefront.accounts.models import Role, SignInSession, User
from storefront.accounts.rules import role_permits
from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.kit.money import baht
from storefront.licenses.models import License
from storefront.orders.models import Order, PaymentMethod
from storefront.receipts.models import Receipt
from storefront.wallet.models import TopUp
from storefront.web import access_of
from tests.storefront.orders.purchases import buy
from tests.support.browser import forms_of
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
WRITING = {"POST", "PUT", "PATCH", "DELETE"}
# A file of one batch, which the query names.
ASK_FOR_ONE = {"admin_promo_batches.export"}
MALFORMED = ("x", "0", "..%2f..", "%00", "null", "1' OR '1'='1", str(uuid4())[:-1], "%F0%9F%98%80")


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route with each of its methods."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def address(rule: Rule, value: str | None = None) -> str:
    """The address of a route with this in place of every variable, except where only a few words
    are possible: there the first of them."""
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
    return re.sub(r"<[^>]+>", value or str(uuid4()), path)


def has_id(rule: Rule) -> bool:
    """Variants belong to the catalogue, not to a customer."""
    return any(argument.endswith("_id") for argument in rule.arguments - {"variant_id"})


def test_every_route_declares_who_may_call_it(app: Flask) -> None:
    assert len(list(routes(app))) > 30
    for rule, _ in routes(app):
        assert access_of(app.view_functions[rule.endpoint]) is not None, rule


def test_a_route_without_a_declaration_stops_the_boot(shop: Shop) -> None:
    app = create_app(shop)
    view: Any = app.view_functions["cart.show"]
    declared = access_of(view)
    try:
        del view.access
        with pytest.raises(RuntimeError, match=r"cart\.show"):
            create_app(shop)
    finally:
        view.access = declared


def test_no_form_is_taken_without_its_token(app: Flask, make: Factory, sign_in: SignIn) -> None:
    """Guests and members alike; only what programs call with a signature or a key is free."""
    browser, machines = app.test_client(), set()
    sign_in(browser, make.user(role=Role.ADMIN))
    for rule, method in routes(app):
        if method not in WRITING:
            continue
        if not access_of(app.view_functions[rule.endpoint]).csrf:  # type: ignore[union-attr]
            machines.add(rule.endpoint)
            continue
        for client in (app.test_client(), browser):
            for headers in ({}, {"X-CSRF-Token": "forged"}, {"HX-Request": "true"}):
                answer = client.open(address(rule), method=method, headers=headers)
                assert answer.status_code == 422, (rule, headers)

    assert machines == {
        "api_licenses.verify_license",
        "api_webhooks.stripe_webhook",
        "api_webhooks.tebex_webhook",
    }


def test_a_token_of_another_browser_is_refused_and_ones_own_is_taken(app: Flask) -> None:
    mine, theirs = app.test_client(), app.test_client()
    token = forms_of(theirs.get("/sign-in"))[0].fields["csrf_token"]
    own = forms_of(mine.get("/sign-in"))[0].fields["csrf_token"]

    assert mine.post("/sign-in/discord", data={"csrf_token": token}).status_code == 422
    assert mine.post("/sign-in/discord", data={"csrf_token": own}).status_code == 303
    # htmx sends it as a header.
    headers = {"X-CSRF-Token": own}
    assert mine.post("/sign-in/discord", headers=headers).status_code == 303


def test_guests_are_sent_to_sign_in_and_come_back(app: Flask, client: FlaskClient) -> None:
    seen = 0
    for rule, method in routes(app):
        if not access_of(app.view_functions[rule.endpoint]).members_only:  # type: ignore[union-attr]
            continue
        seen += 1
        for prefix in ("", "/en"):
            answer = client.open(prefix + address(rule), method=method)
            assert answer.status_code == 303, rule
            assert answer.location.startswith(f"{prefix}/sign-in?next="), rule
    assert seen > 20


def test_staff_pages_do_not_exist_for_anybody_else(
    app: Flask, make: Factory, sign_in: SignIn
) -> None:
    """A route asks for one right; roles without it are told that there is no such page."""
    app.config["WTF_CSRF_ENABLED"] = False
    people = {role: app.test_client() for role in Role}
    for role, browser in people.items():
        sign_in(browser, make.user(role=role))
    pages = [(rule, method) for rule, method in routes(app) if rule.rule.startswith("/admin")]

    assert len(pages) >= 30
    for rule, method in pages:
        access = access_of(app.view_functions[rule.endpoint])
        assert access is not None
        assert access.permission is not None
        for role, browser in people.items():
            if not role_permits(role, access.permission):
                answer = browser.open(address(rule), method=method)
                assert answer.status_code == 404, (rule, role)
            elif method == "GET" and not rule.arguments and rule.endpoint not in ASK_FOR_ONE:
                assert browser.get(address(rule)).status_code < 400, (rule, role)


@pytest.fixture
def victim(shop: Shop, make: Factory) -> User:
    """Somebody with one of everything: orders paid and open, a licence, a receipt, a top-up, a
    sign-in."""
    user = make.user()
    buy(shop, make, user, (make.product(price=baht(100)), 1))
    buy(shop, make, user, (make.product(price=baht(100)), 1), method=PaymentMethod.STRIPE)
    flow.start_topup(shop, user_id=user.id, amount=baht(100), idempotency_key="t" * 20, locale="en")
    make.cart(make.user(), (make.product(), 1))
    make.sign_in_token(user)
    return user


def ids_of(shop: Shop, person: User) -> list[str]:
    with shop.database.reading() as session:
        return [
            str(found)
            for model in (Order, License, TopUp, SignInSession, Receipt)
            for found in session.scalars(select(model.id).where(model.user_id == person.id))
        ]


def test_nothing_of_one_customer_exists_for_another(
    shop: Shop, app: Flask, client: FlaskClient, make: Factory, sign_in: SignIn, victim: User
) -> None:
    sign_in(client, make.user())
    foreign, before = ids_of(shop, victim), everything(shop)
    assert len(foreign) == 6
    release = str(uuid4())

    tried = 0
    for rule, method in routes(app):
        if not has_id(rule):
            continue
        for value in (*foreign, str(uuid4()), *MALFORMED):
            form = {"release_id": release, "quantity": "1"}
            answer = client.open(address(rule, value), method=method, data=form)
            assert answer.status_code == 404, (rule, value)
            tried += 1

    assert tried > 100
    assert everything(shop) == before


def everything(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    """States that an attack would move."""
    with shop.database.reading() as session:
        return {
            "orders": [tuple(row) for row in session.execute(select(Order.id, Order.state))],
            "topups": [tuple(row) for row in session.execute(select(TopUp.id, TopUp.state))],
            "sessions": [
                tuple(row)
                for row in session.execute(
                    select(SignInSession.id, SignInSession.revoked_at).order_by(SignInSession.id)
                )
            ],
        }


def test_nothing_in_a_page_is_inline_and_nothing_comes_from_elsewhere(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, victim: User
) -> None:
    product = make.product(name_en="<b onclick=x>", description_en="[x](javascript:alert(1))")
    sign_in(client, victim)
    client.post("/cart/lines", data={"variant_id": product.variants[0].id, "quantity": 1})
    with shop.database.reading() as session:
        order = session.scalars(select(Order.id)).first()
        receipt = session.scalars(select(Receipt.id)).first()
        license_id = session.scalars(select(License.id)).first()
    pages = [
        *("/guest/recover", f"/guest/{'A' * 43}"),
        *("/", "/products", f"/products/{product.slug}", "/cart", "/checkout", "/account"),
        *("/account/orders", f"/account/orders/{order}", f"/checkout/orders/{order}"),
        *("/account/licenses", "/account/downloads", "/account/wallet", "/account/notifications"),
        *(f"/account/licenses/{license_id}{page}" for page in ("", "/rotation", "/reset", "/gift")),
        *("/account/receipts", f"/account/receipts/{receipt}", "/account/wallet/statements"),
        *("/account/sessions", "/no-such-page", "/styleguide", "/products?q=%3Cscript%3E"),
    ]

    for page in pages:
        answer = client.get("/en" + page)
        assert answer.status_code in (200, 404), page
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        check_html(answer.text)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if page.startswith(("/account", "/cart", "/checkout", "/guest")):
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Robots-Tag"] == "noindex"


class Inspector(HTMLParser):
    """Raises at the first thing that runs or styles from within the page."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        assert tag not in ("style", "iframe", "object", "embed", "base"), tag
        if tag == "script" and has.get("type") != "application/ld+json":
            assert (has.get("src") or "").startswith("/static/"), attrs
        for name, value in attrs:
            assert name != "style", attrs
            assert not name.startswith("on"), attrs
            if name in ("href", "src", "action", "formaction"):
                assert not re.match(r"\s*(javascript|data|vbscript):", value or "", re.I), attrs


def check_html(html: str) -> None:
    Inspector().feed(html)
    for data in re.findall(r"<script[^>]*ld\+json[^>]*>(.*?)</script>", html, re.S):
        json.loads(data)


def test_nobody_else_may_frame_the_shop_or_take_its_forms(client: FlaskClient, shop: Shop) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    assert rules["frame-ancestors"] == "'none'"
    assert rules["base-uri"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["style-src"] == "'self'"
    origin = shop.settings.stripe_api_url.removesuffix("/stripe")
    assert set(rules["form-action"].split()) == {"'self'", origin, shop.settings.s3_endpoint_url}


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = client.get("/sign-in").headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Domain=" not in cookie


@pytest.fixture
def live(shop: Shop) -> FlaskClient:
    """A browser at a shop that is reached by HTTPS."""
    settings = dataclasses.replace(shop.settings, public_url="https://shop.example.com")
    app = create_app(dataclasses.replace(shop, settings=settings))
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    client.environ_base["HTTP_HOST"] = "shop.example.com"
    return client


def test_by_https_the_cookie_is_bound_to_this_host(live: FlaskClient) -> None:
    answer = live.get("/sign-in", base_url="https://shop.example.com")
    cookie = answer.headers["Set-Cookie"]

    assert cookie.startswith("__Host-")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain=" not in cookie
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


def test_a_forged_host_is_refused(client: FlaskClient) -> None:
    for host in (
        "evil.example",
        "localhost.evil.example",
        "evil.example:80",
        "localhost@evil",
        "[",
    ):
        for path in ("/", "/sign-in", "/health", "/no-such-page"):
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code == 400, (host, path)
            assert "evil" not in answer.text
    answer = client.get("/", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in answer.text


def test_price_role_and_balance_cannot_be_set_by_any_form(
    shop: Shop, app: Flask, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    user, product = make.user(), make.product(price=baht(490))
    sign_in(client, user)
    extra = {
        "price": "1",
        "unit_price": "1",
        "price_satang": "1",
        "total": "1",
        "role": "admin",
        "user_id": str(uuid4()),
        "is_staff": "1",
        "balance_satang": "999999",
        "state": "completed",
        "variant_id": str(product.variants[0].id),
        "quantity": "1",
        "expected_total": "49000",
        "method": "free",
        "idempotency_key": "k" * 20,
    }

    for rule, method in routes(app):
        if method in WRITING and rule.endpoint not in ("accounts.sign_out",):
            assert client.open(address(rule), method=method, data=extra).status_code < 500, rule

    with shop.database.reading() as session:
        assert session.scalars(select(User.role).where(User.id == user.id)).one() == Role.CUSTOMER
        assert session.scalars(select(Order)).all() == []
        assert session.scalars(select(License)).all() == []
    assert "฿490" in client.get("/en/cart").text


def test_hostile_addresses_and_headers_never_crash_a_page(client: FlaskClient) -> None:
    for path in (
        "/",
        "/products",
        "/products/x",
        "/products/suggest",
        "/sign-in",
        "/cart",
        "/media/x",
    ):
        for query in (
            "%",
            "q=%00",
            "q=%ff%fe",
            "\xff\xfe",
            "q=\x80",
            "cursor=%00",
            "category=%00&tag=%00&framework=%00&sort=%00&price=%00",
            "next=%00",
        ):
            overrides = {"PATH_INFO": path, "QUERY_STRING": query}
            for headers in ({}, {"HX-Request": "true"}, {"Accept-Language": "\xff"}):
                answer = client.get("/", environ_overrides=overrides, headers=headers)
                assert answer.status_code < 500, (path, query)
    for path in ("/\x00", "/\xff", "//evil.example", "/en//evil.example", "/products/\x00", "/%"):
        answer = client.get("/", environ_overrides={"PATH_INFO": path})
        assert answer.status_code in (308, 404), path
        assert "//evil.example" not in answer.text.replace("http://localhost", "")
