"""Writing the answer to a game server, and what of it is signed."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from storefront.kit.signing import SigningKeys
from storefront.licenses.keys import normalize_key
from storefront.licenses.slots import license_path
from storefront.licenses.verification import (
    Code,
    Question,
    Verdict,
    grace_until_of,
    message_of,
    next_check_of,
    status_of,
)

PAYLOAD_VERSION: Final = 1
# ASCII only: a lone half of a character, which JSON may hold, has no UTF-8.
_dumps: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def write_answer(
    question: Question, verdict: Verdict, *, now: datetime, signing: SigningKeys, shop_url: str
) -> bytes:
    """The whole answer as JSON. Scripts in the field glue product, version, user, username and
    discriminator into a message without looking whether they are there: those are strings in
    every answer."""
    # Without a match the caller learns nothing about the licence but its code.
    facts = None if verdict.code is Code.PRODUCT_MISMATCH else verdict.facts
    next_check, grace = next_check_of(verdict, now=now), grace_until_of(verdict, now=now)
    url = f"{shop_url}{license_path(facts.license_id)}" if facts else shop_url
    message = message_of(verdict, address=question.address, url=url)
    product = facts.product if facts else question.product
    payload = _payload(question, verdict.code, product, now, next_check, grace)
    signature = signing.sign(payload)
    is_valid = verdict.code is Code.VALID
    username = facts.username if facts else ""
    answer: dict[str, Any] = {
        "valid": is_valid,
        "code": verdict.code,
        "message": message,
        "error": None if is_valid else message,
        "license": {
            "product": product,
            "version": question.version or (facts.latest_version if facts else ""),
            "status": status_of(facts, now=now) if facts else "",
            "expires_at": facts.expires_at.isoformat() if facts and facts.expires_at else None,
            "user": username,
        },
        "user": {"username": username, "discriminator": "0"},
        "ips": {
            "used": verdict.used if facts else 0,
            "max": facts.slots if facts else 0,
            "yours": question.address,
        },
        "server_time": now.isoformat(),
        "next_check": next_check.isoformat(),
        "grace_until": grace.isoformat() if grace else None,
        "latest_version": facts.latest_version if facts else "",
        "nonce": question.nonce or None,
        "payload": payload,
        "sig": signature.sig,
        "kid": signature.kid,
    }
    return _dumps(answer).encode()


def _payload(
    question: Question,
    code: Code,
    product: str,
    now: datetime,
    next_check: datetime,
    grace: datetime | None,
) -> str:
    """What is signed: this very text, in this order. Whole seconds since 1970."""
    return _dumps(
        {
            "v": PAYLOAD_VERSION,
            "code": code,
            "key": _key_digest(question.key),
            "product": question.product or product,
            "address": question.address,
            "server_id": question.server_id,
            "nonce": question.nonce,
            "time": int(now.timestamp()),
            "next_check": int(next_check.timestamp()),
            "grace_until": int(grace.timestamp()) if grace else 0,
        }
    )


def _key_digest(key: str) -> str:
    """The hash of the sixteen symbols, or of what was sent where it cannot be a key."""
    text = normalize_key(key) or key.strip()
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
