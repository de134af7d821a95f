"""Slots, versions and people, as a game server meets them."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from api.licenses import GATE
from storefront.accounts.models import User
from storefront.app import create_app
from storefront.catalog.models import Release
from storefront.licenses.checks import list_checks
from storefront.licenses.lookup import GOODS_SECONDS
from storefront.licenses.models import License
from storefront.licenses.slots import IDLE
from storefront.licenses.usage_models import LicenseAddress, LicenseSlot
from tests.api.conftest import VERIFY, Bought, parse
from tests.support.factories import Factory
from tests.support.licenses import events_of, slots_of


def ask_from(game_server: FlaskClient, address: str, **question: Any) -> dict[str, Any]:
    answer = game_server.post(VERIFY, json=question, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 200
    verdict = answer.get_json()
    assert isinstance(verdict, dict)
    return verdict


def test_the_third_server_of_two_slots_is_refused_and_told_where_to_free_one(
    game_server: FlaskClient, bought: Bought
) -> None:
    verdicts = [ask_from(game_server, f"198.51.100.{n}", key=bought.key) for n in (1, 2, 3, 1)]

    assert [(one["code"], one["ips"]["used"]) for one in verdicts] == [
        ("VALID", 1),
        ("VALID", 2),
        ("IP_SLOTS_FULL", 2),
        ("VALID", 2),
    ]
    refused = verdicts[2]
    assert refused["ips"] == {"used": 2, "max": 2, "yours": "198.51.100.3"}
    link = f"{bought.shop.settings.public_url}/account/licenses/{bought.license.id}"
    assert refused["message"] == refused["error"]
    assert refused["message"].endswith(link)


def test_one_ipv6_host_and_one_mapped_address_are_one_server(
    game_server: FlaskClient, bought: Bought
) -> None:
    for address in ("2001:db8::1", "2001:db8::ffff:2", "::ffff:198.51.100.1", "198.51.100.1"):
        assert ask_from(game_server, address, key=bought.key)["code"] == "VALID"

    assert set(slots_of(bought.shop, bought.license.id).values()) == {
        "2001:db8::/64",
        "198.51.100.1/32",
    }
    seen = ask_from(game_server, "::ffff:198.51.100.1", key=bought.key)["ips"]["yours"]
    assert seen == "198.51.100.1"


def test_an_address_in_the_question_or_in_a_header_is_never_believed(
    game_server: FlaskClient, bought: Bought
) -> None:
    for header in ("X-Forwarded-For", "CF-Connecting-IP", "X-Real-IP", "Forwarded"):
        answer = game_server.post(
            VERIFY,
            json={"key": bought.key, "ip": "192.0.2.1", "address": "192.0.2.1"},
            headers={header: "192.0.2.1"},
        )
        assert answer.get_json()["ips"]["yours"] == "127.0.0.1"

    assert slots_of(bought.shop, bought.license.id) == {1: "127.0.0.1/32"}


@pytest.fixture
def proxied(bought: Bought) -> Iterator[FlaskClient]:
    """A game server behind Cloudflare and a proxy of the shop's own."""
    settings = dataclasses.replace(
        bought.shop.settings, trusted_proxies=("127.0.0.1",), cloudflare=("173.245.48.0/20",)
    )
    app = create_app(dataclasses.replace(bought.shop, settings=settings))
    yield app.test_client(use_cookies=False)
    app.extensions[GATE].desk.close()


def test_a_forged_chain_of_proxies_does_not_bind_a_strangers_address(
    proxied: FlaskClient, bought: Bought
) -> None:
    seen = {}
    for forwarded, cloudflare in (
        ("192.0.2.9, 198.51.100.1", None),
        ("192.0.2.9, 198.51.100.1", "192.0.2.9"),
        ("192.0.2.9, 173.245.48.5", "198.51.100.2"),
        ("198.51.100.1, nonsense", None),
    ):
        headers = {"X-Forwarded-For": forwarded}
        headers |= {} if cloudflare is None else {"CF-Connecting-IP": cloudflare}
        answer = proxied.post(VERIFY, json={"key": bought.key}, headers=headers)
        seen[forwarded, cloudflare] = answer.get_json()["ips"]["yours"]

    assert list(seen.values()) == ["198.51.100.1", "198.51.100.1", "198.51.100.2", "127.0.0.1"]


