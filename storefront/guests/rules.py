"""What holds for guests, without a database."""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

LINK_LIFETIME: Final = timedelta(days=30)
# Two mails to one address, asked for by whomever, are never closer together.
RECOVERY_PAUSE: Final = timedelta(minutes=5)
RECOVERIES_KEPT: Final = timedelta(days=1)
IDLE_GUESTS_KEPT: Final = timedelta(days=30)
DEAD_LINKS_KEPT: Final = timedelta(days=30)
LONGEST_EMAIL: Final = 254

# What everybody sees of a guest. Nothing of the address: names stand in places that others read.
GUEST_NAME: Final = "Guest"
GUEST_USERNAME: Final = "guest"

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, with a dot in the domain:
# letters beyond ASCII are refused because not every mail server takes them (RFC 6531), and a
# guest without mail has no way back.
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL: Final = re.compile(
    rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+", re.ASCII
)


class LinkState(StrEnum):
    """What a mailed link is good for."""

    GOOD = "good"
    EXPIRED = "expired"
    REVOKED = "revoked"
    MOVED = "moved"
    CLOSED = "closed"
    UNKNOWN = "unknown"


def parse_email(text: str | None) -> str | None:
    """The address somebody typed, in small letters, so that it is found however it is typed next
    time; None for what is no address."""
    email = (text or "").strip()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        return None
    return email.lower()


def mask_email(email: str) -> str:
    """An address as far as its owner recognises it: s•••@example.com."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def guest_key(secret: str, *, cart_token: str, form_key: str) -> str:
    """What makes two requests mean one guest: the same rendering of the form in the same browser.

    The cart's token alone would not do. It may have been planted in this browser by somebody who
    still knows it, who would find the guest by it; the key of the form was made for this page.
    """
    said = f"guest:{cart_token}:{form_key}".encode()
    return hmac.new(secret.encode(), said, sha256).hexdigest()
