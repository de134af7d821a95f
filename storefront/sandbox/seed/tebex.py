"""What the demo's store sold on Tebex: one purchase that a member has, one that waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.providers import tebex
from storefront.sandbox.seed.people import BUYER, OWNER
from storefront.tebex.events import apply_event
from storefront.tebex.packages import map_package

PACKAGE: Final = 6276316
SLUG: Final = "qr-garage"
CLAIMED: Final = "tbx-5a1f0c83d7-4b2e91"
WAITING: Final = "tbx-93be07aa14-0c77d5"


def seed_tebex(shop: Shop, *, now: datetime) -> None:
    """A package that is known, a purchase of the buyer's by Discord id, and one of a stranger's.
    Seeding again adds nothing."""
    with shop.database.transaction() as session:
        variant_id = session.scalar(
            select(Variant.id)
            .join(Product, Product.id == Variant.product_id)
            .where(Product.slug == SLUG)
            .order_by(Variant.position)
            .limit(1)
        )
        staff_id = session.scalar(select(User.id).where(User.discord_id == OWNER.discord_id))
        if variant_id is None or staff_id is None:
            return
        map_package(session, str(PACKAGE), variant_id=variant_id, actor_id=staff_id)
    _sell(shop, CLAIMED, discord_id=BUYER.discord_id, now=now - timedelta(days=9))
    _sell(shop, WAITING, discord_id=None, now=now - timedelta(hours=5))


def _sell(shop: Shop, transaction: str, *, discord_id: str | None, now: datetime) -> None:
    with shop.database.transaction() as session:
        apply_event(
            session,
            tebex.COMPLETED,
            _payload(transaction, discord_id, now),
            received_at=now,
            vault=shop.vault,
            now=now,
        )


def _payload(transaction: str, discord_id: str | None, at: datetime) -> dict[str, Any]:
    asked = [{"identifier": "discord_id", "option": discord_id}] if discord_id else []
    return {
        "date": at.isoformat(),
        "subject": {
            "transaction_id": transaction,
            "status": {"id": tebex.STATUS_COMPLETE, "description": "Complete"},
            "price_paid": {"amount": 14.0, "currency": "USD"},
            "customer": {
                "email": "niran@example.com",
                "username": {"id": "1234567", "username": "niran"},
                "country": "TH",
            },
            "products": [{"id": PACKAGE, "name": "QR Garage", "quantity": 1, "variables": asked}],
        },
    }
