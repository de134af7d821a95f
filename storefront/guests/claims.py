"""Claiming a purchase made at Tebex without an account: its buyer becomes a guest of the shop."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from storefront.accounts.service import open_session
from storefront.errors import Conflict, NotFound
from storefront.guests.service import ask_for_links, open_guest
from storefront.licenses.keys import KeyVault
from storefront.tebex.queries import FoundClaim, find_claim
from storefront.tebex.rules import LinkState
from storefront.tebex.service import claim_purchase

# So long a second click of the same button finds what the first one did.
DOUBLE_CLICK: Final = timedelta(minutes=5)
_REFUSED: Final = {
    LinkState.CLAIMED: "tebex_claimed",
    LinkState.ENDED: "tebex_ended",
    LinkState.DISPUTED: "tebex_disputed",
    LinkState.EXPIRED: "tebex_link_expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The browser that asks."""

    user_agent: str
    address: str
    locale: str


def claim_by_link(
    session: Session, token: str, *, user_id: UUID, vault: KeyVault, now: datetime
) -> int:
    """Give the purchase of a mailed link to whoever is signed in; returns how many keys are new.
    Idempotent for its owner. Raises NotFound `tebex_link`, Conflict `tebex_link_expired` and what
    `tebex.service.claim_purchase` raises."""
    found = _find(session, token, now=now)
    if found.state is not LinkState.GOOD and found.owner_id != user_id:
        raise Conflict(_REFUSED[found.state])
    return claim_purchase(session, _purchase_of(found), user_id=user_id, vault=vault, now=now)


def claim_as_guest(
    session: Session,
    token: str,
    *,
    secret: str,
    vault: KeyVault,
    caller: Caller,
    now: datetime,
) -> str:
    """Give the purchase of a mailed link to a new guest, and sign this browser in as them: returns
    the token for the cookie. Their way back is mailed.

    Whoever has the link reads that mailbox, so the address counts as verified. Idempotent by
    purchase: a double click finds the guest of its twin. Raises like `claim_by_link`, and what
    `guests.service.open_guest` raises.
    """
    found = _find(session, token, now=now)
    purchase_id = _purchase_of(found)
    if found.state is not LinkState.GOOD and not _was_just_claimed(found, now):
        raise Conflict(_REFUSED[found.state])
    guest = open_guest(
        session,
        key=_guest_key(secret, purchase_id),
        email=found.email,
        locale=caller.locale,
    )
    claim_purchase(session, purchase_id, user_id=guest.id, vault=vault, now=now)
    guest.email_verified = True
    ask_for_links(session, found.email, locale=caller.locale, now=now)
    return open_session(
        session, guest.id, user_agent=caller.user_agent, address=caller.address, now=now
    )


def _find(session: Session, token: str, *, now: datetime) -> FoundClaim:
    found = find_claim(session, token, now=now)
    if found.state is LinkState.UNKNOWN:
        raise NotFound("tebex_link")
    return found


def _was_just_claimed(found: FoundClaim, now: datetime) -> bool:
    """Afterwards the way back is the guest's own link, which the guest can revoke."""
    return found.claimed_at is not None and now - found.claimed_at < DOUBLE_CLICK


def _purchase_of(found: FoundClaim) -> UUID:
    if found.purchase_id is None:
        raise NotFound("tebex_link")
    return found.purchase_id


def _guest_key(secret: str, purchase_id: UUID) -> str:
    """One guest for one purchase, whatever is clicked how often; nobody without our secret can
    make the key of another's."""
    return hmac.new(secret.encode(), f"claim:{purchase_id}".encode(), sha256).hexdigest()
