"""Signing in with Discord, and being signed out."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from storefront.accounts.models import AuditEntry, Role, SignInSession, User
from storefront.accounts.rules import Permission, role_permits, safe_next_path
from storefront.bootstrap import Shop
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.accounts.discord import (
    CALLBACK,
    begin,
    consent,
    introduce,
    query_of,
    sign_in_by_discord,
)
from tests.support.factories import Factory

NOK, ADMIN = "300000000000000007", "100000000000000001"


@pytest.fixture
def nok(sandbox: RunningSandbox) -> str:
    """A person at Discord."""
    return introduce(sandbox, NOK, "nok", email="nok@example.com", verified=True)


def users(shop: Shop) -> list[User]:
    with shop.database.reading() as session:
        return list(session.scalars(select(User)))


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def test_a_first_sign_in_makes_a_customer_and_leads_back(
    shop: Shop, client: FlaskClient, nok: str
) -> None:
    answer = sign_in_by_discord(client, nok, next_path="/en/products?q=a")

    assert (answer.status_code, answer.location) == (303, "/en/products?q=a")
    assert is_signed_in(client)
    (user,) = users(shop)
    assert (user.discord_id, user.username, user.role) == (nok, "nok", Role.CUSTOMER)
    assert (user.email, user.email_verified) == ("nok@example.com", True)
    with shop.database.reading() as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["sign_in"]


def test_coming_back_makes_no_second_user_and_refreshes_the_first(
    shop: Shop, app: Flask, client: FlaskClient, nok: str, sandbox: RunningSandbox
) -> None:
    sign_in_by_discord(client, nok)
    introduce(sandbox, nok, "nok-renamed", email=None)

    sign_in_by_discord(app.test_client(), nok)

    (user,) = users(shop)
    assert (user.username, user.email) == ("nok-renamed", None)


def test_the_first_named_admin_becomes_admin_and_a_later_role_stands(
    shop: Shop, app: Flask, client: FlaskClient, sandbox: RunningSandbox
) -> None:
    introduce(sandbox, ADMIN, "owner")

    sign_in_by_discord(client, ADMIN)
    assert [user.role for user in users(shop)] == [Role.ADMIN]
    with shop.database.transaction() as session:
        session.execute(update(User).values(role=Role.CUSTOMER))
    sign_in_by_discord(app.test_client(), ADMIN)

    assert [user.role for user in users(shop)] == [Role.CUSTOMER]


def test_the_same_email_does_not_join_two_people(
    shop: Shop, client: FlaskClient, make: Factory, nok: str
) -> None:
    victim = make.user(email="nok@example.com", role=Role.ADMIN)

    sign_in_by_discord(client, nok)

    assert {user.discord_id: user.role for user in users(shop)} == {
        victim.discord_id: Role.ADMIN,
        nok: Role.CUSTOMER,
    }
    assert client.get("/admin").status_code == 404


def test_what_goes_to_discord_is_bound_to_this_browser_and_this_shop(client: FlaskClient) -> None:
    first, second = begin(client), begin(client)
    asked = query_of(first)

    assert asked["redirect_uri"] == "http://localhost" + CALLBACK
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "identify email"
    assert len(asked["state"]) >= 20
    assert asked["state"] != query_of(second)["state"]


def test_a_way_back_that_was_not_begun_here_signs_nobody_in(
    shop: Shop, app: Flask, client: FlaskClient, nok: str
) -> None:
    theirs = consent(begin(app.test_client()), nok)
    begin(client)
    forged = [theirs, CALLBACK, f"{CALLBACK}?state=x&code=y", f"{CALLBACK}?state=&code="]

    for address in forged:
        answer = client.get(address)
        assert answer.status_code == 422
        assert "Set-Cookie" not in answer.headers or not is_signed_in(client)
    assert app.test_client().get(theirs).status_code == 422
    assert users(shop) == []


def test_a_way_back_can_be_walked_once(app: Flask, client: FlaskClient, nok: str) -> None:
    address = consent(begin(client), nok)

    assert client.get(address).status_code == 303
    client.post("/sign-out")
    assert client.get(address).status_code == 422
    assert not is_signed_in(client)


def test_a_sign_in_that_took_too_long_is_refused(client: FlaskClient, nok: str) -> None:
    address = consent(begin(client), nok)
    with client.session_transaction() as cookie:
        cookie["sign_in"] = {**cookie["sign_in"], "at": cookie["sign_in"]["at"] - 601}

    assert client.get(address).status_code == 422
    assert not is_signed_in(client)


def test_a_code_without_the_right_verifier_is_worth_nothing(client: FlaskClient, nok: str) -> None:
    address = consent(begin(client), nok)
    with client.session_transaction() as cookie:
        cookie["sign_in"] = {**cookie["sign_in"], "verifier": "v" * 64}

    answer = client.get("/en" + address)

    assert answer.status_code == 422
    assert "Discord did not accept this sign-in" in answer.text


def test_refusing_at_discord_is_said_plainly(shop: Shop, client: FlaskClient) -> None:
    address = consent(begin(client), None)
    assert query_of(address)["error"] == "access_denied"

    answer = client.get("/en" + address)

    assert answer.status_code == 422
    assert "You cancelled the sign-in" in answer.text
    assert users(shop) == []


@pytest.mark.parametrize("knob", ["down", "fail_token"])
def test_while_discord_is_away_a_page_says_so(
    client: FlaskClient, nok: str, sandbox: RunningSandbox, knob: str
) -> None:
    address = consent(begin(client), nok)
    requests.post(f"{sandbox.url}/control/discord", json={knob: True}, timeout=10)
    try:
        answer = client.get("/en" + address)
    finally:
        requests.post(f"{sandbox.url}/control/discord", json={knob: False}, timeout=10)

    assert answer.status_code == 503
    assert "Discord does not answer right now" in answer.text
    assert answer.headers["Retry-After"]


def test_signing_in_changes_the_cookie_and_keeps_nothing_planted(
    shop: Shop, app: Flask, client: FlaskClient, nok: str
) -> None:
    with client.session_transaction() as cookie:
        cookie["planted"] = "x"
    tokens = []

    for _ in range(2):
        sign_in_by_discord(client, nok)
        with client.session_transaction() as cookie:
            tokens.append(cookie["_user_id"])
            assert "planted" not in cookie
            assert cookie.permanent

    assert tokens[0] != tokens[1]
    with shop.database.reading() as session:
        stored = session.scalars(select(SignInSession.token_hash)).all()
    assert not set(tokens) & set(stored)


def test_a_copied_cookie_dies_with_the_sign_out(app: Flask, client: FlaskClient, nok: str) -> None:
    sign_in_by_discord(client, nok)
    name = app.config["SESSION_COOKIE_NAME"]
    stolen = client.get_cookie(name)
    assert stolen is not None
    thief = app.test_client()
    thief.set_cookie(name, stolen.value)
    assert is_signed_in(thief)

    client.post("/sign-out")

    assert not is_signed_in(client)
    assert not is_signed_in(thief)


def test_ending_a_sign_in_from_another_browser_takes_effect_at_once(
    shop: Shop, app: Flask, client: FlaskClient, nok: str
) -> None:
    sign_in_by_discord(client, nok)
    with shop.database.reading() as session:
        lost = session.scalars(select(SignInSession.id)).one()
    at_home = app.test_client()
    sign_in_by_discord(at_home, nok)

    assert at_home.post(f"/account/sessions/{lost}/revocation").status_code == 303

    assert not is_signed_in(client)
    assert is_signed_in(at_home)


def test_a_ban_takes_effect_at_once_and_nobody_comes_back_in(
    shop: Shop, app: Flask, client: FlaskClient, nok: str
) -> None:
    sign_in_by_discord(client, nok)
    with shop.database.transaction() as session:
        session.execute(update(User).values(banned_at=shop.clock()))

    assert not is_signed_in(client)
    answer = sign_in_by_discord(app.test_client(), nok)

    assert answer.status_code == 403
    with shop.database.reading() as session:
        assert len(session.scalars(select(SignInSession)).all()) == 1


def test_a_sign_in_ends_by_itself(shop: Shop, client: FlaskClient, nok: str) -> None:
    sign_in_by_discord(client, nok)
    with shop.database.transaction() as session:
        ends = session.scalars(select(SignInSession.expires_at)).one()
        session.execute(update(SignInSession).values(expires_at=shop.clock()))

    assert timedelta(days=29) < ends - shop.clock() <= timedelta(days=30)
    assert not is_signed_in(client)


AWAY = [
    *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil"),
    *("javascript:alert(1)", "/\t/evil.example", "/\n//evil.example", "", None, "/" + "a" * 600),
    *("///evil.example", "https:evil.example", "/%0d\r\nLocation: x", " //evil.example"),
]


@pytest.mark.parametrize("target", AWAY)
def test_no_target_leads_away_from_the_shop(target: str | None) -> None:
    assert safe_next_path(target) == "/"


@given(st.text(st.sampled_from("/\\:.@?#evil \t\n\x00e%"), max_size=12))
def test_whatever_the_target_it_is_a_path_of_ours(target: str) -> None:
    path = safe_next_path(target)

    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert "\\" not in path
    assert path.isprintable()


def test_a_forged_target_is_forgotten_on_the_whole_way(client: FlaskClient, nok: str) -> None:
    for target in AWAY[:6]:
        answer = sign_in_by_discord(client, nok, next_path=target or "")
        assert answer.location == "/"
        client.post("/sign-out")


def test_roles_carry_what_the_table_says() -> None:
    assert [role for role in Role if role_permits(role, Permission.SEE_ORDERS)] == [
        Role.MODERATOR,
        Role.ADMIN,
    ]
    assert all(role_permits(Role.ADMIN, permission) for permission in Permission)
    assert not any(role_permits(Role.CUSTOMER, permission) for permission in Permission)
