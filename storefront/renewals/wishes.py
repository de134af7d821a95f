"""Putting an offer for a key into its owner's cart."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from storefront.cart.rules import CartOwner
from storefront.cart.service import add_key_line
from storefront.errors import Conflict, NotFound
from storefront.renewals.queries import find_offers
from storefront.renewals.rules import Offer, Refusal


def want_offer(
    session: Session, license_id: UUID, *, variant_id: UUID, user_id: UUID, now: datetime
) -> Offer:
    """Let the cart hold the renewal, or the upgrade, of one's own key by this tier, in place of
    what it held for that key.

    What it costs is computed again whenever the cart is read. Raises NotFound `license`, also for
    anybody else's, Conflict `license_offer_gone`, `license_in_open_order` or `cart_full`.
    Idempotent; locks the cart.
    """
    offers = find_offers(session, [license_id], user_id=user_id, now=now).get(license_id)
    if offers is None:
        raise NotFound("license")
    offer = offers.find(variant_id)
    if offer is None:
        raise Conflict(offers.refusal or Refusal.GONE)
    add_key_line(
        session,
        CartOwner.member(user_id),
        license_id=license_id,
        variant_id=variant_id,
        purpose=offer.purpose,
        price=offer.price,
        now=now,
    )
    return offer
