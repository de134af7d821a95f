"""A script starts, is told that its key is good, and keeps that for a day when the shop is away."""

from __future__ import annotations

from tests.api.conftest import Bought
from tests.loader.conftest import SCRIPT
from tests.support.fivem import GameServer


def test_a_good_key_is_told_so_at_the_start(server: GameServer, bought: Bought) -> None:
    resource = server.start(SCRIPT)

    print(resource.console, server.answers)
    assert resource.export("isLicensed") is True
    assert resource.export("licenseStatus")["code"] == "VALID"
