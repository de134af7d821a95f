"""Identifiers and secrets. Row ids are UUIDv7: unguessable enough, in time order for indexes."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

import uuid_utils.compat

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """A new time-ordered identifier (RFC 9562, version 7)."""
    return uuid_utils.compat.uuid7()


def new_token() -> str:
    """A URL-safe secret with 256 bits of randomness."""
    return secrets.token_urlsafe(32)


def parse_id(text: str) -> UUID | None:
    """Read an identifier that came from outside; None when it is not one."""
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None


def random_crockford(length: int) -> str:
    """`length` random symbols of Crockford base32 (no I, L, O, U): 5 bits each."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(length))


def id_at(moment: datetime) -> UUID:
    """A new identifier that sorts as if it were made at a moment: for what is written down later
    than it happened."""
    made = uuid_utils.compat.uuid7().int & ((1 << 80) - 1)
    return UUID(int=int(moment.timestamp() * 1000) << 80 | made)


def first_id_at(moment: datetime) -> UUID:
    """The smallest identifier that could have been made at a moment: rows since then are those with
    an id from here on, which the primary key finds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
