"""What a browser does between the sign-in button and the way back from Discord."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from storefront.sandbox.serve import RunningSandbox

CALLBACK = "/sign-in/discord/callback"


def introduce(sandbox: RunningSandbox, discord_id: str, username: str, **more: Any) -> str:
    """Make a person known at Discord; returns the id."""
    person = {"id": discord_id, "username": username, **more}
    requests.post(
        f"{sandbox.url}/control/discord/users", json=person, timeout=10
    ).raise_for_status()
    return discord_id


def begin(client: FlaskClient, *, next_path: str = "/") -> str:
    """Press the button; the address at Discord."""
    answer = client.post("/sign-in/discord", data={"next": next_path})
    assert answer.status_code == 303
    return answer.location


def consent(address: str, discord_id: str | None) -> str:
    """Agree as this person, or refuse as None; the way back to the shop, with its query."""
    answer = requests.post(
        address,
        data={"user_id": discord_id} if discord_id else {},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 302
    back = urlsplit(answer.headers["Location"])
    assert back.path == CALLBACK
    return f"{back.path}?{back.query}"


def sign_in_by_discord(
    client: FlaskClient, discord_id: str, *, next_path: str = "/"
) -> TestResponse:
    """The whole way."""
    return client.get(consent(begin(client, next_path=next_path), discord_id))


def query_of(address: str) -> dict[str, str]:
    """The query of an address, one value a name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
