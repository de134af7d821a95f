"""Reads about purchases made at Tebex, for their buyers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from storefront.accounts.models import User
from storefront.accounts.queries import hash_token
from storefront.tebex.models import (
    PurchaseState,
    TebexClaimLink,
    TebexDispute,
    TebexPurchase,
)
from storefront.tebex.rules import LinkState, Standing, facts_of


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """A claim link by its token. Only of a known one there is a purchase, and the address it was
    sent to. `owner_id` is who has claimed the purchase."""

    state: LinkState
    purchase_id: UUID | None = None
    transaction_id: str = ""
    email: str = ""
    names: Sequence[str] = ()
    owner_id: UUID | None = None
    claimed_at: datetime | None = None


def find_claim(session: Session, token: str, *, now: datetime) -> FoundClaim:
    """What a claim link is good for; two queries. The reason that cannot be mended comes first."""
    found = session.execute(
        select(TebexClaimLink, TebexPurchase)
        .join(TebexPurchase, TebexPurchase.id == TebexClaimLink.purchase_id)
        .where(TebexClaimLink.token_hash == hash_token(token))
        .options(selectinload(TebexPurchase.lines))
    ).one_or_none()
    if found is None:
        return FoundClaim(LinkState.UNKNOWN)
    link, purchase = found
    return FoundClaim(
        _state_of(purchase, link, now),
        purchase.id,
        purchase.transaction_id,
        link.email,
        [line.name for line in purchase.lines],
        purchase.user_id,
        purchase.claimed_at,
    )


def list_claimable(session: Session, user_id: UUID) -> Sequence[TebexPurchase]:
    """What a member may claim without a link: purchases that wait for their Discord account or for
    their verified e-mail address. Nothing for guests. Three queries at most."""
    person = session.get(User, user_id)
    if person is None or person.is_guest:
        return ()
    mine = TebexPurchase.discord_id == person.discord_id
    if person.email and person.email_verified:
        mine |= TebexPurchase.email == person.email.lower()
    return session.scalars(
        select(TebexPurchase)
        .where(
            mine,
            TebexPurchase.state == PurchaseState.WAITING,
            TebexPurchase.paid_at.is_not(None),
            TebexPurchase.dispute != TebexDispute.OPEN,
        )
        .order_by(TebexPurchase.id.desc())
        .options(selectinload(TebexPurchase.lines))
        .limit(50)
    ).all()


def _state_of(purchase: TebexPurchase, link: TebexClaimLink, now: datetime) -> LinkState:
    standing = facts_of(purchase).standing
    if standing is Standing.ENDED:
        return LinkState.ENDED
    if purchase.user_id is not None:
        return LinkState.CLAIMED
    if standing is not Standing.GOOD:
        return LinkState.DISPUTED
    return LinkState.EXPIRED if link.expires_at <= now else LinkState.GOOD
