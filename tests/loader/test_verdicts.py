"""What a script does when the shop says no."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storefront.loader.files import OnRefusal
from tests.api.conftest import Bought
from tests.loader.conftest import HOUR, SCRIPT, Script, Servers, asked, code_of
from tests.loader.wire import Wire
from tests.support.factories import Factory
from tests.support.fivem import GameServer


def refusals(bought: Bought) -> dict[str, dict[str, Any]]:
    return {
        "REVOKED": {"status": "revoked"},
        "SUSPENDED": {"status": "suspended"},
        "EXPIRED": {"expires_at": bought.shop.clock() - timedelta(seconds=1)},
    }


@pytest.mark.parametrize("code", ["REVOKED", "SUSPENDED", "EXPIRED"])
def test_a_refused_script_stops_itself_and_says_which_page_to_open(
    code: str, server: GameServer, bought: Bought
) -> None:
    bought.change(**refusals(bought)[code])

    resource = server.start(SCRIPT)

    assert resource.is_stopped
    assert code_of(resource) == code
    assert resource.export("isLicensed") is False
    assert f"({code})" in resource.console[0]
    assert "/account/licenses" in resource.console[0]
    assert bought.key[:4] in resource.console[0]
    assert "Nothing else on this server is touched" in resource.console[1]


def test_a_key_of_another_script_is_told_apart_from_a_wrong_one(
    game_servers: Servers, script: Script, bought: Bought, make: Factory
) -> None:
    other = make.product().slug
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(product_slug=other), name=SCRIPT)

    resource = server.start(SCRIPT)

    assert code_of(resource) == "PRODUCT_MISMATCH"
    assert other in resource.console[0]


def test_an_address_that_is_not_on_the_list_is_named(server: GameServer, bought: Bought) -> None:
    bought.change(address_mode="list")

    resource = server.start(SCRIPT)

    assert code_of(resource) == "IP_NOT_ALLOWED"
    assert "127.0.0.2" in resource.console[0]


def test_a_version_that_was_taken_back_does_not_run(server: GameServer, bought: Bought) -> None:
    with bought.shop.database.transaction() as session:
        session.merge(bought.product.releases[0]).yanked_at = bought.shop.clock()

    assert code_of(server.start(SCRIPT)) == "VERSION_NOT_ALLOWED"


def test_a_loader_of_no_product_takes_a_key_of_any(
    game_servers: Servers, script: Script, bought: Bought
) -> None:
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(product_slug=""), name=SCRIPT)

    assert code_of(server.start(SCRIPT)) == "VALID"
    assert "product" not in asked(server)[0]


def test_a_revocation_stops_a_running_script_at_its_next_check(
    server: GameServer, bought: Bought
) -> None:
    resource = server.start(SCRIPT)
    bought.change(status="revoked")

    server.run(5 * HOUR)
    assert not resource.is_stopped
    server.run(2 * HOUR)

    assert resource.is_stopped
    assert code_of(resource) == "REVOKED"
    assert resource.events[-2:] == [
        ["license:changed", SCRIPT, False, "REVOKED"],
        ["onResourceStop", SCRIPT],
    ]
    assert asked(server)[-1]["event"] == "heartbeat", "a refused script holds no slot to give back"


def test_a_refusal_ends_the_lease_for_good(server: GameServer, bought: Bought, wire: Wire) -> None:
    server.start(SCRIPT)
    bought.change(status="revoked")
    server.run(7 * HOUR)
    wire.is_cut = True

    resource = server.start(SCRIPT)

    assert code_of(resource) == "WAITING"
    assert resource.export("isLicensed") is False


def test_a_licence_that_is_given_back_works_at_the_next_start(
    server: GameServer, bought: Bought
) -> None:
    bought.change(status="suspended")
    server.start(SCRIPT)
    bought.change(status="active")

    assert code_of(server.start(SCRIPT)) == "VALID"


def test_degrade_leaves_the_script_running_without_its_paid_parts(
    game_servers: Servers, script: Script, bought: Bought
) -> None:
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(on_refusal=OnRefusal.DEGRADE), name=SCRIPT)
    resource = server.start(SCRIPT)
    bought.change(status="revoked")
    server.run(7 * HOUR)

    assert resource.export("isLicensed") is False
    assert not resource.is_stopped
    assert resource.events[-1] == ["license:changed", SCRIPT, False, "REVOKED"]

    bought.change(status="active")
    server.run(7 * HOUR)

    assert resource.export("isLicensed") is True
    assert resource.events[-1] == ["license:changed", SCRIPT, True, "VALID"]


def test_an_outage_after_a_refusal_does_not_hide_why(
    game_servers: Servers, script: Script, bought: Bought, wire: Wire
) -> None:
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(on_refusal=OnRefusal.DEGRADE), name=SCRIPT)
    bought.change(status="revoked")
    resource = server.start(SCRIPT)
    wire.is_cut = True

    server.run(30 * HOUR)

    assert code_of(resource) == "REVOKED"


def test_warn_says_so_and_changes_nothing(
    game_servers: Servers, script: Script, bought: Bought
) -> None:
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(on_refusal=OnRefusal.WARN), name=SCRIPT)
    bought.change(status="revoked")
    resource = server.start(SCRIPT)

    assert resource.export("isLicensed") is True
    assert resource.export("licenseStatus")["licensed"] is False
    assert not resource.is_stopped
    server.run(20 * HOUR)
    assert len([line for line in resource.console if "(REVOKED)" in line]) == 4


def test_a_missing_key_is_looked_for_again_but_told_once(
    game_servers: Servers, script: Script, bought: Bought
) -> None:
    server = game_servers()
    server.install(script(on_refusal=OnRefusal.DEGRADE), name=SCRIPT)
    resource = server.start(SCRIPT)
    server.run(2 * HOUR)
    assert len(resource.console) == 1

    resource.set_convar("qr_license", bought.key)
    server.run(600)

    assert code_of(resource) == "VALID"


def test_stopping_a_script_tells_the_shop(server: GameServer) -> None:
    resource = server.start(SCRIPT)
    resource.stop()

    stop = asked(server)[-1]
    assert (len(asked(server)), stop["event"]) == (2, "stop")
    assert stop["nonce"] != asked(server)[0]["nonce"]


def test_the_stop_of_another_script_is_none_of_its_business(server: GameServer) -> None:
    resource = server.start(SCRIPT)
    resource.trigger("onResourceStop", "another-script")

    assert len(asked(server)) == 1


def test_a_restart_says_stop_before_it_says_start(server: GameServer) -> None:
    server.start(SCRIPT)
    server.start(SCRIPT)

    assert [question["event"] for question in asked(server)] == ["start", "stop", "start"]
    assert server.requests[2]["at"] - server.requests[1]["at"] >= 1.0
