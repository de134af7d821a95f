"""Webhooks as Stripe would send them: an event, its time, its signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ADDRESS = "/api/webhooks/stripe"


def event(event_id: str, event_type: str, **subject: Any) -> bytes:
    """An event about an object with these fields."""
    return json.dumps(
        {"id": event_id, "type": event_type, "data": {"object": {"id": "obj_1", **subject}}}
    ).encode()


def sign(payload: bytes, secret: str, *, age: int = 0) -> str:
    """The Stripe-Signature header of a payload signed `age` seconds ago."""
    at = int(time.time()) - age
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def deliver(client: FlaskClient, payload: bytes, signature: str) -> TestResponse:
    """Send it to the shop."""
    return client.post(ADDRESS, data=payload, headers={"Stripe-Signature": signature})
