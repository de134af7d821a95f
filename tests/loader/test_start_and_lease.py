"""A script starts, is told that its key is good, asks again some hours later, and keeps what it was
told for a day when the shop is away."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lupa.lua54 import LuaRuntime

from storefront.loader.files import SCRIPTS
from tests.api.conftest import Bought
from tests.loader.conftest import HOUR, MANIFEST, SCRIPT, Script, Servers, asked, code_of
from tests.support.fivem import GameServer


def lease_of(server: GameServer) -> dict[str, Any]:
    path = server.folder / "resources" / SCRIPT / "license" / "lease.json"
    return dict(json.loads(path.read_text()))


def test_a_good_key_is_told_so_at_the_start(server: GameServer, bought: Bought) -> None:
    resource = server.start(SCRIPT)

    assert resource.export("isLicensed") is True
    assert code_of(resource) == "VALID"
    assert resource.console == [f"^2[licence] {SCRIPT}: The licence is good.^7"]
    assert resource.events == [["license:changed", SCRIPT, True, "VALID"]]


def test_the_shop_is_asked_properly(server: GameServer, bought: Bought) -> None:
    server.start(SCRIPT)

    (question,) = asked(server)
    assert question["license_key"] == bought.key.replace("-", "")
    assert question["product"] == bought.product.slug
    assert (question["resource"], question["version"]) == (SCRIPT, "1.0.0")
    assert question["event"] == "start"
    assert 16 <= len(question["nonce"]) <= 64
    # A name for the server, not the token it is made of: that one opens its page on the platform.
    assert question["server_id"].startswith("t-")
    assert "platform-token" not in json.dumps(question)
    assert server.requests[0]["headers"]["Content-Type"] == "application/json"


def test_the_key_is_written_down_nowhere(server: GameServer, bought: Bought) -> None:
    resource = server.start(SCRIPT)
    bought.change(status="revoked")
    resource = server.start(SCRIPT)

    written = json.dumps([lease_of(server), resource.console, resource.events])
    assert bought.key not in written
    assert bought.key.replace("-", "") not in written
    assert f"{bought.key[:4]}..." in written


def place(name: str) -> Callable[[GameServer, str, str], None]:
    def in_convar(server: GameServer, slug: str, key: str) -> None:
        server.convars[name.format(slug)] = key

    def in_config(server: GameServer, slug: str, key: str) -> None:
        folder = server.folder / "resources" / SCRIPT
        (folder / "config.lua").write_text(f'Config = {{}}\nConfig.{name} = "{key}"\n')
        manifest = (folder / "fxmanifest.lua").read_text()
        (folder / "fxmanifest.lua").write_text(f"{manifest}server_script 'config.lua'\n")

    return in_config if name.startswith("License") else in_convar


@pytest.mark.parametrize("name", ["qr_license_{}", "qr_license", "LicenseKey", "License"])
def test_the_key_may_stand_in_server_cfg_or_in_the_scripts_config(
    name: str, game_servers: Servers, script: Script, bought: Bought
) -> None:
    server = game_servers()
    server.install(script(), name=SCRIPT)
    place(name)(server, bought.product.slug, bought.key)

    assert code_of(server.start(SCRIPT)) == "VALID"


def test_the_convar_of_the_product_comes_before_the_one_for_all(
    server: GameServer, bought: Bought
) -> None:
    server.convars["qr_license"] = "0000-0000-0000-0000"

    assert code_of(server.start(SCRIPT)) == "VALID"


def test_a_key_is_read_as_leniently_as_by_the_shop(server: GameServer, bought: Bought) -> None:
    key = bought.key
    typed = [
        f"  {key.lower()} ",
        key.replace("-", " "),
        key.replace("-", "\u2013"),
        key.replace("0", "o").replace("1", "l"),
        f"\u00a0{key}\t",
        "".join(key.split("-")),
    ]
    for text in typed:
        server.convars = {f"qr_license_{bought.product.slug}": text}
        assert code_of(server.start(SCRIPT)) == "VALID", text


def test_what_is_no_key_is_refused_with_a_signed_answer_too(
    server: GameServer, bought: Bought
) -> None:
    for text in (
        *("your_license_key", "ABCU-EFGH-JKMN-PQRS", "x" * 5000, '"\\\n', "ก" * 16 + "x"),
        "0000-0000-0000-0000",
    ):
        server.convars[f"qr_license_{bought.product.slug}"] = text
        resource = server.start(SCRIPT)
        assert (code_of(resource), resource.is_stopped) == ("NOT_FOUND", True), text


def test_without_a_key_the_console_says_where_to_put_it(server: GameServer, bought: Bought) -> None:
    for text in ("", "   ", "ก"):
        server.convars[f"qr_license_{bought.product.slug}"] = text

        resource = server.start(SCRIPT)

        assert (code_of(resource), asked(server)) == ("NO_KEY", [])
        assert resource.is_stopped
        assert f'set qr_license_{bought.product.slug} "XXXX' in resource.console[0]
        assert "/account/licenses" in resource.console[0]


def test_it_asks_again_when_the_shop_said_to_give_or_take_a_tenth(server: GameServer) -> None:
    server.start(SCRIPT)

    server.run(40 * HOUR)

    events = [question["event"] for question in asked(server)]
    assert events == ["start"] + ["heartbeat"] * (len(events) - 1)
    moments = [request["at"] for request in server.requests]
    pauses = [(after - before) / HOUR for before, after in pairwise(moments)]
    assert all(5.4 <= pause <= 6.7 for pause in pauses)
    assert len(set(pauses)) > 1, "forty scripts do not ask in the same second for ever"
    assert len({question["nonce"] for question in asked(server)}) == len(events)


def test_a_lease_makes_the_next_start_licensed_before_any_answer(server: GameServer) -> None:
    assert server.start(SCRIPT, seconds=0.5).export("isLicensed") is False
    server.run(10)

    resource = server.start(SCRIPT, seconds=0.5)

    assert resource.export("isLicensed") is True
    assert code_of(resource) == "LEASE"
    assert 71 * HOUR < resource.export("licenseStatus")["leaseSeconds"] <= 72 * HOUR


def test_a_manifest_that_loads_every_file_does_not_start_it_twice(
    server: GameServer, script: Script
) -> None:
    files = script()
    every = "".join(f"server_script 'license/{name}'\n" for name in sorted(SCRIPTS))
    server.install(
        {**files, "fxmanifest.lua": files["fxmanifest.lua"] + every.encode()}, name=SCRIPT
    )

    resource = server.start(SCRIPT)
    server.run(20 * HOUR)

    assert code_of(resource) == "VALID"
    assert len(asked(server)) == 4


def test_on_players_computers_it_does_nothing(script: Script) -> None:
    """A manifest's client_scripts '**/*.lua' takes it there, where most functions are missing."""
    client = LuaRuntime(register_eval=False, register_builtins=False)
    client.execute("function IsDuplicityVersion() return false end; os = nil")
    files = script()
    for name in SCRIPTS:
        client.execute(files[f"license/{name}"].decode())

    assert client.eval("ShopLicense.isLicensed") is None


def test_two_scripts_on_one_server_do_not_disturb_each_other(
    server: GameServer, script: Script, bought: Bought
) -> None:
    server.install(script(), name="second")
    server.convars["qr_license"] = bought.key

    first, second = server.start(SCRIPT), server.start("second")
    bought.change(status="revoked")
    server.run(7 * HOUR)

    assert first.is_stopped
    assert second.is_stopped
    assert {question["server_id"] for question in asked(server)} == {asked(server)[0]["server_id"]}


def test_nothing_but_its_own_folder_is_written_to(server: GameServer, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    server.start(SCRIPT)

    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.relative_to(server.folder).as_posix() for path in new} == {
        f"resources/{SCRIPT}/license/lease.json"
    }


def test_the_manifest_is_what_the_game_server_reads(server: GameServer) -> None:
    written = (server.folder / "resources" / SCRIPT / "fxmanifest.lua").read_bytes()

    assert written.endswith(MANIFEST)
