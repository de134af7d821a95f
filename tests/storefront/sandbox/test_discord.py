"""Sign-in through Authlib's own client, with PKCE."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from storefront.sandbox.serve import RunningSandbox
from tests.storefront.sandbox.conftest import MovableClock

Control = Callable[..., Any]
CALLBACK = "http://127.0.0.1:1/auth/discord/callback"


def client(sandbox: RunningSandbox, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "client_id": sandbox.discord_client_id,
        "client_secret": sandbox.discord_client_secret,
        "scope": "identify email",
        "redirect_uri": CALLBACK,
        "code_challenge_method": "S256",
    }
    return OAuth2Session(**{**settings, **changes})


def choose(
    sandbox: RunningSandbox, oauth: Any, user_id: str | None, verifier: str | None = None
) -> str:
    """Open the authorize page, press a user's button, return the address it leads to."""
    url, _state = oauth.create_authorization_url(
        f"{sandbox.discord_url}/oauth2/authorize", code_verifier=verifier
    )
    page = requests.get(url, timeout=5)
    assert 'id="user-mali"' in page.text
    form = {"user_id": user_id} if user_id else {"cancel": "1"}
    return requests.post(url, data=form, allow_redirects=False, timeout=5).headers["Location"]


def fetch(sandbox: RunningSandbox, oauth: Any, address: str, **extra: Any) -> Any:
    token_url = f"{sandbox.discord_url}/api/oauth2/token"
    return oauth.fetch_token(token_url, authorization_response=address, **extra)


def test_a_chosen_user_signs_in_and_shows_the_profile(sandbox: RunningSandbox) -> None:
    oauth, verifier = client(sandbox), generate_token(48)
    address = choose(sandbox, oauth, "100000000000000001", verifier)
    fetch(sandbox, oauth, address, code_verifier=verifier)
    me = oauth.get(f"{sandbox.discord_url}/api/users/@me").json()
    assert (me["id"], me["username"], me["discriminator"]) == ("100000000000000001", "mali", "0")
    assert (me["email"], me["verified"], me["locale"]) == ("mali@example.com", True, "th")


def test_a_user_can_have_an_unverified_address_and_keep_it_to_himself(
    sandbox: RunningSandbox,
) -> None:
    for scope, expected in (("identify email", False), ("identify", None)):
        oauth = client(sandbox, scope=scope, code_challenge_method=None)
        fetch(sandbox, oauth, choose(sandbox, oauth, "100000000000000004"))
        me = oauth.get(f"{sandbox.discord_url}/api/users/@me").json()
        assert me.get("verified") is expected


def test_cancel_leads_back_with_access_denied_and_the_state(sandbox: RunningSandbox) -> None:
    query = parse_qs(urlsplit(choose(sandbox, client(sandbox), None, "v" * 48)).query)
    assert query["error"] == ["access_denied"]
    assert query["state"]


def test_a_code_works_once_and_only_with_its_verifier(sandbox: RunningSandbox) -> None:
    oauth, verifier = client(sandbox), generate_token(48)
    address = choose(sandbox, oauth, "100000000000000002", verifier)
    with pytest.raises(OAuthError, match="invalid_grant"):
        fetch(sandbox, oauth, address, code_verifier="w" * 48)
    with pytest.raises(OAuthError, match="invalid_grant"):
        fetch(sandbox, oauth, address, code_verifier=verifier)


def test_a_code_expires_after_a_minute(sandbox: RunningSandbox, clock: MovableClock) -> None:
    oauth = client(sandbox, code_challenge_method=None)
    address = choose(sandbox, oauth, "100000000000000002")
    clock.ahead_s = 61
    with pytest.raises(OAuthError, match="invalid_grant"):
        fetch(sandbox, oauth, address)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_client_must_know_its_secret(sandbox: RunningSandbox, method: str) -> None:
    stranger = client(
        sandbox,
        client_secret="wrong",
        code_challenge_method=None,
        token_endpoint_auth_method=method,
    )
    with pytest.raises(OAuthError, match="invalid_client"):
        fetch(sandbox, stranger, choose(sandbox, stranger, "100000000000000002"))


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/steal"},
        {"client_id": "1"},
        {"response_type": "token"},
        {"scope": "everything"},
        {"code_challenge": "x", "code_challenge_method": "plain"},
    ],
)
def test_a_bad_request_is_never_redirected(
    sandbox: RunningSandbox, changes: dict[str, str]
) -> None:
    query = {
        "client_id": sandbox.discord_client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "identify",
    }
    answer = requests.get(
        f"{sandbox.discord_url}/oauth2/authorize",
        params={**query, **changes},
        allow_redirects=False,
        timeout=5,
    )
    assert answer.status_code == 400


def test_discord_can_be_down_and_a_stranger_is_nobody(
    sandbox: RunningSandbox, control: Control
) -> None:
    me = f"{sandbox.discord_url}/api/users/@me"
    assert requests.get(me, headers={"Authorization": "Bearer x"}, timeout=5).status_code == 401
    control("discord", down=True)
    assert requests.get(me, timeout=5).status_code == 503
    control("discord", down=False, fail_token=True)
    token = requests.post(f"{sandbox.discord_url}/api/oauth2/token", data={}, timeout=5)
    assert token.status_code == 500


def test_a_new_user_appears_on_the_page(sandbox: RunningSandbox, control: Control) -> None:
    control("discord/users", id="100000000000000005", username="fah", locale="th")
    oauth = client(sandbox, code_challenge_method=None)
    fetch(sandbox, oauth, choose(sandbox, oauth, "100000000000000005"))
    assert oauth.get(f"{sandbox.discord_url}/api/users/@me").json()["username"] == "fah"
