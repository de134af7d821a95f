"""Signatures of outgoing webhooks: Standard Webhooks 1.0, symmetric.

The signed text is `id.timestamp.body`; the key is what stands in base64 behind `whsec_`.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography.fernet import Fernet, MultiFernet

PREFIX: Final = "whsec_"
# The standard asks for 24 to 64.
SECRET_BYTES: Final = 32


class SecretBox:
    """Seals what must be read again to be used. The first key seals, all of them open, so they can
    be rotated."""

    def __init__(self, encryption_keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])

    def seal(self, secret: str) -> str:
        """What is stored."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """What was sealed. Raises InvalidToken when no key fits."""
        return self._fernet.decrypt(sealed.encode()).decode()


def make_secret() -> str:
    """A new secret as its receiver writes it down."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, *, message_id: str, at: datetime, body: bytes) -> str:
    """One signature, `v1,` and base64. Raises ValueError for a secret that is none."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = b".".join((message_id.encode(), str(int(at.timestamp())).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()


def sign_headers(
    secret_texts: Sequence[str], *, message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers of a message, with a signature for each secret that is good now."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(
            sign(secret, message_id=message_id, at=at, body=body) for secret in secret_texts
        ),
    }
