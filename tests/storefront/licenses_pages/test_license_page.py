"""The page of one licence: what runs, what was refused and why, and what can be done about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.models import License
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.accounts.discord import begin, consent, introduce
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.license_use import (
    ask,
    bind,
    diary_of,
    networks_of,
    only_license,
    read_license,
    set_license,
    sign_in_was,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def page_of(license: License, more: str = "") -> str:
    return f"/en/account/licenses/{license.id}{more}"


def signed_in_ago(shop: Shop, client: FlaskClient, ago: timedelta) -> None:
    with client.session_transaction() as session:
        token = session["_user_id"]
    sign_in_was(shop, token, ago=ago)


def test_a_licence_nobody_has_used_yet_says_what_comes(
    buyer: FlaskClient, license: License
) -> None:
    page = buyer.get(page_of(license))
    text = text_of_page(page)

    assert page.headers["Cache-Control"] == "no-store"
    for words in (
        "Active",
        "no end date",
        "No server has asked yet",
        "The first that does gets a place by itself.",
        "0 of 2 places taken.",
        "5 more times in 30 days",
        "Download 1.0.0",
        "QR-1",
    ):
        assert words in text, words


def test_servers_are_shown_with_what_they_run_and_when_they_were_seen(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7", server_id="box-1", resource="qr_mdt", version="1.4.0")
    bind(shop, license.id, "2001:db8:1:2::9", position=2, idle=3 * DAY)

    text = text_of_page(buyer.get(page_of(license)))

    for words in ("203.0.113.7", "box-1", "qr_mdt 1.4.0", "Running", "2001:db8:1:2::/64", "Idle"):
        assert words in text, words
    assert "2 of 2 places taken." in text


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("VALID", {}, "The key is good and this server has a place."),
        ("VALID", {"event": "stop"}, "The server stopped and gave its place back."),
        ("IP_SLOTS_FULL", {}, "All 2 places of this licence were taken"),
        ("IP_NOT_ALLOWED", {}, "not on your list of allowed addresses"),
        ("EXPIRED", {}, "had reached its end date"),
        ("SUSPENDED", {}, "was suspended"),
        ("REVOKED", {}, "was withdrawn"),
        ("VERSION_NOT_ALLOWED", {"version": "0.9.0"}, "Version 0.9.0 of the script may not run"),
        ("PRODUCT_MISMATCH", {"product": "qr-hud"}, "but qr-hud asked with it"),
        ("SOMETHING_NEW", {}, "The shop answered SOMETHING_NEW."),
    ],
)
def test_each_verdict_is_explained(
    shop: Shop,
    buyer: FlaskClient,
    license: License,
    code: str,
    values: dict[str, Any],
    words: str,
) -> None:
    ask(shop, license.id, "198.51.100.4", code=code, **values)

    assert words in text_of_page(buyer.get(page_of(license)))


def test_what_a_server_sent_is_never_markup(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    bad = "<script>alert(1)</script>"
    ask(shop, license.id, "198.51.100.4", code="PRODUCT_MISMATCH", product=bad, resource=bad)
    bind(shop, license.id, "203.0.113.7", server_id=bad, resource=bad)

    assert "<script>alert" not in buyer.get(page_of(license)).text


def test_the_last_twenty_checks_are_shown(shop: Shop, buyer: FlaskClient, license: License) -> None:
    for n in range(25):
        ask(shop, license.id, f"198.51.100.{n}", ago=HOUR * (25 - n))

    page = buyer.get(page_of(license)).text

    assert page.count('class="check"') == 20
    assert "198.51.100.24" in page
    assert "198.51.100.4<" not in page


def test_one_click_lets_a_refused_server_in_while_that_is_free(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7")
    bind(shop, license.id, "203.0.113.8", position=2, idle=2 * DAY)
    ask(shop, license.id, "198.51.100.4", code="IP_SLOTS_FULL")
    page = buyer.get(page_of(license))
    text = text_of_page(page)
    assert "the place of 203.0.113.8" in text
    assert "This costs no move." in text

    answer = buyer.get(submit(buyer, page, "/allowance").location)

    assert "198.51.100.4 may run the script from its next check on." in answer.text
    assert networks_of(shop, license.id) == ["203.0.113.7/32", "198.51.100.4/32"]
    assert "Allow this address" not in answer.text


def test_what_costs_a_move_is_asked_about_first(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7", idle=HOUR)
    bind(shop, license.id, "203.0.113.8", position=2, idle=2 * HOUR)
    ask(shop, license.id, "198.51.100.4", code="IP_SLOTS_FULL")
    page = buyer.get(page_of(license))
    assert "This takes one of the 5 moves you have left" in text_of_page(page)
    assert not [form for form in forms_of(page) if form.action.endswith("/allowance")]

    # Whoever sends the form all the same is asked too: nothing is spent by surprise.
    asked = buyer.post(page_of(license, "/allowance"), data={"address": "198.51.100.4"})
    question = buyer.get(asked.location)
    assert "Whose place it gets" in text_of_page(question)
    assert networks_of(shop, license.id) == ["203.0.113.7/32", "203.0.113.8/32"]
    submit(buyer, question, "/allowance", instead_of="203.0.113.7/32")

    assert networks_of(shop, license.id) == ["198.51.100.4/32", "203.0.113.8/32"]
    after = text_of_page(buyer.get(page_of(license)))
    assert "You have moved a running server not long ago." in after


def test_without_a_move_left_the_page_says_when_and_offers_only_what_is_free(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7")
    bind(shop, license.id, "203.0.113.8", position=2)
    submit(buyer, buyer.get(page_of(license, "/reset")), "/reset")
    assert networks_of(shop, license.id) == []
    bind(shop, license.id, "203.0.113.7")

    question = buyer.get(page_of(license, "/reset"))

    assert "You have no move free right now." in text_of_page(question)
    assert ">Remove all servers<" not in question.text.split("<main")[1].split("</h1>")[1]
    refused = buyer.get(buyer.post(page_of(license, "/reset")).location)
    assert "You have moved a running server not long ago." in refused.text
    assert networks_of(shop, license.id) == ["203.0.113.7/32"]


def test_a_server_is_removed_after_a_question(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7", idle=2 * DAY)

    question = buyer.get(page_of(license, "/removal?network=203.0.113.7/32"))
    assert "This costs no move." in text_of_page(question)
    submit(buyer, question, "/removal")

    assert networks_of(shop, license.id) == []
    assert buyer.get(page_of(license, "/removal?network=203.0.113.7/32")).status_code == 404
    assert buyer.get(page_of(license, "/removal?network=nonsense")).status_code == 422


def test_a_list_is_kept_by_hand_and_an_empty_one_says_that_nobody_is_let_in(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    page = buyer.get(page_of(license))
    page = buyer.get(submit(buyer, page, "/mode").location)
    assert "The list is empty: no server may run the script" in text_of_page(page)

    page = buyer.get(
        submit(buyer, page, "/addresses", address="203.0.113.0/28", note="Bangkok").location
    )
    assert "203.0.113.0/28" in text_of_page(page)
    assert "Bangkok" in text_of_page(page)
    wide = buyer.get(submit(buyer, page, "/addresses", address="0.0.0.0/0").location)
    assert "This block is too large" in wide.text

    gone = next(form.action for form in forms_of(page) if form.action.endswith("/removal"))
    page = buyer.get(buyer.post(gone).location)
    assert "The list is empty" in text_of_page(page)
    page = buyer.get(buyer.post(page_of(license, "/mode"), data={"mode": "auto"}).location)
    assert "Keep a list instead" in page.text


def test_a_new_key_is_made_after_a_question(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    question = buyer.get(page_of(license, "/rotation"))
    assert "The old key is unknown at once." in text_of_page(question)

    submit(buyer, question, "/rotation")

    assert read_license(shop, license.id).key_hash != license.key_hash
    for _ in range(2):
        buyer.post(page_of(license, "/rotation"))
    refused = buyer.get(buyer.post(page_of(license, "/rotation")).location)
    assert "You have made three new keys today." in text_of_page(refused)


def test_a_key_is_shown_after_a_fresh_sign_in_only(
    shop: Shop, buyer: FlaskClient, owner: User, license: License, sandbox: RunningSandbox
) -> None:
    introduce(sandbox, str(owner.discord_id), owner.username)
    key = shop.vault.open(license.key_encrypted)
    signed_in_ago(shop, buyer, timedelta(minutes=31))

    refused = buyer.post(page_of(license, "/key"))

    assert refused.status_code == 403
    assert key not in refused.text
    assert "Please sign in once more" in refused.text
    assert diary_of(shop, license.id) == ["issued"]
    (form,) = [form for form in forms_of(refused) if form.action.endswith("/sign-in/discord")]
    assert form.fields["next"] == page_of(license)

    back = buyer.get(consent(begin(buyer, next_path=form.fields["next"]), str(owner.discord_id)))
    assert back.location == page_of(license)
    shown = submit(buyer, buyer.get(back.location), "/key")
    assert key in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert diary_of(shop, license.id) == ["issued", "key_shown"]


def test_signing_in_again_ends_the_sign_in_before(
    shop: Shop, buyer: FlaskClient, owner: User, sandbox: RunningSandbox
) -> None:
    introduce(sandbox, str(owner.discord_id), owner.username)
    with buyer.session_transaction() as session:
        old = session["_user_id"]

    buyer.get(consent(begin(buyer, next_path="/"), str(owner.discord_id)))

    with buyer.session_transaction() as session:
        assert session["_user_id"] != old
        session["_user_id"] = old
    assert buyer.get("/account/licenses").status_code == 303


def test_a_guest_is_led_through_the_mail_instead_of_discord(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    guest = make.guest()
    buy(shop, make, guest, (make.product(), 1))
    license = only_license(shop, guest)
    sign_in(client, guest)
    assert shop.vault.open(license.key_encrypted) in client.post(page_of(license, "/key")).text
    assert "Give it away" not in client.get(page_of(license)).text
    signed_in_ago(shop, client, timedelta(hours=1))

    refused = client.post(page_of(license, "/key"))

    assert refused.status_code == 403
    assert "Open the personal link in our latest mail again" in refused.text
    assert "/en/guest/recover" in refused.text
    assert shop.vault.open(license.key_encrypted) not in refused.text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "suspended"}, "The seller has paused it."),
        (
            {"status": "suspended", "cause": "dispute:1", "status_before": "active"},
            "If the payment stands, the licence is good again by itself.",
        ),
        ({"status": "revoked"}, "This licence was withdrawn"),
        ({"status": "expired"}, "This licence has ended"),
    ],
)
def test_a_licence_that_is_not_good_says_why_and_what_can_be_done(
    shop: Shop, buyer: FlaskClient, license: License, values: dict[str, str], words: str
) -> None:
    bind(shop, license.id, "203.0.113.7")
    ask(shop, license.id, "198.51.100.4", code="IP_SLOTS_FULL")
    set_license(shop, license.id, expires_at=shop.clock() + DAY, **values)
    if values["status"] == "expired":
        set_license(shop, license.id, expires_at=shop.clock() - DAY)

    text = text_of_page(buyer.get(page_of(license)))

    assert words in text
    assert ("Remove" in text) is (values["status"] != "revoked")
    assert "Give it away" not in text


def test_the_diary_tells_what_happened_but_not_what_staff_noted(
    shop: Shop, buyer: FlaskClient, license: License
) -> None:
    with shop.database.transaction() as session:
        record_event(session, license.id, "noted", actor="staff:1")
        record_event(session, license.id, "suspended", actor="staff:1")
        record_event(session, license.id, "of_tomorrow", actor=SYSTEM)

    text = text_of_page(buyer.get(page_of(license)))

    assert "The licence was suspended" in text
    assert "the seller" in text
    assert "The key was made" in text
    assert "Something changed (of_tomorrow)" in text
    assert "noted" not in text


def test_every_page_of_a_licence_is_its_owners_alone(
    client: FlaskClient, make: Factory, sign_in: SignIn, license: License
) -> None:
    for stranger in (make.user(), make.user(role="admin"), make.guest()):
        sign_in(client, stranger)
        for path in ("", "/rotation", "/reset", "/removal", "/allowance", "/gift"):
            assert client.get(page_of(license, path)).status_code == 404, path
        for path in (
            *("/key", "/rotation", "/reset", "/removal", "/allowance", "/mode", "/addresses"),
            *("/gift", "/gift/withdrawal", f"/addresses/{license.id}/removal"),
        ):
            assert client.post(page_of(license, path)).status_code == 404, path


def test_a_full_page_takes_few_queries(
    shop: Shop, buyer: FlaskClient, license: License, make: Factory
) -> None:
    bind(shop, license.id, "203.0.113.7")
    bind(shop, license.id, "203.0.113.8", position=2)
    for n in range(20):
        ask(shop, license.id, f"198.51.100.{n}", code="IP_SLOTS_FULL")
    buyer.post(page_of(license, "/gift"), data={"recipient": make.user().username})

    with counted_queries(shop.database.engine) as queries:
        page = text_of_page(buyer.get(page_of(license)))

    for words in ("Offered to", "203.0.113.8", "198.51.100.19", "Allow this address", "Ends"):
        assert words in page, words
    assert 0 < len(queries) <= QUERY_CEILING, queries


@pytest.mark.parametrize(
    "path",
    [
        "/rotation",
        "/reset",
        "/removal?network=203.0.113.7/32",
        "/allowance?address=198.51.100.4",
        "/gift",
    ],
)
def test_no_question_about_a_licence_takes_more_queries_than_its_page(
    shop: Shop, buyer: FlaskClient, license: License, path: str
) -> None:
    bind(shop, license.id, "203.0.113.7")

    with counted_queries(shop.database.engine) as queries:
        assert buyer.get(page_of(license, path)).status_code == 200

    assert 0 < len(queries) <= QUERY_CEILING, queries
