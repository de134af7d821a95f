"""Scripts that are out there already, written for other licence servers in other years. They read
little, check nothing for nil, and name things as they like; each of them has to print something its
owner can use, whatever the key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from storefront.kit.money import baht
from storefront.loader.files import VERIFY_PATH
from tests.api.conftest import Bought
from tests.loader.conftest import MANIFEST, Servers, requests_from
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory

CLIENTS = sorted((Path(__file__).parent / "field_clients").glob("*.lua"))
# What the console has to name for each sort of key.
REASONS = {
    "revoked": "revoked",
    "suspended": "suspended",
    "expired": "expired",
    "unknown": "unknown",
    "rubbish": "unknown",
    "none": "unknown",
}


def keys(bought: Bought) -> Iterator[tuple[str, str]]:
    """Each sort of bad key, the licence in the state that makes it so."""
    past = bought.shop.clock() - timedelta(hours=1)
    states: dict[str, dict[str, Any]] = {
        "revoked": {"status": "revoked"},
        "suspended": {"status": "suspended"},
        "expired": {"status": "active", "expires_at": past},
    }
    for sort, values in states.items():
        bought.change(**values)
        yield sort, bought.key
    bought.change(status="active", expires_at=None)
    yield "unknown", bought.shop.vault.make_key()
    yield "rubbish", "your_license_key"
    yield "none", ""


def printed(servers: Servers, url: str, client: Path, key: str) -> list[str]:
    """What the console shows after half a minute. Raises ScriptFault for an error in the Lua."""
    server = servers(convars={"field_url": url + VERIFY_PATH, "field_key": key})
    manifest = MANIFEST + f"server_script '{client.name}'\n".encode()
    server.install(
        {"fxmanifest.lua": manifest, client.name: client.read_bytes()}, name="field-script"
    )
    return server.start("field-script", seconds=30).console


@pytest.mark.parametrize("client", CLIENTS, ids=lambda path: path.stem)
def test_a_client_of_the_field_prints_something_usable(
    client: Path, served_shop: str, game_servers: Servers, bought: Bought
) -> None:
    (line,) = printed(game_servers, served_shop, client, bought.key)
    assert line.startswith("authorised"), line
    assert "nil" not in line
    if client.stem != "get_query":
        assert "nok" in line, "it names the owner"

    for sort, key in keys(bought):
        (line,) = printed(game_servers, served_shop, client, key)
        assert line.startswith("refused"), (sort, line)
        assert REASONS[sort] in line, (sort, line)
        assert "nil" not in line


def test_on_one_server_too_many_each_of_them_names_the_page_to_open(
    served_shop: str, game_servers: Servers, bought: Bought
) -> None:
    for number in (3, 4):
        requests_from(f"127.0.0.{number}", served_shop, {"key": bought.key})

    for client in CLIENTS:
        (line,) = printed(game_servers, served_shop, client, bought.key)
        assert line.startswith("refused"), line
        assert f"/account/licenses/{bought.license.id}" in line


def test_a_key_of_another_product_says_so_to_a_client_that_names_one(
    served_shop: str, make: Factory, bought: Bought
) -> None:
    other = make.product(price=baht(1))
    buy(bought.shop, make, make.user(), (other, 1))

    answer = requests_from("127.0.0.2", served_shop, {"license": bought.key, "product": other.slug})

    assert (answer["valid"], answer["code"]) == (False, "PRODUCT_MISMATCH")
    assert "another product" in answer["error"]


def test_a_plain_http_client_without_lua_gets_the_same(served_shop: str, bought: Bought) -> None:
    url = served_shop + VERIFY_PATH
    asked = {
        "json": requests.post(url, json={"license": bought.key, "resName": "x"}, timeout=10),
        "text": requests.post(url, data=f'{{"key": "{bought.key}"}}', timeout=10),
        "query": requests.get(url, params={"key": bought.key, "resource": "x"}, timeout=10),
        "header": requests.get(url, headers={"Authorization": bought.key}, timeout=10),
        "token": requests.post(url, headers={"Authorization": f"Token {bought.key}"}, timeout=10),
    }

    for name, answer in asked.items():
        assert answer.status_code == 200, name
        assert answer.json()["valid"] is True, name
        assert answer.history == [], name
