"""Roles on the shop's Discord server: who has which, giving and taking one.

https://discord.com/developers/docs/resources/guild (Get Guild Member, Add and Remove Guild Member
Role) with a bot's token; the bot needs MANAGE_ROLES and must stand above the roles it gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

import requests

from storefront.db import forbid_open_transaction
from storefront.errors import DomainError, Kind, Unavailable

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 4.0
# A limit that ends sooner is waited for; for a longer one the work is put back.
SHORT_WAIT_SECONDS: Final = 2.0
LONGEST_CALL_SECONDS: Final = 2 * (CONNECT_SECONDS + ANSWER_SECONDS) + SHORT_WAIT_SECONDS
"""Asked, told to wait, and asked again."""
UNKNOWN_MEMBER, UNKNOWN_USER, UNKNOWN_ROLE = 10007, 10013, 10011
AGENT: Final = "DiscordBot (https://discord.com, 1.0)"


class RolesUnavailable(Unavailable):
    """Discord does not answer, or not now."""

    def __init__(self, message: str) -> None:
        super().__init__("roles_unavailable", message)


class RolesMisconfigured(DomainError):
    """The bot may not do that: wrong token, not on the server, or its place is too low."""

    def __init__(self, message: str) -> None:
        super().__init__("roles_misconfigured", Kind.FORBIDDEN, message)


class NotAMember(DomainError):
    """This person is not on the server."""

    def __init__(self) -> None:
        super().__init__("not_a_member", Kind.NOT_FOUND)


class RoleKeeper(Protocol):
    """Who can change the roles of people. Every call raises RolesUnavailable, RolesMisconfigured
    or NotAMember; giving what somebody has and taking what they lack changes nothing."""

    def roles_of(self, discord_id: str) -> frozenset[str]:
        """The ids of all roles somebody has."""
        ...

    def add_role(self, discord_id: str, role_id: str) -> None:
        """Give a role."""
        ...

    def remove_role(self, discord_id: str, role_id: str) -> None:
        """Take a role."""
        ...


class DiscordRoles:
    """Over Discord's REST API, version 10."""

    def __init__(
        self,
        *,
        token: str,
        guild_id: str,
        url: str,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._headers = {
            "Authorization": f"Bot {token}",
            "User-Agent": AGENT,
            # Shown in the server's own log beside each change.
            "X-Audit-Log-Reason": "Licences of the shop",
        }
        self._members = f"{url}/api/v10/guilds/{guild_id}/members"
        self._wait = wait

    def roles_of(self, discord_id: str) -> frozenset[str]:
        """See RoleKeeper."""
        answer = self._call("GET", discord_id)
        try:
            return frozenset(str(role) for role in answer.json()["roles"])
        except (ValueError, KeyError, TypeError) as error:
            raise RolesUnavailable(type(error).__name__) from error

    def add_role(self, discord_id: str, role_id: str) -> None:
        """See RoleKeeper."""
        self._call("PUT", f"{discord_id}/roles/{role_id}")

    def remove_role(self, discord_id: str, role_id: str) -> None:
        """See RoleKeeper."""
        self._call("DELETE", f"{discord_id}/roles/{role_id}")

    def _call(self, method: str, path: str) -> requests.Response:
        forbid_open_transaction("Discord")
        answer = self._ask(method, path)
        if answer.status_code == 429:
            wait = _retry_after(answer)
            if wait > SHORT_WAIT_SECONDS:
                raise RolesUnavailable(f"limited for {wait:.0f} s")
            self._wait(wait)
            answer = self._ask(method, path)
        if answer.status_code < 300:
            return answer
        raise _refusal(answer)

    def _ask(self, method: str, path: str) -> requests.Response:
        try:
            return requests.request(
                method,
                f"{self._members}/{path}",
                headers=self._headers,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise RolesUnavailable(type(error).__name__) from error


def _refusal(answer: requests.Response) -> DomainError:
    status, code = answer.status_code, _code(answer)
    if status == 404 and code in (UNKNOWN_MEMBER, UNKNOWN_USER):
        return NotAMember()
    if status in (400, 401, 403, 404):
        return RolesMisconfigured(f"Discord said {status}, code {code}")
    return RolesUnavailable(f"Discord said {status}")


def _code(answer: requests.Response) -> int:
    try:
        return int(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return 0


def _retry_after(answer: requests.Response) -> float:
    try:
        return max(float(answer.headers["Retry-After"]), 0.0)
    except (KeyError, ValueError):
        return SHORT_WAIT_SECONDS
