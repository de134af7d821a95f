"""What a unit costs now: the one calculation behind product page, cart and checkout.

A flash price is a function of the clock and of the units left at it; nothing has to run for it to
begin or end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from storefront.catalog.cards import NOW
from storefront.catalog.models import BundleItem, HoldState, Product, StockHold, Variant
from storefront.catalog.price_models import FlashSaleItem
from storefront.kit.money import Money


@dataclass(frozen=True, slots=True)
class RunningItem:
    """A variant's item in a running flash sale. `reference` is the lowest price of the 30 days
    before the sale; `units_left` None means there is no limit."""

    id: UUID
    price: Money
    reference: Money | None
    ends_at: datetime
    units_left: int | None


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What one unit costs, the true earlier price that may be struck out beside it, and, when the
    price is that of a flash sale, which item of it, until when and for how many units."""

    amount: Money
    struck: Money | None
    flash_item_id: UUID | None = None
    ends_at: datetime | None = None
    units_left: int | None = None


@dataclass(frozen=True, slots=True)
class BundlePart:
    """A product inside a bundle; `list_price` is what its first tier costs alone, zero when it is
    not sold alone."""

    product_id: UUID
    slug: str
    name_th: str
    name_en: str
    cover: str | None
    list_price: Money


@dataclass(frozen=True, slots=True)
class OwnedDeal:
    """A bundle for somebody who owns part of it: what is left to pay and to grant."""

    price: Money
    taken_off: Money
    missing: tuple[UUID, ...]


def unit_price(
    base: Money, original: Money | None, item: RunningItem | None, *, quantity: int = 1
) -> UnitPrice:
    """The price of one of `quantity` units.

    The flash price holds where it is the lower one and enough units are left at it for the whole
    line: a line has one price.
    """
    if item is None or item.price >= base:
        return UnitPrice(base, original)
    if item.units_left is not None and item.units_left < quantity:
        return UnitPrice(base, original)
    struck = item.reference if item.reference and item.reference > item.price else None
    return UnitPrice(item.price, struck, item.id, item.ends_at, item.units_left)


def without_owned(
    price: Money, parts: Sequence[BundlePart], owned: Collection[UUID]
) -> OwnedDeal | None:
    """The bundle's price without what the buyer owns of it; None when nothing of it is owned.

    Each part's share of the price is in proportion to what it costs alone; where none is sold
    alone, all shares are equal. The shares add up to the price, so owning everything leaves zero.
    """
    if not any(part.product_id in owned for part in parts):
        return None
    weights = [part.list_price.satang for part in parts]
    shares = price.allocate(weights if any(weights) else [1] * len(parts))
    taken_off = Money(0, price.currency)
    for part, share in zip(parts, shares, strict=True):
        if part.product_id in owned:
            taken_off = taken_off + share
    missing = tuple(part.product_id for part in parts if part.product_id not in owned)
    return OwnedDeal(price - taken_off, taken_off, missing)


def find_running_items(
    session: Session,
    variant_ids: Collection[UUID],
    *,
    now: datetime,
    for_order: UUID | None = None,
) -> Mapping[UUID, RunningItem]:
    """The flash sale items that run at `now`, by variant. Units that `for_order` holds count as
    left, so that an order is not refused the price it has just taken."""
    if not variant_ids:
        return {}
    values = {"variant_ids": list(variant_ids), "order_id": for_order, "now": now}
    return {
        row.variant_id: RunningItem(
            id=row.id,
            price=Money(row.price_satang),
            reference=None if row.reference_satang is None else Money(row.reference_satang),
            ends_at=row.ends_at,
            units_left=row.units_left,
        )
        for row in session.execute(_RUNNING, values)
    }


def find_unit_prices(
    session: Session, variants: Iterable[Variant], *, now: datetime
) -> Mapping[UUID, UnitPrice]:
    """What one unit of each variant costs at `now`."""
    tiers = list(variants)
    running = find_running_items(session, [tier.id for tier in tiers], now=now)
    return {
        tier.id: unit_price(tier.price, tier.original_price, running.get(tier.id)) for tier in tiers
    }


def find_key_prices(
    session: Session, variants: Iterable[Variant], *, now: datetime
) -> Mapping[UUID, UnitPrice]:
    """What each variant costs at `now` for a key that exists: the same, but the units of a limited
    flash sale are for new keys."""
    tiers = list(variants)
    running = find_running_items(session, [tier.id for tier in tiers], now=now)
    unlimited = {key: item for key, item in running.items() if item.units_left is None}
    return {
        tier.id: unit_price(tier.price, tier.original_price, unlimited.get(tier.id))
        for tier in tiers
    }


def find_bundle_parts(
    session: Session, product_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[BundlePart]]:
    """What is inside those of the products that are bundles, in the seller's order."""
    parts: defaultdict[UUID, list[BundlePart]] = defaultdict(list)
    if not product_ids:
        return parts
    for row in session.execute(_PARTS, {"bundle_ids": list(product_ids)}):
        parts[row.bundle_id].append(
            BundlePart(
                product_id=row.id,
                slug=row.slug,
                name_th=row.name_th,
                name_en=row.name_en,
                cover=row.cover,
                list_price=Money(row.offer_price_satang or 0),
            )
        )
    return parts


_ITEMS: Final = FlashSaleItem.__table__.c
_OWN_UNITS: Final = (
    select(func.coalesce(func.sum(StockHold.quantity), 0))
    .where(
        StockHold.flash_sale_item_id == _ITEMS.id,
        StockHold.order_id == bindparam("order_id", type_=_ITEMS.id.type),
        StockHold.state == HoldState.HELD,
    )
    .scalar_subquery()
)
_UNITS_LEFT: Final = _ITEMS.units - _ITEMS.sold - _ITEMS.held + _OWN_UNITS
_RUNNING: Final = select(
    _ITEMS.id,
    _ITEMS.variant_id,
    _ITEMS.price_satang,
    _ITEMS.reference_satang,
    _ITEMS.ends_at,
    _UNITS_LEFT.label("units_left"),
).where(
    _ITEMS.variant_id.in_(bindparam("variant_ids", expanding=True, type_=_ITEMS.id.type)),
    _ITEMS.starts_at <= NOW,
    _ITEMS.ends_at > NOW,
    _ITEMS.units.is_(None) | (_UNITS_LEFT > 0),
)
_PARTS: Final = (
    select(
        BundleItem.bundle_id,
        Product.id,
        Product.slug,
        Product.name_th,
        Product.name_en,
        Product.cover,
        Product.offer_price_satang,
    )
    .join(Product, Product.id == BundleItem.product_id)
    .where(
        BundleItem.bundle_id.in_(
            bindparam("bundle_ids", expanding=True, type_=Product.__table__.c.id.type)
        )
    )
    .order_by(BundleItem.bundle_id, BundleItem.position, Product.id)
)
