"""Licences that look shared: evidence in words, dismissed or acted on, and the seller's rules."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.licenses.abuse_rules import AbuseRules, find_rules
from storefront.licenses.usage_models import LicenseFlag
from tests.admin.licensing import audits, bought, flags, many_networks, now_in
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

LIST = "/en/admin/license-flags"
TOGETHER = {
    "address": "203.0.113.9/32",
    "server_id": "abc",
    "minute": "2026-11-28T10:00:00+00:00",
    "accounts": 3,
    "products": ["qr-garage", "qr-mdt"],
}


def state_of(shop: Shop) -> str:
    with shop.database.reading() as session:
        return session.scalars(select(LicenseFlag.state)).one()


@pytest.mark.parametrize(
    ("kind", "evidence", "words"),
    [
        ("many_networks", None, "Asked from 9 networks within 24 hours; more than 5"),
        ("many_networks", None, "203.0.113.7: 12 checks, 3 good"),
        (
            "more_live_than_slots",
            {"hours": 1, "count": 4, "slots": 2, "networks": []},
            "Good answers to 4 networks within one hour, with 2 slots.",
        ),
        ("products_never_together", TOGETHER, "started scripts of 3 accounts within one minute"),
        ("products_never_together", TOGETHER, "qr-garage, qr-mdt"),
        # Evidence of another version of the shop.
        ("many_networks", {"networks": "x", "count": "many"}, "Asked from – networks"),
        ("products_never_together", {"products": 5, "minute": None}, "The server at –"),
        ("more_live_than_slots", {"networks": [1, {"checks": "x"}]}, "– slots"),
    ],
)
def test_the_evidence_stands_there_in_words(
    shop: Shop,
    staff: FlaskClient,
    make: Factory,
    kind: str,
    evidence: dict[str, Any] | None,
    words: str,
) -> None:
    license = bought(shop, make)
    seen = many_networks(shop.clock()) if evidence is None else evidence
    flags(shop, license, kind, seen)

    page = staff.get(LIST)

    assert words in text_of_page(page)
    assert f"/admin/licenses/{license.id}" in page.text


def test_what_is_nothing_is_dismissed_with_a_reason(
    shop: Shop, staff: FlaskClient, make: Factory
) -> None:
    license = bought(shop, make)
    flags(shop, license, "many_networks", {})

    submit(staff, staff.get(LIST), "/dismissal", reason="Moved to another host")

    assert state_of(shop) == "dismissed"
    assert now_in(shop, license.id).status == "active"
    (entry,) = audits(shop)
    assert (entry.action, entry.detail["reason"]) == (
        "close_license_flag",
        "Moved to another host",
    )
    assert "Nothing to look at" in staff.get(LIST).text
    assert license.key_hint in text_of_page(staff.get(f"{LIST}?state=dismissed"))


def test_a_licence_is_suspended_from_there(shop: Shop, staff: FlaskClient, make: Factory) -> None:
    license = bought(shop, make)
    flag_id = flags(shop, license, "many_networks", {})
    assert f"/admin/license-flags/{flag_id}/suspension" in staff.get(LIST).text

    staff.post(f"{LIST}/{flag_id}/suspension", data={"reason": "Sold in a chat"})

    assert state_of(shop) == "acted_on"
    assert now_in(shop, license.id).status == "suspended"
    assert {one.action for one in audits(shop)} == {"close_license_flag", "suspend_license"}


@pytest.mark.parametrize("verb", ["dismissal", "suspension"])
def test_without_a_reason_both_stay(
    shop: Shop, staff: FlaskClient, make: Factory, verb: str
) -> None:
    license = bought(shop, make)
    flag_id = flags(shop, license, "many_networks", {})

    staff.post(f"{LIST}/{flag_id}/{verb}", data={"reason": " "})

    assert state_of(shop) == "open"
    assert now_in(shop, license.id).status == "active"
    assert audits(shop) == []


def test_the_second_of_two_is_told(shop: Shop, staff: FlaskClient, make: Factory) -> None:
    license = bought(shop, make)
    flag_id = flags(shop, license, "many_networks", {})
    staff.post(f"{LIST}/{flag_id}/dismissal", data={"reason": "Fine"})
    staff.get(LIST)

    staff.post(f"{LIST}/{flag_id}/suspension", data={"reason": "Not fine"})

    assert "alert--warning" in staff.get(LIST).text
    assert state_of(shop) == "dismissed"
    assert now_in(shop, license.id).status == "active"


def test_a_flag_that_is_none_is_not_found(staff: FlaskClient) -> None:
    for wanted in ("x", "00000000-0000-0000-0000-000000000000"):
        answer = staff.post(f"{LIST}/{wanted}/dismissal", data={"reason": "x"})
        assert answer.status_code == 404


def test_the_seller_switches_automatic_suspension(shop: Shop, staff: FlaskClient) -> None:
    page = staff.get(LIST)

    submit(staff, page, "/rules", networks="12", suspend_many="1")

    with shop.database.reading() as session:
        rules, revision = find_rules(session)
    assert rules == AbuseRules(networks_a_day=12, suspend_many_networks=True)
    assert revision == 1
    # Somebody who still looks at the page as it was.
    stale = submit(staff, page, "/rules", networks="3")
    assert stale.status_code == 409
    assert submit(staff, staff.get(LIST), "/rules", networks="1").status_code == 422
    assert submit(staff, staff.get(LIST), "/rules", networks="many").status_code == 422


def test_a_moderator_reads_and_decides_nothing(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    flag_id = flags(shop, bought(shop, make), "many_networks", {})
    sign_in(client, make.user(role="moderator"))

    page = client.get(LIST)
    assert page.status_code == 200
    assert "/dismissal" not in page.text
    for verb in ("dismissal", "suspension"):
        assert client.post(f"{LIST}/{flag_id}/{verb}").status_code == 404
    assert client.post(f"{LIST}/rules").status_code == 404
    sign_in(client, make.user())
    assert client.get(LIST).status_code == 404


def test_a_page_of_flags_keeps_to_its_queries(
    shop: Shop, staff: FlaskClient, make: Factory
) -> None:
    for _ in range(4):
        flags(shop, bought(shop, make), "many_networks", many_networks(shop.clock()))

    with counted_queries(shop.database.engine) as queries:
        assert staff.get(LIST).status_code == 200
    assert len(queries) <= QUERY_CEILING
