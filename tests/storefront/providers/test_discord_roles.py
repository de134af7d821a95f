"""The adapter for Discord's roles against a Discord that has bad days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from storefront.bootstrap import Shop
from storefront.db import TransactionMisuse
from storefront.providers.discord_roles import (
    DiscordRoles,
    NotAMember,
    RolesMisconfigured,
    RolesUnavailable,
)
from storefront.sandbox.serve import RunningSandbox

PERSON, ROLE, OTHER = "200000000000000007", "400000000000000001", "400000000000000002"
Knobs = Callable[..., None]


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def keeper(sandbox: RunningSandbox, waits: list[float]) -> DiscordRoles:
    return DiscordRoles(
        token=sandbox.discord_bot_token,
        guild_id=sandbox.discord_guild_id,
        url=sandbox.discord_url,
        wait=waits.append,
    )


@pytest.fixture
def discord(sandbox: RunningSandbox) -> Iterator[Knobs]:
    def turn(path: str = "", **knobs: Any) -> None:
        url = f"{sandbox.url}/control/discord{path}"
        requests.post(url, json=knobs, timeout=5).raise_for_status()

    turn("/forget")
    yield turn
    turn(down=False, forbid_roles=False, limit_roles=0, retry_after=0.0, lose_role_answers=0)
    turn("/forget")


def test_a_role_is_given_and_taken_and_doing_so_twice_changes_nothing(
    keeper: DiscordRoles, discord: Knobs
) -> None:
    for _ in range(2):
        keeper.add_role(PERSON, ROLE)
    keeper.add_role(PERSON, OTHER)
    assert keeper.roles_of(PERSON) == {ROLE, OTHER}

    for _ in range(2):
        keeper.remove_role(PERSON, ROLE)
    assert keeper.roles_of(PERSON) == {OTHER}


def test_somebody_who_is_not_on_the_server_is_told_apart(
    keeper: DiscordRoles, discord: Knobs
) -> None:
    discord(f"/members/{PERSON}", is_member=False)

    for call in (
        lambda: keeper.roles_of(PERSON),
        lambda: keeper.add_role(PERSON, ROLE),
        lambda: keeper.remove_role(PERSON, ROLE),
    ):
        with pytest.raises(NotAMember):
            call()


def test_a_short_limit_is_waited_for(
    keeper: DiscordRoles, discord: Knobs, waits: list[float]
) -> None:
    discord(limit_roles=1, retry_after=0.7)

    keeper.add_role(PERSON, ROLE)

    assert waits == [0.7]
    assert keeper.roles_of(PERSON) == {ROLE}


def test_a_long_limit_and_a_limit_that_stays_are_for_later(
    keeper: DiscordRoles, discord: Knobs, waits: list[float]
) -> None:
    discord(limit_roles=1, retry_after=60.0)
    with pytest.raises(RolesUnavailable):
        keeper.add_role(PERSON, ROLE)
    assert waits == []

    discord(limit_roles=2, retry_after=0.1)
    with pytest.raises(RolesUnavailable):
        keeper.add_role(PERSON, ROLE)


def test_a_bot_that_may_not_and_a_wrong_token_are_the_shops_fault(
    keeper: DiscordRoles, discord: Knobs, sandbox: RunningSandbox
) -> None:
    discord(forbid_roles=True)
    with pytest.raises(RolesMisconfigured):
        keeper.add_role(PERSON, ROLE)
    stranger = DiscordRoles(
        token="wrong", guild_id=sandbox.discord_guild_id, url=sandbox.discord_url
    )
    with pytest.raises(RolesMisconfigured):
        stranger.roles_of(PERSON)
    nowhere = DiscordRoles(
        token=sandbox.discord_bot_token, guild_id="1" * 18, url=sandbox.discord_url
    )
    with pytest.raises(RolesMisconfigured):
        nowhere.roles_of(PERSON)


def test_an_outage_and_a_lost_answer_are_for_later(
    keeper: DiscordRoles, discord: Knobs, sandbox: RunningSandbox
) -> None:
    discord(down=True)
    with pytest.raises(RolesUnavailable):
        keeper.roles_of(PERSON)
    discord(down=False, lose_role_answers=1)
    with pytest.raises(RolesUnavailable):
        keeper.add_role(PERSON, ROLE)
    assert keeper.roles_of(PERSON) == {ROLE}, "it had its effect"
    nobody = DiscordRoles(token="x", guild_id="1" * 18, url="http://127.0.0.1:1")
    with pytest.raises(RolesUnavailable):
        nobody.roles_of(PERSON)


def test_discord_is_never_called_inside_a_transaction(keeper: DiscordRoles, shop: Shop) -> None:
    with pytest.raises(TransactionMisuse), shop.database.transaction():
        keeper.roles_of(PERSON)
