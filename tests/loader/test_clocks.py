"""Clocks that are wrong, clocks that are turned, and leases that are carried to another server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Bought
from tests.loader.conftest import HOUR, SCRIPT, Script, Servers, asked, code_of
from tests.loader.wire import Wire
from tests.support.fivem import GameServer

DAY = 24 * HOUR


def lease_file(server: GameServer) -> Path:
    return server.folder / "resources" / SCRIPT / "license" / "lease.json"


@pytest.mark.parametrize("error", [-400 * DAY, -2 * HOUR, 2 * HOUR, 400 * DAY])
def test_a_clock_that_is_wrong_all_the_time_changes_nothing(
    error: float, server: GameServer, wire: Wire
) -> None:
    server.turn_clock(error)
    assert code_of(server.start(SCRIPT)) == "VALID"
    wire.is_cut = True
    server.run(10 * HOUR)
    server.crash()
    resource = server.start(SCRIPT)
    assert code_of(resource) == "LEASE"
    assert 61 * HOUR < resource.export("licenseStatus")["leaseSeconds"] < 62.1 * HOUR

    server.run(63 * HOUR)

    assert resource.is_stopped


@pytest.mark.parametrize("turn", [-365 * DAY, -2 * DAY, 2 * DAY, 365 * DAY])
def test_turning_the_clock_while_a_script_runs_changes_nothing(
    turn: float, server: GameServer, wire: Wire
) -> None:
    resource = server.start(SCRIPT)
    wire.is_cut = True
    server.run(10 * HOUR)
    server.turn_clock(turn)

    server.run(61 * HOUR)
    assert code_of(resource) == "LEASE"
    server.run(2 * HOUR)

    assert resource.is_stopped


def test_turning_the_clock_back_before_every_restart_wins_no_time(
    server: GameServer, wire: Wire
) -> None:
    server.start(SCRIPT)
    wire.is_cut = True
    restarts = 0
    while code_of(server.start(SCRIPT)) == "LEASE" and restarts < 20:
        restarts += 1
        server.run(8 * HOUR)
        server.crash()
        # Not before the moment the lease was given: that would be a lease from the future.
        server.turn_clock(-7.9 * HOUR)

    # 72 hours in turns of 8; each crash forgets what passed since the last question, at most half
    # an hour.
    assert 9 <= restarts <= 10


def test_a_lease_from_the_future_does_not_count(server: GameServer, wire: Wire) -> None:
    server.start(SCRIPT)
    wire.is_cut = True
    server.crash()
    server.turn_clock(-2 * HOUR)

    assert code_of(server.start(SCRIPT)) == "WAITING"


def test_a_clock_set_forth_ends_a_lease_until_the_shop_answers(
    server: GameServer, wire: Wire
) -> None:
    server.start(SCRIPT)
    wire.is_cut = True
    server.crash()
    server.turn_clock(10 * DAY)
    assert code_of(server.start(SCRIPT)) == "WAITING"
    server.crash()
    server.turn_clock(-10 * DAY)
    wire.is_cut = False

    resource = server.start(SCRIPT)

    assert code_of(resource) == "VALID"
    assert resource.export("licenseStatus")["leaseSeconds"] > 71 * HOUR


def test_a_lease_copied_to_another_server_does_not_count_there(
    server: GameServer, game_servers: Servers, wire: Wire
) -> None:
    server.start(SCRIPT)
    other = game_servers(3, convars=dict(server.convars) | {"sv_licenseKeyToken": "another"})
    server.copy_to(other, SCRIPT)
    wire.is_cut = True

    assert code_of(server.start(SCRIPT)) == "LEASE", "the control"
    assert code_of(other.start(SCRIPT)) == "WAITING"


def test_servers_without_a_platform_key_are_told_apart_too(
    game_servers: Servers, script: Script, bought: Bought, wire: Wire
) -> None:
    first, second = (
        game_servers(number, token="", convars={"qr_license": bought.key}) for number in (2, 3)
    )
    first.install(script(), name=SCRIPT)
    first.start(SCRIPT)
    first.copy_to(second, SCRIPT)
    wire.is_cut = True

    assert code_of(first.start(SCRIPT)) == "LEASE", "the control: its name outlives a restart"
    assert code_of(second.start(SCRIPT)) == "WAITING"
    names = {question["server_id"] for question in asked(first) + asked(second)}
    assert len(names) == 2
    assert all(name.startswith("k-") for name in names)


def test_a_platform_key_that_comes_late_costs_no_lease(server: GameServer, wire: Wire) -> None:
    """While a server starts, its token may not be known yet."""
    token = server.convars.pop("sv_licenseKeyToken")
    server.start(SCRIPT)
    server.convars["sv_licenseKeyToken"] = token
    wire.is_cut = True

    assert code_of(server.start(SCRIPT)) == "LEASE"


def test_a_lease_that_was_edited_does_not_count(server: GameServer, wire: Wire) -> None:
    server.start(SCRIPT)
    server.crash()
    wire.is_cut = True
    kept = json.loads(lease_file(server).read_text())
    edited: dict[str, Any] = {
        "payload": json.dumps({**json.loads(kept["payload"]), "grace_until": 2**40}),
        "sig": kept["sig"][:-8] + "AAAAAA==",
        "kid": "another",
        "seen": kept["seen"] - 1000,
        "offset": "x",
    }
    for field, value in edited.items():
        lease_file(server).write_text(json.dumps({**kept, field: value}))
        assert code_of(server.start(SCRIPT)) == "WAITING", field
        server.crash()
    lease_file(server).write_text(json.dumps(kept))
    assert code_of(server.start(SCRIPT)) == "LEASE", "the control"


def test_a_damaged_lease_is_as_good_as_none(server: GameServer, wire: Wire) -> None:
    for text in ("", "{", "null", "[]", "[1]", '{"payload": 7}', "\0" * 50):
        server.crash()
        lease_file(server).write_text(text)
        wire.is_cut = True
        assert code_of(server.start(SCRIPT)) == "WAITING", text
        wire.is_cut = False
        assert code_of(server.start(SCRIPT)) == "VALID", text


def test_a_lease_of_another_key_does_not_count(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    server.start(SCRIPT)
    wire.is_cut = True
    server.convars[f"qr_license_{bought.product.slug}"] = "0000-0000-0000-0000"

    assert code_of(server.start(SCRIPT)) == "WAITING"


def test_the_timer_of_the_game_server_may_begin_anew(server: GameServer, wire: Wire) -> None:
    """It is a number of 32 bits: after 24.8 days it goes on below zero."""
    server.timer_ms = 2**31 - 60_000
    resource = server.start(SCRIPT)
    wire.is_cut = True

    server.run(80 * HOUR)

    assert resource.is_stopped
    assert code_of(resource) == "GRACE_OVER"
