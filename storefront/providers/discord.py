"""Sign-in with Discord: OAuth 2 with state and PKCE (RFC 9700), through Authlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from storefront.db import forbid_open_transaction
from storefront.errors import Invalid, Unavailable

SCOPE = "identify email"
TIMEOUT_SECONDS = 10
AVATARS = "https://cdn.discordapp.com/avatars"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A sign-in that was begun: where to send the browser, and what to remember until it is
    back. `verifier` proves that the same browser began it (PKCE, RFC 7636)."""

    url: str
    state: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who Discord says it is. `email` may be there and not be verified."""

    discord_id: str
    username: str
    display_name: str
    avatar_url: str | None
    email: str | None
    email_verified: bool
    locale: str


class IdentityUnavailable(Unavailable):
    """Discord does not answer."""

    def __init__(self, message: str) -> None:
        super().__init__("sign_in_unavailable", message)


class IdentityRefused(Invalid):
    """Discord refused the code: used, expired, or not ours."""

    def __init__(self, message: str) -> None:
        super().__init__("sign_in_refused", message)


class IdentityProvider(Protocol):
    """Who can vouch for a person."""

    def begin(self, *, redirect_uri: str) -> Challenge:
        """Make a new challenge; no network."""
        ...

    def identify(self, *, code: str, verifier: str, redirect_uri: str) -> Identity:
        """Trade the code for the person. Raises IdentityUnavailable or IdentityRefused."""
        ...


class DiscordIdentity:
    """Discord's OAuth 2 and users/@me."""

    def __init__(self, *, client_id: str, client_secret: str, url: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = url

    def begin(self, *, redirect_uri: str) -> Challenge:
        """See IdentityProvider."""
        verifier = generate_token(64)
        url, state = self._session(redirect_uri).create_authorization_url(
            f"{self._url}/oauth2/authorize", code_verifier=verifier
        )
        return Challenge(url, state, verifier)

    def identify(self, *, code: str, verifier: str, redirect_uri: str) -> Identity:
        """See IdentityProvider."""
        forbid_open_transaction("Discord")
        session = self._session(redirect_uri)
        try:
            session.fetch_token(
                f"{self._url}/api/oauth2/token",
                code=code,
                code_verifier=verifier,
                timeout=TIMEOUT_SECONDS,
            )
            answer = session.get(f"{self._url}/api/users/@me", timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
            return _read_identity(answer.json())
        except AuthlibBaseError as error:
            raise IdentityRefused(str(error.error)) from error
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise IdentityUnavailable(type(error).__name__) from error

    def _session(self, redirect_uri: str) -> OAuth2Session:
        return OAuth2Session(
            self._client_id,
            self._client_secret,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )


def _read_identity(user: dict[str, Any]) -> Identity:
    discord_id = str(user["id"])
    avatar = user.get("avatar")
    return Identity(
        discord_id=discord_id,
        username=str(user["username"])[:64],
        display_name=str(user.get("global_name") or user["username"])[:64],
        avatar_url=f"{AVATARS}/{discord_id}/{avatar}.png?size=64" if avatar else None,
        email=_email(user.get("email")),
        email_verified=user.get("verified") is True,
        locale="th" if str(user.get("locale", "th")).startswith("th") else "en",
    )


def _email(value: Any) -> str | None:
    # 254 is the longest address there is (RFC 5321, 4.5.3.1.3).
    return value if isinstance(value, str) and 0 < len(value) <= 254 else None
