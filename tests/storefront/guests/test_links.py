"""The link in a guest's mail: it opens by the button alone, and only while it is good."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from storefront.accounts.models import SignInSession, User
from storefront.accounts.queries import hash_token
from storefront.bootstrap import Shop
from storefront.guests.models import GuestLink
from storefront.kit.money import baht
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.guests.browsing import (
    NOK,
    buy_by_card,
    fill_cart,
    guests,
    is_signed_in_as,
    link_for,
    links_in,
    mails_to,
    orders,
)
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
UNKNOWN = "/en/guest/" + "A" * 43


@pytest.fixture
def guest(make: Factory) -> User:
    """Somebody who bought something some time ago."""
    return make.guest(email=NOK)


@pytest.fixture
def elsewhere(app: Flask) -> FlaskClient:
    """Another browser: a phone, or the same one a month later."""
    return app.test_client()


def sign_ins(shop: Shop) -> int:
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(SignInSession)) or 0


def opened(browser: FlaskClient, path: str) -> bool:
    """Press the button of the page, if it has one."""
    page = browser.get(path)
    buttons = [form for form in forms_of(page) if urlsplit(form.action).path == path.split("?")[0]]
    return bool(buttons) and submit(browser, page, path.split("?")[0]).status_code == 303


def test_the_link_of_the_order_mail_opens_the_purchase_in_another_browser(
    shop: Shop, app: Flask, make: Factory, sandbox: RunningSandbox, elsewhere: FlaskClient
) -> None:
    buy_by_card(app.test_client(), make.product(price=baht(490)), email="link@example.com")
    (mail,) = mails_to(shop, sandbox, "link@example.com")
    (guest,), (order,) = guests(shop), orders(shop)

    for link in links_in(mail):
        page = elsewhere.get(link)
        assert "Open my purchases" in text_of_page(page)
        assert "l•••@example.com" in page.text
        answer = submit(elsewhere, page, urlsplit(link).path)
        assert answer.location == parse_qs(urlsplit(link).query)["next"][0]
        assert elsewhere.get(answer.location).status_code == 200

    assert is_signed_in_as(elsewhere, shop) == guest.id
    assert elsewhere.get(f"/en/account/orders/{order.id}").status_code == 200
    assert "link@example.com" not in mail["subject"]
    with shop.database.reading() as session:
        assert session.get_one(User, guest.id).email_verified
        stored = session.scalars(select(GuestLink)).all()
    tokens = {urlsplit(link).path.rpartition("/")[2] for link in links_in(mail)}
    assert {hash_token(token) for token in tokens} == {link.token_hash for link in stored}
    assert tokens.isdisjoint({link.token_hash for link in stored})


def test_looking_at_a_link_does_nothing_however_often(
    shop: Shop, elsewhere: FlaskClient, guest: User
) -> None:
    """Mail servers and virus scanners open every link in a mail."""
    path = link_for(shop, guest)

    for _ in range(3):
        assert elsewhere.get(path).status_code == 200
        assert elsewhere.head(path).status_code == 200
        assert elsewhere.options(path).status_code == 200

    assert sign_ins(shop) == 0
    assert is_signed_in_as(elsewhere, shop) is None
    with shop.database.reading() as session:
        link = session.scalars(select(GuestLink)).one()
        assert (link.last_used_at, link.revoked_at) == (None, None)
        assert not session.get_one(User, guest.id).email_verified


def test_a_link_can_be_used_twice_and_each_time_is_a_sign_in_of_its_own(
    shop: Shop, app: Flask, guest: User
) -> None:
    path = link_for(shop, guest)

    for browser in (app.test_client(), app.test_client()):
        assert opened(browser, path)
        assert is_signed_in_as(browser, shop) == guest.id

    assert sign_ins(shop) == 2


def test_opening_changes_the_cookie_and_keeps_nothing_planted(
    shop: Shop, elsewhere: FlaskClient, guest: User
) -> None:
    path = link_for(shop, guest)
    elsewhere.get(path)
    with elsewhere.session_transaction() as cookie:
        cookie["planted"] = "x"

    assert opened(elsewhere, path)

    with elsewhere.session_transaction() as cookie:
        assert "planted" not in cookie
        assert cookie.permanent


def test_what_lay_in_the_cart_of_that_browser_is_kept(
    shop: Shop, elsewhere: FlaskClient, make: Factory, guest: User
) -> None:
    fill_cart(elsewhere, make.product(price=baht(490)))

    assert opened(elsewhere, link_for(shop, guest))

    assert "฿490" in text_of_page(elsewhere.get("/en/cart"))


@pytest.mark.parametrize(
    ("spoil", "words", "status"),
    [
        (
            lambda now: {"expires_at": now, "created_at": now - timedelta(days=30)},
            "This link has expired",
            410,
        ),
        (lambda now: {"revoked_at": now}, "This link was ended", 410),
    ],
    ids=["expired", "revoked"],
)
def test_a_link_that_is_over_says_why_and_opens_nothing(
    shop: Shop, elsewhere: FlaskClient, guest: User, spoil, words: str, status: int
) -> None:
    path = link_for(shop, guest)
    page = elsewhere.get(path)
    with shop.database.transaction() as session:
        session.execute(update(GuestLink).values(spoil(shop.clock())))

    late = submit(elsewhere, page, path)

    assert late.status_code == 303
    shown = elsewhere.get(late.location)
    assert shown.status_code == status
    assert words in text_of_page(shown)
    assert "Get a new link by mail" in shown.text
    assert sign_ins(shop) == 0


def test_a_link_is_good_until_its_very_last_moment(shop: Shop, guest: User) -> None:
    link_for(shop, guest)
    with shop.database.reading() as session:
        link = session.scalars(select(GuestLink)).one()

    assert link.expires_at - link.created_at == timedelta(days=30)


def test_the_link_of_a_closed_guest_is_closed(
    shop: Shop, elsewhere: FlaskClient, guest: User
) -> None:
    path = link_for(shop, guest)
    page = elsewhere.get(path)
    with shop.database.transaction() as session:
        session.execute(update(User).values(banned_at=shop.clock()))

    assert "This link is closed" in text_of_page(elsewhere.get(path))
    submit(elsewhere, page, path)
    assert is_signed_in_as(elsewhere, shop) is None


@pytest.mark.parametrize(
    "token",
    ["x", "0", "A" * 43, "A" * 5000, "..%2f..", "%00", "null", "1' OR '1'='1", "%F0%9F%98%80"],
)
@pytest.mark.parametrize("end", ["", "/adoption"])
def test_what_is_no_link_opens_nothing(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, token: str, end: str
) -> None:
    if end:
        sign_in(client, make.user())
    shown = client.get(f"/en/guest/{token}")
    sent = client.post(f"/en/guest/{token}{end}")

    assert shown.status_code == 404
    assert sent.status_code in (303, 404)
    if sent.status_code == 303:
        assert client.get(sent.location).status_code == 404
    assert sign_ins(shop) == (1 if end else 0)


def test_the_hash_of_a_token_is_no_token(shop: Shop, client: FlaskClient, guest: User) -> None:
    link_for(shop, guest)
    with shop.database.reading() as session:
        stored = session.scalars(select(GuestLink.token_hash)).one()

    assert client.get(f"/en/guest/{stored}").status_code == 404


def test_a_link_of_somebody_else_opens_theirs_and_nothing_of_mine(
    shop: Shop, client: FlaskClient, make: Factory, guest: User
) -> None:
    mine = make.guest()
    opened(client, link_for(shop, mine))
    assert is_signed_in_as(client, shop) == mine.id

    page = client.get(link_for(shop, guest))
    assert "belongs to another purchase" in text_of_page(page)
    assert submit(client, page, urlsplit(page.request.path).path).status_code == 303

    assert is_signed_in_as(client, shop) == guest.id


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_link_never_leads_away_from_the_shop(
    shop: Shop, client: FlaskClient, guest: User, target: str
) -> None:
    path = link_for(shop, guest)

    page = client.get(path, query_string={"next": target})

    assert submit(client, page, path).location == "/en/account/orders"
    assert client.post(path, data={"next": target}).location == "/en/account/orders"


def test_the_page_of_a_link_is_neither_kept_nor_told_to_anybody(
    shop: Shop, elsewhere: FlaskClient, guest: User, caplog: pytest.LogCaptureFixture
) -> None:
    path = link_for(shop, guest)

    answer = elsewhere.get(path)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_no_log_line_holds_a_token(
    shop: Shop, elsewhere: FlaskClient, guest: User, capfd: pytest.CaptureFixture[str]
) -> None:
    path = link_for(shop, guest)
    token = path.rpartition("/")[2]

    opened(elsewhere, path)
    elsewhere.get(path)

    logged = "".join(capfd.readouterr())
    assert "path=/guest/***" in logged
    assert token not in logged


def test_a_guest_ends_the_links_that_fell_into_wrong_hands(
    shop: Shop, app: Flask, elsewhere: FlaskClient, guest: User
) -> None:
    path, later = link_for(shop, guest), None
    assert opened(elsewhere, path)

    page = elsewhere.get("/en/account/guest")
    answer = submit(elsewhere, page, "/links/revocation")

    assert "no longer open anything" in text_of_page(elsewhere.get(answer.location))
    thief = app.test_client()
    assert not opened(thief, path)
    assert is_signed_in_as(elsewhere, shop) == guest.id
    later = link_for(shop, guest)
    assert opened(thief, later)


def test_members_have_no_page_of_guests(
    client: FlaskClient, make: Factory, sign_in: SignIn, shop: Shop
) -> None:
    sign_in(client, make.user())

    assert client.get("/account/guest").status_code == 404
    assert client.post("/account/guest/links/revocation").status_code == 404
    assert client.post("/account/guest/email", data={"email": NOK}).status_code == 404


def test_a_link_sent_to_an_old_address_does_not_verify_the_new_one(
    shop: Shop, client: FlaskClient, guest: User
) -> None:
    path = link_for(shop, guest)
    with shop.database.transaction() as session:
        session.execute(update(User).values(email="new@example.com"))

    assert client.post(path).status_code == 303

    with shop.database.reading() as session:
        assert not session.get_one(User, guest.id).email_verified
