"""Two flash sales for the demo, and the price history that makes struck-out prices true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.catalog.flash_sales import ItemDraft, SaleDraft, schedule_sale
from storefront.catalog.models import Product, Variant
from storefront.catalog.price_models import FlashSale, PriceChange
from storefront.kit.money import Money, baht
from storefront.sandbox.seed.content import products

REDUCED_FOR: Final = timedelta(days=9)
_STANDARD: Final = "standard"


@dataclass(frozen=True, slots=True)
class SeedItem:
    """The first tier of a product at a reduced price."""

    slug: str
    price: Money
    units: int | None = None


@dataclass(frozen=True, slots=True)
class SeedSale:
    """A sale by its distance from the moment of seeding."""

    name_th: str
    name_en: str
    begins: timedelta
    ends: timedelta
    items: tuple[SeedItem, ...]


SALES: Final = (
    SeedSale(
        name_th="ดีลคืนนี้",
        name_en="Tonight's deals",
        begins=timedelta(hours=-4),
        ends=timedelta(hours=20),
        items=(
            SeedItem("qr-banking", baht(690)),
            SeedItem("qr-shield", baht(890), units=40),
            SeedItem("qr-creator", baht(790), units=2),
        ),
    ),
    SeedSale(
        name_th="สุดสัปดาห์เมืองใหม่",
        name_en="New city weekend",
        begins=timedelta(days=3),
        ends=timedelta(days=5),
        items=(
            SeedItem("qr-dealership", baht(990)),
            SeedItem("qr-ems", baht(790), units=60),
        ),
    ),
)


def seed_sales(shop: Shop, *, now: datetime) -> None:
    """The history of prices, then the sales. A shop that has a flash sale already keeps its own;
    seeding again adds nothing."""
    with shop.database.transaction() as session:
        _seed_history(session, now=now)
    with shop.database.transaction() as session:
        if session.scalar(select(exists().select_from(FlashSale))):
            return
        owner = session.scalars(
            select(User.id).where(User.role == Role.ADMIN).order_by(User.id).limit(1)
        ).one()
        for sale in SALES:
            _seed_sale(session, sale, owner, now=now)


def _seed_history(session: Session, *, now: datetime) -> None:
    """Each price as charged since the product came out; a reduced one only for the last days, and
    the earlier price before that."""
    slugs = [seed.slug for seed in products()]
    rows = session.execute(
        select(
            Variant.id,
            Variant.price_satang,
            Variant.original_price_satang,
            func.least(Product.published_at, now).label("since"),
            select(func.min(PriceChange.began_at))
            .where(PriceChange.variant_id == Variant.id)
            .scalar_subquery()
            .label("known_since"),
        )
        .join(Product, Product.id == Variant.product_id)
        .where(Product.slug.in_(slugs))
    ).all()
    for row in rows:
        if row.known_since is not None and row.known_since <= row.since:
            continue
        if row.original_price_satang is None:
            _note_price(session, row.id, row.since, row.price_satang)
        else:
            _note_price(session, row.id, row.since, row.original_price_satang)
            reduced_at = max(now - REDUCED_FOR, row.since + (now - row.since) / 2)
            _note_price(session, row.id, reduced_at, row.price_satang)


def _note_price(session: Session, variant_id: UUID, began_at: datetime, satang: int) -> None:
    session.execute(
        insert(PriceChange)
        .values(variant_id=variant_id, began_at=began_at, price_satang=satang)
        .on_conflict_do_nothing()
    )


def _seed_sale(session: Session, sale: SeedSale, owner: UUID, *, now: datetime) -> None:
    tiers = {
        row.slug: row.id
        for row in session.execute(
            select(Product.slug, Variant.id)
            .join(Variant, Variant.product_id == Product.id)
            .where(Product.slug.in_([item.slug for item in sale.items]), Variant.code == _STANDARD)
        )
    }
    draft = SaleDraft(
        name_th=sale.name_th,
        name_en=sale.name_en,
        starts_at=now + sale.begins,
        ends_at=now + sale.ends,
        items=tuple(ItemDraft(tiers[item.slug], item.price, item.units) for item in sale.items),
    )
    # As staff would have planned it: before its beginning.
    schedule_sale(session, draft, actor_id=owner, now=min(now, now + sale.begins))
