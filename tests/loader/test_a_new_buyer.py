"""From the purchase to the revocation, as one story."""

from __future__ import annotations

import zipfile
from io import BytesIO
from ipaddress import ip_address

from storefront.licenses.actors import Owner
from storefront.licenses.addresses import network_of
from storefront.licenses.allowing import allow_address
from storefront.licenses.service import revoke_license
from storefront.loader.archives import add_loader
from storefront.loader.files import verify_url
from tests.api.conftest import Bought
from tests.loader.conftest import HOUR, MANIFEST, SCRIPT, Servers, asked, code_of
from tests.support.archives import archive
from tests.support.factories import Factory
from tests.support.fivem import GameServer
from tests.support.licenses import events_of, slots_of

SERVER_LUA = b'print("started"); exports("sell", function() return ShopLicense.isLicensed() end)\n'


def release_of(bought: Bought, url: str) -> dict[str, bytes]:
    """The files a buyer unpacks: the seller's archive as the shop hands it out."""
    upload = archive(
        {
            f"{SCRIPT}/fxmanifest.lua": MANIFEST + b"server_script 'server.lua'\n",
            f"{SCRIPT}/server.lua": SERVER_LUA,
        }
    )
    with (
        add_loader(
            BytesIO(upload),
            product_slug=bought.product.slug,
            verify_url=verify_url(url),
            public_keys=bought.shop.signing.public,
        ) as packed,
        zipfile.ZipFile(packed) as unpacked,
    ):
        prefix = f"{SCRIPT}/"
        return {name.removeprefix(prefix): unpacked.read(name) for name in unpacked.namelist()}


def networks(bought: Bought) -> set[str]:
    return set(slots_of(bought.shop, bought.license.id).values())


def let_in(bought: Bought, address: str, *, instead_of: str) -> None:
    """What "allow this address" on the licence's page does."""
    with bought.shop.database.transaction() as session:
        allow_address(
            session,
            bought.license.id,
            ip_address(address),
            instead_of=network_of(instead_of),
            by=Owner(bought.license.user_id),
            now=bought.shop.clock(),
        )


def revoke(bought: Bought) -> None:
    """What staff do about a key that was shared."""
    seller = Factory(bought.shop.database).user(role="admin")
    with bought.shop.database.transaction() as session:
        revoke_license(
            session,
            bought.license.id,
            actor_id=seller.id,
            reason="shared",
            now=bought.shop.clock(),
        )


def test_two_servers_a_move_a_third_and_the_end(
    game_servers: Servers, served_shop: str, bought: Bought
) -> None:
    files = release_of(bought, served_shop)

    def rent(number: int) -> GameServer:
        server = game_servers(number, convars={f"qr_license_{bought.product.slug}": bought.key})
        server.install(files, name=SCRIPT)
        return server

    # Two servers start: each takes a slot.
    first, second, third = rent(2), rent(3), rent(4)
    one, two = first.start(SCRIPT), second.start(SCRIPT)
    assert (code_of(one), code_of(two)) == ("VALID", "VALID")
    assert one.export("sell") is True
    assert networks(bought) == {"127.0.0.2/32", "127.0.0.3/32"}

    # The third reads why not, and which page to open.
    refused = third.start(SCRIPT)
    assert (code_of(refused), refused.is_stopped) == ("IP_SLOTS_FULL", True)
    assert "127.0.0.4" in refused.console[1]
    assert "/account/licenses" in refused.console[1]
    assert networks(bought) == {"127.0.0.2/32", "127.0.0.3/32"}

    # The second moves house: it is stopped, gets another address, and starts there.
    two.stop()
    assert networks(bought) == {"127.0.0.2/32"}
    second.address = "127.0.0.5"
    two = second.start(SCRIPT)
    assert code_of(two) == "VALID"
    assert networks(bought) == {"127.0.0.2/32", "127.0.0.5/32"}
    assert code_of(third.start(SCRIPT)) == "IP_SLOTS_FULL"

    # The owner reads the refusal and lets the third in, in the place of the second.
    let_in(bought, "127.0.0.4", instead_of="127.0.0.5")
    three = third.start(SCRIPT)
    assert code_of(three) == "VALID"
    assert networks(bought) == {"127.0.0.2/32", "127.0.0.4/32"}
    second.run(7 * HOUR)
    assert (code_of(two), two.is_stopped) == ("IP_SLOTS_FULL", True)

    # The seller revokes: both go on until they ask the next time, and then stop.
    revoke(bought)
    for server, resource in ((first, one), (third, three)):
        server.run(5 * HOUR)
        assert not resource.is_stopped
        server.run(2 * HOUR)
        assert (code_of(resource), resource.is_stopped) == ("REVOKED", True)
        assert "was withdrawn" in resource.console[-2]
        assert asked(server)[-1]["event"] == "heartbeat"

    # And neither starts again.
    assert code_of(first.start(SCRIPT)) == code_of(third.start(SCRIPT)) == "REVOKED"
    assert events_of(bought.shop, bought.license.id)[:4] == [
        "slot_bound",
        "slot_bound",
        "slot_freed",
        "slot_bound",
    ]


def test_a_server_that_is_away_for_a_day_makes_room_for_the_third(
    game_servers: Servers, served_shop: str, bought: Bought
) -> None:
    files = release_of(bought, served_shop)
    servers = [game_servers(number, convars={"qr_license": bought.key}) for number in (2, 3, 4)]
    for server in servers:
        server.install(files, name=SCRIPT)
    first, _, third = servers
    for server in servers[:2]:
        server.start(SCRIPT)
    assert code_of(third.start(SCRIPT)) == "IP_SLOTS_FULL"
    servers[1].crash()

    first.run(25 * HOUR)

    assert code_of(third.start(SCRIPT)) == "VALID"
    assert networks(bought) == {"127.0.0.2/32", "127.0.0.4/32"}
