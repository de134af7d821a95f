"""Reads about gifts: what waits for whom, and what gifts mean for a licence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import Product
from storefront.licenses.gift_models import GiftState, LicenseGift
from storefront.licenses.models import License


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftRow:
    """A gift that waits, as its receiver sees it."""

    id: UUID
    license_id: UUID
    name_th: str
    name_en: str
    giver_name: str
    recipient: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingOffer:
    """A gift that waits, as its giver sees it."""

    recipient: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class GiftStanding:
    """What gifts mean for a licence: the offer of it that waits, and when it came to its owner as
    one (None for who bought it: then all that ever happened to it is theirs)."""

    offer: WaitingOffer | None
    owned_since: datetime | None


def find_standing(session: Session, license_id: UUID, *, now: datetime) -> GiftStanding:
    """What gifts mean for one licence at `now`; for its owner. One query."""
    gifts = session.execute(
        select(
            LicenseGift.state, LicenseGift.recipient, LicenseGift.expires_at, LicenseGift.closed_at
        ).where(
            LicenseGift.license_id == license_id,
            LicenseGift.state.in_((GiftState.PENDING, GiftState.ACCEPTED)),
        )
    ).all()
    taken = [gift.closed_at for gift in gifts if gift.state == GiftState.ACCEPTED]
    offers = [
        WaitingOffer(gift.recipient, gift.expires_at)
        for gift in gifts
        if gift.state == GiftState.PENDING and gift.expires_at > now
    ]
    return GiftStanding(offer=offers[0] if offers else None, owned_since=max(taken, default=None))


def list_gifts_for(session: Session, user_id: UUID, *, now: datetime) -> Sequence[GiftRow]:
    """What waits for this person, the newest first; nothing for guests. Two queries."""
    user = session.get_one(User, user_id)
    if not names_of(user):
        return ()
    found = session.execute(
        select(LicenseGift, Product.name_th, Product.name_en, User.display_name)
        .join(License, License.id == LicenseGift.license_id)
        .join(Product, Product.id == License.product_id)
        .join(User, User.id == LicenseGift.giver_id)
        .where(is_for(user), LicenseGift.state == GiftState.PENDING, LicenseGift.expires_at > now)
        .order_by(LicenseGift.id.desc())
        .limit(50)
    )
    return tuple(
        GiftRow(
            id=gift.id,
            license_id=gift.license_id,
            name_th=name_th,
            name_en=name_en,
            giver_name=giver,
            recipient=gift.recipient,
            created_at=gift.created_at,
            expires_at=gift.expires_at,
        )
        for gift, name_th, name_en, giver in found
    )


def is_offered_to(session: Session, gift_id: UUID, user_id: UUID) -> bool:
    """Whether this gift was meant for this person, whatever has become of it."""
    return find_offered_license(session, gift_id, user_id) is not None


def find_offered_license(session: Session, gift_id: UUID, user_id: UUID) -> UUID | None:
    """The licence of a gift that was meant for this person or that they took; None for all
    others."""
    user = session.get_one(User, user_id)
    if not names_of(user):
        return None
    is_theirs = or_(is_for(user), LicenseGift.receiver_id == user_id)
    return session.scalar(
        select(LicenseGift.license_id).where(LicenseGift.id == gift_id, is_theirs)
    )


def names_of(user: User) -> tuple[str, ...]:
    """What somebody can be offered a gift by: Discord name and verified e-mail address, in small
    letters. Guests have none."""
    if user.is_guest:
        return ()
    email = (user.email.lower(),) if user.email and user.email_verified else ()
    return (user.username.lower(), *email)


def is_for(user: User) -> ColumnElement[bool]:
    """The gifts that others meant for this person."""
    return and_(LicenseGift.recipient.in_(names_of(user)), LicenseGift.giver_id != user.id)
