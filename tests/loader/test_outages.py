"""The shop is away, slow, or not itself: the script runs on for as long as its lease says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from storefront.bootstrap import Shop
from storefront.loader.files import OnRefusal
from tests.api.conftest import Bought
from tests.loader.conftest import (
    HOUR,
    SCRIPT,
    Script,
    Servers,
    asked,
    code_of,
    requests_from,
    serve,
)
from tests.loader.wire import Passed, Wire
from tests.support.fivem import LONGEST_ANSWER_SECONDS, GameServer

MINUTE = 60.0


def answering(status: int, **body: object) -> Callable[[Passed], tuple[int, bytes]]:
    return lambda passed: (status, json.dumps(body).encode())


def pauses(server: GameServer) -> list[float]:
    """The minutes between one question and the next."""
    moments = [request["at"] for request in server.requests]
    return [(after - before) / 60 for before, after in pairwise(moments)]


def test_an_outage_does_not_stop_a_script_that_has_a_lease(server: GameServer, wire: Wire) -> None:
    resource = server.start(SCRIPT)
    wire.is_cut = True

    server.run(60 * HOUR)

    assert resource.export("isLicensed") is True
    assert code_of(resource) == "LEASE"
    assert not resource.is_stopped
    (told,) = [line for line in resource.console if "does not answer" in line]
    assert "runs on for up to" in told
    assert "/account/licenses" in told


def test_it_asks_after_1_2_4_8_16_and_then_every_30_minutes(server: GameServer, wire: Wire) -> None:
    server.start(SCRIPT)
    wire.is_cut = True
    server.run(12 * HOUR)

    waited = pauses(server)[1:9]

    for found, meant in zip(waited, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        # And the five seconds until the game server gives up.
        assert max(1.0, meant * 0.9) - 0.01 <= found - 5 / 60 <= min(30, meant * 1.1) + 0.01


def test_the_shop_comes_back_and_all_is_as_before(server: GameServer, wire: Wire) -> None:
    resource = server.start(SCRIPT)
    wire.is_cut = True
    server.run(10 * HOUR)
    wire.is_cut = False

    server.run(HOUR)

    assert code_of(resource) == "VALID"
    assert resource.export("licenseStatus")["leaseSeconds"] > 70 * HOUR
    assert [event[2:] for event in resource.events] == [
        [True, "VALID"],
        [True, "LEASE"],
        [True, "VALID"],
    ]


def test_after_72_hours_of_outage_the_lease_is_over(server: GameServer, wire: Wire) -> None:
    resource = server.start(SCRIPT)
    wire.is_cut = True

    server.run(71.9 * HOUR)
    assert not resource.is_stopped
    server.run(0.2 * HOUR)

    assert resource.is_stopped
    assert code_of(resource) == "GRACE_OVER"
    assert "until the lease of this server ended" in resource.console[-2]
    assert "Nothing else on this server is touched" in resource.console[-1]


def test_a_server_that_crashes_in_an_outage_starts_on_its_lease(
    server: GameServer, wire: Wire
) -> None:
    server.start(SCRIPT)
    wire.is_cut = True
    for _ in range(6):
        server.run(11 * HOUR)
        server.crash()
        resource = server.start(SCRIPT)
        assert code_of(resource) == "LEASE"

    server.run(7 * HOUR)

    assert resource.is_stopped, "crashes do not lengthen it"


def test_a_first_start_in_an_outage_is_tried_four_times(server: GameServer, wire: Wire) -> None:
    wire.is_cut = True
    resource = server.start(SCRIPT, seconds=10)

    assert resource.export("isLicensed") is False
    assert code_of(resource) == "WAITING"
    assert not resource.is_stopped
    server.run(10 * MINUTE)

    assert resource.is_stopped
    assert code_of(resource) == "NO_ANSWER"
    assert len(asked(server)) == 4
    assert "has no lease from before" in resource.console[-2]


def test_a_first_start_in_a_short_outage_ends_well(server: GameServer, wire: Wire) -> None:
    wire.is_cut = True
    resource = server.start(SCRIPT, seconds=100)
    wire.is_cut = False

    server.run(5 * MINUTE)

    assert code_of(resource) == "VALID"


def test_no_status_but_200_is_a_verdict(server: GameServer, wire: Wire) -> None:
    resource = server.start(SCRIPT)
    for status in (301, 302, 400, 403, 404, 413, 429, 500, 502, 503):
        wire.meddle = answering(status, valid=False, code="REVOKED", error="busy")

        server.run(7 * HOUR if status == 301 else HOUR)

        assert server.answers[-1].status == status
        assert (code_of(resource), resource.is_stopped) == ("LEASE", False), status
    assert "(status 301)" in resource.console[-1]


@pytest.mark.parametrize(
    ("asked_for", "least", "most"),
    [(5, 1.0, 1.1), (600, 9.0, 11.1), (10**9, 27.0, 30.2), ("soon", 1.0, 1.2), (-5, 1.0, 1.2)],
)
def test_retry_after_is_honoured_between_one_and_thirty_minutes(
    asked_for: object, least: float, most: float, server: GameServer, wire: Wire
) -> None:
    wire.meddle = answering(429, error="too_many_requests", retry_after=asked_for)
    server.start(SCRIPT)

    server.run(40 * MINUTE)

    assert least <= pauses(server)[0] <= most


def test_an_answer_that_takes_too_long_is_none(server: GameServer, wire: Wire) -> None:
    """The game server gives up after five seconds; here the scale is smaller."""
    assert LONGEST_ANSWER_SECONDS == 5.0
    resource = server.start(SCRIPT)
    server.answer_within, wire.delay = 0.1, 0.3

    server.run(6.7 * HOUR)

    assert server.answers[-1].status == 0
    assert code_of(resource) == "LEASE"


def test_an_answer_that_is_no_answer_is_an_outage(server: GameServer, wire: Wire) -> None:
    resource = server.start(SCRIPT)
    bodies = [b"", b"null", b"[]", b"{", b"<html>", b'"x"', b"\xff", b"{}" * 9000, b"[" * 5000]
    for number, body in enumerate(bodies):
        wire.meddle = lambda passed, body=body: (200, body)

        server.run(HOUR if number else 7 * HOUR)

        assert server.answers[-1].status == 200
        assert code_of(resource) == "LEASE", body[:20]


def test_a_redirect_is_not_followed(server: GameServer, wire: Wire) -> None:
    """It would arrive as a POST without a body, and the answer to that is about no key at all."""
    server.start(SCRIPT)

    assert server.requests[0]["follow"] is False


def test_a_shop_that_has_had_enough_of_an_address_is_left_alone_for_as_long_as_it_says(
    shop: Shop, game_servers: Servers, script: Script, bought: Bought
) -> None:
    """The real limit: twenty unknown keys from one address, and ten minutes of quiet."""
    limited = replace(shop, settings=replace(shop.settings, environment="demo"))
    server = game_servers(77, convars={"qr_license": bought.key})
    with serve(limited) as url:
        for _ in range(20):
            requests_from(server.address, url, {"key": shop.vault.make_key()})
        server.install(script(url=url), name=SCRIPT)
        resource = server.start(SCRIPT)
        server.run(8 * MINUTE)

    assert server.answers[0].status == 429
    assert "(status 429)" in resource.console[0]
    assert len(asked(server)) == 1


def test_where_only_paid_parts_stop_they_come_back_after_an_outage(
    game_servers: Servers, script: Script, bought: Bought, wire: Wire
) -> None:
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(on_refusal=OnRefusal.DEGRADE), name=SCRIPT)
    resource = server.start(SCRIPT)
    wire.is_cut = True
    server.run(80 * HOUR)
    assert (resource.export("isLicensed"), code_of(resource)) == (False, "GRACE_OVER")
    wire.is_cut = False

    server.run(HOUR)

    assert (resource.export("isLicensed"), resource.is_stopped) == (True, False)
