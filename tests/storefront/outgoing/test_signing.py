"""The signature, against what the standard publishes and against a consumer of our own."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given
from hypothesis import strategies as st

from storefront.outgoing.signing import SecretBox, make_secret, sign, sign_headers
from tests.support.receiving import verify

# The example of the standard's own libraries (libraries/*/…test…: "sign function works").
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_the_published_example_comes_out() -> None:
    assert sign(SECRET, message_id=MESSAGE_ID, at=SENT_AT, body=BODY) == SIGNATURE


def test_a_secret_has_as_many_bytes_as_the_standard_asks_for() -> None:
    secret = make_secret()

    assert secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    assert secret != make_secret()


@given(body=st.binary(max_size=300).map(lambda raw: raw.hex()), other=st.text(min_size=1))
def test_a_consumer_takes_what_was_signed_and_nothing_else(body: str, other: str) -> None:
    secret = make_secret()
    headers = sign_headers([secret], message_id="msg_1", at=NOW, body=body.encode())
    now = NOW.timestamp()

    assert verify(secret, headers, body, now=now)
    assert not verify(secret, headers, body + other, now=now)
    assert not verify(make_secret(), headers, body, now=now)
    assert not verify(secret, headers | {"webhook-id": "msg_2"}, body, now=now)
    assert not verify(secret, headers, body, now=now + 301)


def test_while_a_secret_is_rotated_both_are_good() -> None:
    new, old = make_secret(), make_secret()

    headers = sign_headers([new, old], message_id="msg_1", at=NOW, body=b"{}")

    assert headers["webhook-signature"].count("v1,") == 2
    assert verify(new, headers, "{}", now=NOW.timestamp())
    assert verify(old, headers, "{}", now=NOW.timestamp())


def test_a_sealed_secret_opens_after_the_keys_were_rotated_and_not_without_them() -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = SecretBox([first]).seal("whsec_x")

    assert "whsec_x" not in sealed
    assert SecretBox([second, first]).open(sealed) == "whsec_x"
    with pytest.raises(InvalidToken):
        SecretBox([second]).open(sealed)