def test_a_stop_frees_the_slot_for_the_next_server(
    game_server: FlaskClient, bought: Bought
) -> None:
    bought.change(slots=1)
    ask_from(game_server, "198.51.100.1", key=bought.key, event="start", server_id="a")
    assert ask_from(game_server, "198.51.100.2", key=bought.key)["code"] == "IP_SLOTS_FULL"

    stopped = [
        ask_from(game_server, "198.51.100.1", key=bought.key, event="stop", server_id="a")
        for _ in range(2)
    ]

    assert [(one["code"], one["ips"]["used"]) for one in stopped] == [("VALID", 0), ("VALID", 0)]
    assert ask_from(game_server, "198.51.100.2", key=bought.key)["code"] == "VALID"
    assert events_of(bought.shop, bought.license.id) == ["slot_bound", "slot_freed", "slot_bound"]


def test_a_server_that_moved_gets_the_slot_it_left_a_day_ago(
    game_server: FlaskClient, bought: Bought
) -> None:
    bought.change(slots=1)
    ask_from(game_server, "198.51.100.1", key=bought.key)
    _age_slots(bought, IDLE)

    assert ask_from(game_server, "198.51.100.2", key=bought.key)["code"] == "VALID"
    assert slots_of(bought.shop, bought.license.id) == {1: "198.51.100.2/32"}
    assert events_of(bought.shop, bought.license.id)[-1] == "slot_moved"


def test_being_seen_is_written_rarely_but_before_the_slot_could_be_lost(
    game_server: FlaskClient, app: Flask, bought: Bought
) -> None:
    def seen_ago() -> timedelta:
        with bought.shop.database.reading() as session:
            slot = session.scalars(select(LicenseSlot)).one()
        return bought.shop.clock() - slot.last_seen_at

    ask_from(game_server, "198.51.100.1", key=bought.key)
    for age, is_written_at_once, is_written in (
        (timedelta(minutes=4), False, False),
        (timedelta(hours=1), False, True),
        (IDLE - timedelta(minutes=1), True, True),
        (3 * IDLE, True, True),
    ):
        _age_slots(bought, age)
        ask_from(game_server, "198.51.100.1", key=bought.key, version="2.0")
        assert (seen_ago() < timedelta(minutes=1)) == is_written_at_once, age
        app.extensions[GATE].desk.recorder.flush()
        assert (seen_ago() < timedelta(minutes=1)) == is_written, age


def test_a_list_lets_nobody_else_in_and_an_emptied_one_nobody(
    game_server: FlaskClient, bought: Bought
) -> None:
    bought.change(address_mode="list")
    assert ask_from(game_server, "198.51.100.1", key=bought.key)["code"] == "IP_NOT_ALLOWED"
    with bought.shop.database.transaction() as session:
        session.add(LicenseAddress(license_id=bought.license.id, network="198.51.100.0/30"))

    assert ask_from(game_server, "198.51.100.1", key=bought.key)["code"] == "VALID"
    refused = ask_from(game_server, "198.51.100.4", key=bought.key)
    assert refused["code"] == "IP_NOT_ALLOWED"
    assert "198.51.100.4" in refused["message"]
    with bought.shop.database.transaction() as session:
        session.execute(delete(LicenseAddress))

    assert ask_from(game_server, "198.51.100.1", key=bought.key)["code"] == "IP_NOT_ALLOWED"


