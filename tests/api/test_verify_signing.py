"""Whatever is answered is signed, so that neither a good nor a bad verdict can be forged."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from flask.testing import FlaskClient

from storefront.licenses.keys import normalize_key
from tests.api.conftest import Bought, ask, parse

NONCE = "0123456789abcdef"


def check(game_server: FlaskClient, verdict: dict[str, Any]) -> dict[str, Any]:
    """What is signed, checked with the published key as a script would: by its `kid`."""
    published = game_server.get("/api/licenses/keys").get_json()["keys"]
    key = next(one for one in published if one["kid"] == verdict["kid"])
    public = rsa.RSAPublicNumbers(key["e"], int(key["n"], 16)).public_key()
    public.verify(
        base64.b64decode(verdict["sig"], validate=True),
        verdict["payload"].encode(),
        padding.PKCS1v15(),
        SHA256(),
    )
    payload = json.loads(verdict["payload"])
    assert isinstance(payload, dict)
    return payload


def test_a_good_verdict_is_signed_with_all_that_a_lease_needs(
    game_server: FlaskClient, bought: Bought
) -> None:
    verdict = ask(
        game_server,
        license_key=bought.key.lower(),
        product=bought.product.slug.upper(),
        server_id="s-1",
        nonce=NONCE,
    )

    payload = check(game_server, verdict)

    now = int(bought.shop.clock().timestamp())
    assert abs(payload["time"] - now) < 60
    assert payload == {
        "v": 1,
        "code": "VALID",
        "key": sha256((normalize_key(bought.key) or "").encode()).hexdigest(),
        "product": bought.product.slug,
        "address": "127.0.0.1",
        "server_id": "s-1",
        "nonce": NONCE,
        "time": payload["time"],
        "next_check": payload["time"] + 6 * 3600,
        "grace_until": payload["time"] + 72 * 3600,
    }
    assert list(payload) == [
        *("v", "code", "key", "product", "address", "server_id", "nonce", "time", "next_check"),
        "grace_until",
    ]
    assert verdict["payload"] == json.dumps(payload, separators=(",", ":"))
    assert parse(verdict["next_check"]).timestamp() // 1 == payload["next_check"]


def test_refusals_are_signed_too(game_server: FlaskClient, bought: Bought) -> None:
    bought.change(status="revoked")
    questions: tuple[dict[str, Any], ...] = (
        {"key": bought.key, "nonce": NONCE},
        {"key": " nonsense ", "nonce": NONCE},
        {"key": bought.key, "product": "another", "nonce": NONCE},
        {},
    )

    payloads = [check(game_server, ask(game_server, **question)) for question in questions]

    assert [(one["code"], one["product"], one["nonce"]) for one in payloads] == [
        ("REVOKED", bought.product.slug, NONCE),
        ("NOT_FOUND", "", NONCE),
        ("PRODUCT_MISMATCH", "another", NONCE),
        ("NOT_FOUND", "", ""),
    ]
    assert {one["grace_until"] for one in payloads} == {0}
    assert payloads[1]["key"] == sha256(b"nonsense").hexdigest()
    assert payloads[3]["key"] == sha256(b"").hexdigest()


def test_no_changed_payload_passes(game_server: FlaskClient, bought: Bought) -> None:
    bought.change(status="revoked")
    verdict = ask(game_server, key=bought.key, nonce=NONCE)
    check(game_server, verdict)

    for changed in (
        verdict["payload"].replace("REVOKED", "VALID"),
        verdict["payload"].replace(NONCE, NONCE[::-1]),
        verdict["payload"] + " ",
    ):
        with pytest.raises(InvalidSignature):
            check(game_server, {**verdict, "payload": changed})


@pytest.mark.parametrize(
    ("nonce", "echoed"),
    [
        ("n" * 16, True),
        ("n" * 64, True),
        ("n" * 15, False),
        ("n" * 65, False),
        (1234567890123456, False),
        ("\ud800" * 16, True),
        ("น" * 16, True),
        ('"\\\0\n' * 4, True),
    ],
)
def test_a_nonce_comes_back_in_answer_and_signature_or_in_neither(
    game_server: FlaskClient, bought: Bought, nonce: Any, echoed: bool
) -> None:
    """Whatever a clock or a generator that went wrong makes of it."""
    verdict = ask(game_server, key=bought.key, nonce=nonce)

    payload = check(game_server, verdict)

    assert verdict["nonce"] == (nonce if echoed else None)
    assert payload["nonce"] == (nonce if echoed else "")
    assert verdict["payload"].isascii()


def test_the_server_id_is_signed_as_it_was_sent(game_server: FlaskClient, bought: Bought) -> None:
    for sent, signed in (("ไทย \0x", "ไทย \0x"), (12, "12"), ("s" * 65, ""), (["s"], "")):
        verdict = ask(game_server, key=bought.key, server_id=sent)
        assert check(game_server, verdict)["server_id"] == signed


def test_no_lease_reaches_beyond_the_end_of_the_licence(
    game_server: FlaskClient, bought: Bought
) -> None:
    end = bought.shop.clock() + timedelta(hours=2)
    bought.change(expires_at=end)

    verdict = ask(game_server, key=bought.key)

    payload = check(game_server, verdict)
    assert payload["grace_until"] == payload["next_check"] == int(end.timestamp())
    assert parse(verdict["license"]["expires_at"]) == end


def test_the_published_keys_can_be_kept_and_hold_nothing_secret(
    game_server: FlaskClient, bought: Bought
) -> None:
    answer = game_server.get("/api/licenses/keys")

    (key,) = answer.get_json()["keys"]
    assert set(key) == {"kid", "alg", "n", "e", "pem"}
    assert (key["alg"], key["e"], len(key["n"])) == ("RS256", 65537, 512)
    assert "PRIVATE" not in answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer.headers
