"""Whatever goes wrong, the answer is in the shop's own words and shows nothing of its inside."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.app import create_app
from storefront.bootstrap import Shop, boot
from storefront.errors import HTTP_STATUS, DomainError, Kind
from storefront.web import public
from tests.support.factories import Factory, SignIn

DEAD_DATABASE = "postgresql://shop:hush@127.0.0.1:1/shop"


def explode() -> str:
    raise RuntimeError("hush: the inside")


@pytest.fixture
def breaking(shop: Shop) -> FlaskClient:
    """A shop with a view that crashes, as a page and as JSON."""
    app = create_app(shop)
    for path in ("/crash", "/api/crash"):
        app.add_url_rule(path, path, public(explode))
    return app.test_client()


@pytest.fixture
def cut_off(shop: Shop) -> FlaskClient:
    """A shop whose database is away."""
    lost = boot(dataclasses.replace(shop.settings, database_url=DEAD_DATABASE), pool_size=1)
    app = create_app(lost)
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def test_an_unknown_page_is_a_page_in_ones_language(client: FlaskClient) -> None:
    english, thai = client.get("/en/no-such-page"), client.get("/no-such-page")

    assert english.status_code == thai.status_code == 404
    assert "This page does not exist" in english.text
    assert '<html lang="th"' in thai.text
    assert english.headers["Cache-Control"] == "no-store"


def test_programs_get_json(client: FlaskClient) -> None:
    answer = client.get("/api/no-such-thing")

    assert (answer.status_code, answer.get_json()) == (404, {"error": "page_not_found"})


def test_htmx_gets_a_toast_and_keeps_its_page(client: FlaskClient) -> None:
    answer = client.get("/en/no-such-page", headers={"HX-Request": "true"})

    assert answer.status_code == 404
    assert answer.headers["HX-Reswap"] == "none"
    assert "<html" not in answer.text
    assert "This page does not exist" in answer.text


def test_a_wrong_method_is_said_so(client: FlaskClient) -> None:
    assert client.get("/sign-out").status_code == 405
    assert client.post("/products").status_code == 405
    assert client.get("/api/webhooks/stripe").get_json() == {"error": "method_not_allowed"}


def test_a_form_that_is_too_large_is_refused(client: FlaskClient) -> None:
    answer = client.post("/en/cart/lines", data={"variant_id": "x" * 300_000})

    assert answer.status_code == 413
    assert "more than we can take in" in answer.text


def test_a_form_from_another_site_is_refused_in_words(app: Flask) -> None:
    answer = app.test_client().post("/en/sign-in/discord")

    assert answer.status_code == 422
    assert "This form is too old or came from another site" in answer.text


def test_a_crash_shows_nothing_of_the_inside(breaking: FlaskClient) -> None:
    page, data = breaking.get("/crash"), breaking.get("/api/crash")

    assert page.status_code == data.status_code == 500
    assert data.get_json() == {"error": "internal_error"}
    for answer in (page, data, breaking.get("/crash", headers={"HX-Request": "true"})):
        assert "hush" not in answer.text
        assert "Traceback" not in answer.text
        assert "RuntimeError" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_while_the_database_is_away_every_page_says_come_back(
    cut_off: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(cut_off, make.user())
    for path in ("/", "/products", "/cart", "/account", "/en/account/wallet", "/products/x"):
        answer = cut_off.get(path)
        assert answer.status_code == 503, path
        assert int(answer.headers["Retry-After"]) > 0
        assert "<html" in answer.text
        for inside in ("hush", "psycopg", "Traceback", "127.0.0.1", "sqlalchemy"):
            assert inside not in answer.text
    assert "busy for a moment" in cut_off.get("/en/products").text


def test_while_the_database_is_away_programs_are_told_in_json(cut_off: FlaskClient) -> None:
    answer = cut_off.post("/api/licenses/verify", json={"key": "0000-0000-0000-0000"})

    assert (answer.status_code, answer.get_json()) == (
        503,
        {"error": "database_unavailable", "retry_after": 5},
    )
    assert answer.headers["Retry-After"]


def test_what_needs_no_database_goes_on_without_it(cut_off: FlaskClient) -> None:
    assert cut_off.post("/sign-in/discord").status_code == 303
    assert cut_off.get("/no-such-page").status_code == 404


def test_every_kind_of_failure_has_one_status() -> None:
    assert set(HTTP_STATUS) == set(Kind)
    assert DomainError("x", Kind.CONFLICT).http_status == 409
    assert len(set(HTTP_STATUS.values())) == len(Kind)
