"""Staff give licences away: keys without an order. No money and no stock is booked, so what was
given cannot be refunded, renewed or upgraded; staff revoke and extend it like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import BundleItem, Product, ProductStatus, Variant
from storefront.errors import Conflict, Invalid, NotFound
from storefront.licenses.actors import Staff, check_reason, record_change
from storefront.licenses.elsewhere import ForeignGrant, Origin, insert_foreign
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseSource
from storefront.licenses.notices import license_path, tell_person

NEWS: Final = "license_giveaway"
MOST_TIERS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Giveaway:
    """What staff want to give: a unit of this tier to this person. `form_key` names the form in
    which it was written, in at most 120 characters."""

    variant_id: UUID
    user_id: UUID
    reason: str
    form_key: str


@dataclass(frozen=True, slots=True)
class GiveawayTier:
    """A tier that can be given; `product_ids` are what it grants a licence for each: its product,
    or what is inside the bundle."""

    variant: Variant
    product: Product
    product_ids: Sequence[UUID]


def give_away(
    session: Session, giveaway: Giveaway, *, actor_id: UUID, vault: KeyVault, now: datetime
) -> Sequence[UUID]:
    """Make the licences of a giveaway, and tell their owner; returns their ids.

    Idempotent by form: the database holds one licence of each product for it, so of two that are
    sent at once the second waits and finds what the first made. Raises Invalid `reason_needed`,
    and `giveaway_form_used` where the form gave something else; NotFound `variant` or `user`,
    Conflict `tier_is_draft` or `receiver_banned`.
    """
    by = Staff(actor_id, giveaway.reason)
    check_reason(by)
    origin = Origin(source=LicenseSource.STAFF, reference=giveaway.form_key)
    made = _made_by(session, origin)
    if not made:
        _check_receiver(session.get(User, giveaway.user_id))
        tier = get_tier(session, giveaway.variant_id)
        new = insert_foreign(
            session,
            _grants(tier),
            origin=origin,
            user_id=giveaway.user_id,
            vault=vault,
            now=now,
        )
        if len(new) == len(tier.product_ids):
            _tell(session, tier, new, by=by, now=now)
            return new
        made = _made_by(session, origin)
    if any((one.user_id, one.variant_id) != _wanted(giveaway) for one in made):
        raise Invalid("giveaway_form_used", giveaway.form_key)
    return [one.id for one in made]


def find_receiver(session: Session, words: str) -> User:
    """Whom staff mean: a Discord name (an @ before it is forgiven), a Discord id, or the e-mail
    address of a guest or the verified one of a member. Raises Invalid `receiver_unknown`, Conflict
    `receiver_unclear` where there are several, or `receiver_banned`."""
    wanted = words.strip().removeprefix("@").lower()
    found = session.scalars(
        select(User)
        .where(
            User.merged_into.is_(None),
            or_(
                and_(~User.is_guest, func.lower(User.username) == wanted),
                User.discord_id == wanted,
                and_(User.is_guest | User.email_verified, func.lower(User.email) == wanted),
            ),
        )
        .limit(2)
    ).all()
    if not found or not wanted:
        raise Invalid("receiver_unknown")
    if len(found) > 1:
        raise Conflict("receiver_unclear")
    _check_receiver(found[0])
    return found[0]


def get_tier(session: Session, variant_id: UUID) -> GiveawayTier:
    """A tier that can be given. Raises NotFound `variant`, Conflict `tier_is_draft`: of a draft
    nobody can download anything."""
    found = session.execute(
        select(Variant, Product)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id == variant_id)
    ).one_or_none()
    if found is None:
        raise NotFound("variant")
    variant, product = found
    if product.status == ProductStatus.DRAFT:
        raise Conflict("tier_is_draft")
    inside = session.scalars(
        select(BundleItem.product_id)
        .where(BundleItem.bundle_id == product.id)
        .order_by(BundleItem.position, BundleItem.product_id)
    ).all()
    return GiveawayTier(variant, product, inside or [product.id])


def list_tiers(session: Session) -> Sequence[tuple[Variant, Product]]:
    """Every tier that can be given, by the name of its product."""
    rows = session.execute(
        select(Variant, Product)
        .join(Product, Product.id == Variant.product_id)
        .where(Product.status != ProductStatus.DRAFT)
        .order_by(Product.name_en, Variant.position, Variant.id)
        .limit(MOST_TIERS)
    )
    return [(variant, product) for variant, product in rows]


def _check_receiver(receiver: User | None) -> None:
    if receiver is None or receiver.merged_into is not None:
        raise NotFound("user")
    if receiver.banned_at is not None:
        raise Conflict("receiver_banned")


def _made_by(session: Session, origin: Origin) -> Sequence[License]:
    return session.scalars(
        select(License)
        .where(License.source == origin.source, License.source_reference == origin.reference)
        .order_by(License.id)
    ).all()


def _wanted(giveaway: Giveaway) -> tuple[UUID, UUID]:
    return giveaway.user_id, giveaway.variant_id


def _grants(tier: GiveawayTier) -> Sequence[ForeignGrant]:
    return [
        ForeignGrant(
            product_id=product_id,
            variant_id=tier.variant.id,
            unit=1,
            slots=tier.variant.slots,
            duration_days=tier.variant.duration_days,
        )
        for product_id in tier.product_ids
    ]


def _tell(
    session: Session, tier: GiveawayTier, new: Sequence[UUID], *, by: Staff, now: datetime
) -> None:
    """Diary and audit of each licence; its owner hears of all of them once."""
    detail = {"source": LicenseSource.STAFF.value}
    events = [
        record_change(session, one, "issued", by=by, audit="give_license", detail=detail)
        for one in new
    ]
    tell_person(
        session,
        session.get_one(License, new[0]),
        NEWS,
        event_id=events[0],
        now=now,
        path=license_path(new[0]) if len(new) == 1 else "/account/licenses",
        context={"name_th": tier.product.name_th, "name_en": tier.product.name_en},
    )
