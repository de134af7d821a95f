"""Reads about guests: what a link is good for, and whose links an address may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.accounts.queries import hash_token
from storefront.guests.models import GuestLink, GuestRecovery
from storefront.guests.rules import LinkState
from storefront.ledger.models import LedgerAccount
from storefront.licenses.models import License, LicenseSource
from storefront.orders.models import Order, OrderState

MOST_GUESTS: Final = 10
MOST_ORDERS: Final = 5
_CLOSED: Final = (OrderState.CANCELLED, OrderState.EXPIRED)


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link by its token. Only of a known one there is a guest, and the address it was sent to."""

    state: LinkState
    guest_id: UUID | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class GuestPurchases:
    """One guest, with the numbers of the latest orders as people read them."""

    id: UUID
    references: Sequence[str]


def find_link(session: Session, token: str, *, now: datetime) -> FoundLink:
    """What a link is good for. The reason that cannot be mended comes first."""
    row = session.execute(
        select(
            GuestLink.user_id,
            GuestLink.email,
            GuestLink.expires_at,
            GuestLink.revoked_at,
            User.merged_into,
            User.banned_at,
        )
        .join(User, User.id == GuestLink.user_id)
        .where(GuestLink.token_hash == hash_token(token))
    ).one_or_none()
    if row is None:
        return FoundLink(LinkState.UNKNOWN)
    state = LinkState.GOOD
    if row.banned_at is not None:
        state = LinkState.CLOSED
    elif row.merged_into is not None:
        state = LinkState.MOVED
    elif row.revoked_at is not None:
        state = LinkState.REVOKED
    elif row.expires_at <= now:
        state = LinkState.EXPIRED
    return FoundLink(state, row.user_id, row.email)


def find_recovery(session: Session, recovery_id: UUID) -> GuestRecovery | None:
    """What was asked for; None when the address asked again since, or long ago."""
    return session.get(GuestRecovery, recovery_id)


def list_purchases(session: Session, email: str) -> Sequence[GuestPurchases]:
    """The guests with this address who bought something, here or elsewhere, or have money in their
    wallet, the latest first; at most ten, each with five purchases at most."""
    guests = session.scalars(
        select(User.id)
        .where(
            User.is_guest,
            User.email == email,
            User.merged_into.is_(None),
            User.banned_at.is_(None),
            or_(_has_order(), _has_money(), _has_license()),
        )
        .order_by(User.id.desc())
        .limit(MOST_GUESTS)
    ).all()
    orders = session.scalars(
        select(Order)
        .where(Order.user_id.in_(guests), Order.state.not_in(_CLOSED))
        .order_by(Order.id.desc())
    ).all()
    named = [(order.user_id, order.reference) for order in orders]
    named += _foreign_references(session, guests)
    return [
        GuestPurchases(
            guest_id, [reference for owner, reference in named if owner == guest_id][:MOST_ORDERS]
        )
        for guest_id in guests
    ]


def list_open_guests(session: Session, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Which of these people are guests who may still sign in."""
    return session.scalars(
        select(User.id).where(
            User.id.in_(ids), User.is_guest, User.merged_into.is_(None), User.banned_at.is_(None)
        )
    ).all()


def _has_order() -> ColumnElement[bool]:
    return select(Order.id).where(Order.user_id == User.id, Order.state.not_in(_CLOSED)).exists()


def _foreign_references(session: Session, guests: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """The purchases elsewhere that licences of these guests come of."""
    rows = session.execute(
        select(License.user_id, License.source_reference)
        .where(License.user_id.in_(guests), License.source == LicenseSource.TEBEX)
        .distinct()
    )
    return [(row.user_id, row.source_reference) for row in rows]


def _has_license() -> ColumnElement[bool]:
    return select(License.id).where(License.user_id == User.id).exists()


def _has_money() -> ColumnElement[bool]:
    return (
        select(LedgerAccount.id)
        .where(LedgerAccount.user_id == User.id, LedgerAccount.balance_satang > 0)
        .exists()
    )
