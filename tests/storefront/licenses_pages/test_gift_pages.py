"""Giving a licence away, and taking one, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.licenses.models import License
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.license_use import read_license, sign_in_was


@pytest.fixture
def friend(make: Factory) -> User:
    return make.user(username="friend")


@pytest.fixture
def other(app: Flask, client: FlaskClient, sign_in: SignIn, friend: User) -> FlaskClient:
    """The friend's browser."""
    browser = app.test_client()
    sign_in(browser, friend)
    return browser


def offer(buyer: FlaskClient, license: License) -> str:
    page = buyer.get(f"/en/account/licenses/{license.id}/gift")
    return text_of_page(buyer.get(submit(buyer, page, "/gift", recipient="@Friend").location))


def test_an_offer_is_seen_by_both_and_accepted(
    shop: Shop, buyer: FlaskClient, other: FlaskClient, friend: User, license: License
) -> None:
    text = offer(buyer, license)
    assert "Offered to friend" in text
    assert "Give it away" not in text
    listed = other.get("/en/account/licenses")
    assert "wants to give you Script" in text_of_page(listed)
    address = "/en/account/gifts/" + listed.text.split("/en/account/gifts/")[1].split('"')[0]

    taken = other.get(submit(other, other.get(address), "/acceptance").location)

    assert "The licence is yours, with a key of its own." in text_of_page(taken)
    assert "a gift" in text_of_page(taken)
    assert read_license(shop, license.id).user_id == friend.id
    assert buyer.get(f"/account/licenses/{license.id}").status_code == 404
    over = other.get(address)
    assert over.status_code == 410
    assert "This offer is over" in over.text
    assert "No licences yet" in buyer.get("/en/account/licenses").text


def test_a_stale_sign_in_takes_nothing(
    shop: Shop, buyer: FlaskClient, other: FlaskClient, license: License
) -> None:
    offer(buyer, license)
    address = other.get("/en/account/licenses").text.split("/en/account/gifts/")[1].split('"')[0]
    with other.session_transaction() as session:
        token = session["_user_id"]
    sign_in_was(shop, token, ago=timedelta(hours=1))

    refused = other.post(f"/en/account/gifts/{address}/acceptance")

    assert refused.status_code == 403
    assert "Please sign in once more" in refused.text
    assert read_license(shop, license.id).user_id == license.user_id


def test_an_offer_is_withdrawn_or_declined(
    shop: Shop, buyer: FlaskClient, other: FlaskClient, license: License
) -> None:
    offer(buyer, license)
    page = buyer.get(f"/en/account/licenses/{license.id}")
    submit(buyer, page, "/gift/withdrawal")
    assert "wants to give you" not in other.get("/en/account/licenses").text

    offer(buyer, license)
    address = other.get("/en/account/licenses").text.split("/en/account/gifts/")[1].split('"')[0]
    answer = other.get(other.post(f"/en/account/gifts/{address}/refusal").location)

    assert "You declined." in answer.text
    assert "Give it away" in buyer.get(f"/en/account/licenses/{license.id}").text


@pytest.mark.parametrize(
    ("recipient", "words"),
    [
        ("", "Write a Discord name or an e-mail address"),
        ("two words", "Write a Discord name or an e-mail address"),
        ("<b>", None),
    ],
)
def test_a_refused_form_says_why_and_keeps_what_was_typed(
    buyer: FlaskClient, license: License, recipient: str, words: str | None
) -> None:
    answer = buyer.post(f"/en/account/licenses/{license.id}/gift", data={"recipient": recipient})

    if words is None:
        assert answer.status_code == 303
        assert "<b>" not in buyer.get(answer.location).text.split("Offered to")[1][:20]
        return
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{recipient}"' in answer.text


def test_the_answer_does_not_tell_whether_there_is_such_an_account(
    buyer: FlaskClient, license: License, friend: User
) -> None:
    def answer(recipient: str) -> str:
        given = buyer.post(f"/en/account/licenses/{license.id}/gift", data={"recipient": recipient})
        text = text_of_page(buyer.get(given.location)).replace(recipient, "X")
        buyer.post(f"/en/account/licenses/{license.id}/gift/withdrawal")
        buyer.get(given.location)
        return text.split("What happened to it")[0]

    assert answer("friend") == answer("nobody")


def test_gifts_of_others_do_not_exist(
    buyer: FlaskClient, other: FlaskClient, license: License
) -> None:
    offer(buyer, license)
    gift = other.get("/en/account/licenses").text.split("/en/account/gifts/")[1].split('"')[0]

    for wanted in (gift, new_id(), "nonsense"):
        assert buyer.get(f"/account/gifts/{wanted}").status_code == 404
        for action in ("acceptance", "refusal"):
            assert buyer.post(f"/account/gifts/{wanted}/{action}").status_code == 404
