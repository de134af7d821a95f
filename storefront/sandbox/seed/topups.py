"""Top-up packages, tiers of bonus, and a bonus for the demo's buyer, through the shop's own
functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.money import Money, baht
from storefront.ledger.models import Pot
from storefront.sandbox.seed.people import BUYER, OWNER
from storefront.wallet.adjustments import AdjustmentDraft, adjust_wallet
from storefront.wallet.models import TopUpBonusTier, TopUpPackage
from storefront.wallet.packages import PackageDraft, add_tier, create_package
from storefront.wallet.rules import Tier

PACKAGES: Final = (
    PackageDraft(
        name_th="เริ่มต้น",
        name_en="Starter",
        amount=baht(300),
        bonus=Money(0),
        bonus_days=None,
        active=True,
    ),
    PackageDraft(
        name_th="ยอดนิยม",
        name_en="Popular",
        amount=baht(500),
        bonus=baht(50),
        bonus_days=90,
        active=True,
    ),
    PackageDraft(
        name_th="คุ้มค่า",
        name_en="Good value",
        amount=baht(1_000),
        bonus=baht(120),
        bonus_days=180,
        active=True,
    ),
    PackageDraft(
        name_th="เจ้าของเซิร์ฟเวอร์",
        name_en="Server owner",
        amount=baht(3_000),
        bonus=baht(450),
        bonus_days=365,
        active=True,
    ),
)
TIERS: Final = (
    Tier(least=baht(500), basis_points=500, most=baht(100), days=90),
    Tier(least=baht(1_000), basis_points=800, most=baht(1_000), days=90),
)


def seed_topups(shop: Shop, *, now: datetime) -> None:
    """Offers where there are none yet, and one bonus that ends soon; seeding again adds
    nothing."""
    with shop.database.transaction() as session:
        people = {
            person.username: session.scalars(
                select(User.id).where(User.discord_id == person.discord_id)
            ).one()
            for person in (OWNER, BUYER)
        }
        owner = people[OWNER.username]
        if not session.scalar(select(exists().select_from(TopUpPackage))):
            for package in PACKAGES:
                create_package(session, package, actor_id=owner)
        if not session.scalar(select(exists().select_from(TopUpBonusTier))):
            for tier in TIERS:
                add_tier(session, tier, actor_id=owner)
        adjust_wallet(
            session,
            people[BUYER.username],
            AdjustmentDraft(
                pot=Pot.BONUS,
                amount=baht(120),
                reason="Thank you for reporting the garage bug.",
                expires_at=now + timedelta(days=20),
            ),
            actor_id=owner,
            idempotency_key="demo-seed-welcome-bonus",
            now=now,
        )