def test_only_a_version_that_was_taken_back_is_refused(
    game_server: FlaskClient, bought: Bought
) -> None:
    """A version that never was a release is an owner's own change of an open script."""
    now = bought.shop.clock()
    with bought.shop.database.transaction() as session:
        session.execute(update(Release).values(yanked_at=now))
        session.add(
            Release(
                product_id=bought.product.id,
                version="1.1.0",
                changelog_th="",
                changelog_en="",
                file_key="x",
                file_name="x.zip",
                size_bytes=1,
                sha256="0" * 64,
                published_at=now,
            )
        )
    codes = {
        version: ask_from(game_server, "198.51.100.1", key=bought.key, version=version)["code"]
        for version in ("1.0.0", "v1.0.0", "1.1.0", "1.0.0-mine", "dev", "", "9.9.9")
    }

    refused = {version for version, code in codes.items() if code == "VERSION_NOT_ALLOWED"}
    assert refused == {"1.0.0", "v1.0.0"}
    assert set(codes.values()) == {"VALID", "VERSION_NOT_ALLOWED"}
    message = ask_from(game_server, "198.51.100.1", key=bought.key, version="1.0.0")["message"]
    assert "1.1.0" in message
    with bought.shop.database.transaction() as session:
        session.execute(update(Release).values(yanked_at=now))
    assert GOODS_SECONDS < 1.0
    began = time.monotonic()
    while "1.1.0" in message:
        # On a busy machine the question itself may take a while.
        assert time.monotonic() - began < GOODS_SECONDS + 5
        answer = ask_from(game_server, "198.51.100.1", key=bought.key, version="1.0.0")
        message = answer["message"]
    assert message == "The seller took this version back. Install another one."


def test_the_licences_of_somebody_banned_are_suspended(
    game_server: FlaskClient, bought: Bought
) -> None:
    with bought.shop.database.transaction() as session:
        session.execute(update(User).values(banned_at=bought.shop.clock()))

    verdict = ask_from(game_server, "198.51.100.1", key=bought.key)

    assert (verdict["code"], verdict["license"]["status"]) == ("SUSPENDED", "suspended")


def test_a_refused_key_binds_no_slot(game_server: FlaskClient, bought: Bought) -> None:
    for values in ({"status": "revoked"}, {"status": "suspended"}):
        bought.change(**values)
        ask_from(game_server, "198.51.100.1", key=bought.key)
    bought.change(status="active")
    ask_from(game_server, "198.51.100.1", key=bought.key, product="another")

    assert slots_of(bought.shop, bought.license.id) == {}


def test_every_question_is_written_down_under_the_id_of_its_answer(
    game_server: FlaskClient, app: Flask, bought: Bought
) -> None:
    answer = game_server.post(
        VERIFY,
        json={
            "key": bought.key,
            "resource": "qr\0_mdt",
            "version": "1.0.0",
            "server_id": "a\0b\ud800",
            "event": "start",
        },
        environ_base={"REMOTE_ADDR": "2001:db8::1"},
    )
    ask_from(game_server, "198.51.100.1", key="ABCDEFG\0")
    app.extensions[GATE].desk.recorder.flush()

    with bought.shop.database.reading() as session:
        (row,) = list_checks(session, bought.license.id)
        rows = session.execute(select(License.id).where(License.id == bought.license.id)).all()
    assert rows
    assert (row.code, row.address, row.resource) == ("VALID", "2001:db8::1", "qr_mdt")
    assert (row.version, row.server_id) == ("1.0.0", "ab")
    assert abs(row.created_at - parse(answer.get_json()["server_time"])) < timedelta(seconds=1)


def test_nothing_of_another_licence_is_told_on_a_mismatch(
    game_server: FlaskClient, bought: Bought, make: Factory
) -> None:
    ask_from(game_server, "198.51.100.1", key=bought.key)
    verdict = ask_from(game_server, "198.51.100.1", key=bought.key, product="another")

    assert verdict["ips"] == {"used": 0, "max": 0, "yours": "198.51.100.1"}
    assert str(bought.license.id) not in json.dumps(verdict)


def _age_slots(bought: Bought, age: timedelta) -> None:
    moment = bought.shop.clock() - age
    with bought.shop.database.transaction() as session:
        session.execute(update(LicenseSlot).values(bound_at=moment, last_seen_at=moment))
