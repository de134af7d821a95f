"""The sign-in page, the overview and the list of signed-in browsers."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import SignInSession
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.support.factories import Factory, SignIn


def test_the_sign_in_page_says_what_is_read_and_keeps_the_way_back(client: FlaskClient) -> None:
    page = client.get("/en/sign-in?next=/en/cart").text

    assert 'action="/en/sign-in/discord"' in page
    assert 'name="next" value="/en/cart"' in page
    assert 'name="csrf_token"' in page
    assert "We read your Discord name, picture, language and e-mail address." in page
    assert '<html lang="th"' in client.get("/sign-in").text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_sign_in_page_never_carries_a_foreign_target(client: FlaskClient, target: str) -> None:
    page = client.get("/sign-in", query_string={"next": target}).text

    assert 'name="next" value="/"' in page


def test_the_overview_shows_the_latest_order_licences_wallet_and_news(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(), 2))
    make.wallet(buyer, baht(123))
    sign_in(client, buyer)

    page = client.get("/en/account").text

    for words in (order.reference, "฿123", "of 2 in all", f"Order {order.reference} is complete"):
        assert words in page


def test_the_overview_shows_nothing_of_anybody_else(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    sign_in(client, make.user())

    page = client.get("/en/account").text

    assert order.reference not in page
    assert "of 0 in all" in page


def test_the_own_browser_is_marked_and_others_can_be_signed_out(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    person = make.user()
    make.sign_in_token(person)
    sign_in(client, person)
    with shop.database.reading() as session:
        ids = session.scalars(
            select(SignInSession.id).where(SignInSession.user_id == person.id)
        ).all()

    with counted_queries(shop.database.engine) as queries:
        page = client.get("/en/account/sessions").text

    assert page.count("This one") == 1
    assert page.count("127.0.0.1") == 2
    for session_id in ids:
        assert f'action="/en/account/sessions/{session_id}/revocation"' in page
    assert len(queries) <= MEMBER_CEILING


def test_somebody_elses_browser_cannot_be_signed_out(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    victim = make.user()
    make.sign_in_token(victim)
    with shop.database.reading() as session:
        foreign = session.scalars(
            select(SignInSession.id).where(SignInSession.user_id == victim.id)
        ).one()
    sign_in(client, make.user())

    answer = client.post(f"/account/sessions/{foreign}/revocation")

    assert answer.status_code == 404
    with shop.database.reading() as session:
        assert session.get_one(SignInSession, foreign).revoked_at is None
