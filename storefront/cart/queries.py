"""Reads about carts: one query each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from storefront.cart.models import Cart, CartLine
from storefront.cart.rules import BLOCKING, CartOwner, KeyDeal, Notice, notice_for
from storefront.catalog.models import (
    UNLIMITED,
    HoldState,
    Product,
    ProductStatus,
    Purpose,
    StockHold,
    Variant,
)
from storefront.catalog.pricing import (
    BundlePart,
    RunningItem,
    UnitPrice,
    find_bundle_parts,
    find_running_items,
    unit_price,
    without_owned,
)
from storefront.kit.money import Money, total_of

_NO_DEALS: Final[Mapping[UUID, KeyDeal]] = MappingProxyType({})
_GONE: Final = KeyDeal(notice=Notice.OFFER_GONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLineView:
    """A line as the cart page shows it: the price of now, and what changed since it was seen.

    `list_price` is what everybody pays; `unit_price` is without `owned_off`, the share of what
    this member owns of a bundle already, or what was paid before for the key that an upgrade is
    about. `product_ids` are what one unit grants a licence for. `available` None means there is
    no limit. With `license_id` it is about that key, and `ends_at` is when its licence then ends.
    """

    purpose: Purpose
    license_id: UUID | None
    key_hint: str | None
    ends_at: datetime | None
    variant_id: UUID
    product_id: UUID
    product_ids: tuple[UUID, ...]
    product_slug: str
    name_th: str
    name_en: str
    variant_name_th: str
    variant_name_en: str
    cover: str | None
    slots: int
    duration_days: int | None
    quantity: int
    unit_price: Money
    list_price: Money
    struck: Money | None
    owned_off: Money | None
    flash_item_id: UUID | None
    flash_ends_at: datetime | None
    seen_price: Money
    available: int | None
    notice: Notice | None

    @property
    def said_price(self) -> Money:
        """The price that a notice of a change is about."""
        return self.list_price if self.license_id is None else self.unit_price

    @property
    def total(self) -> Money:
        """Price of all units of this line, at the price of now."""
        return self.unit_price * self.quantity

    @property
    def is_buyable(self) -> bool:
        """Whether nothing stands against buying this line as it is."""
        return self.notice not in BLOCKING


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart with something in it, and the promo code that was typed for it."""

    lines: tuple[CartLineView, ...]
    promo_code: str | None = None

    @property
    def subtotal(self) -> Money:
        """What the buyable lines cost now."""
        return total_of(line.total for line in self.lines if line.is_buyable)

    @property
    def count(self) -> int:
        """Units in all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def is_ready(self) -> bool:
        """Whether every line can be bought as it is."""
        return all(line.is_buyable for line in self.lines)


@dataclass(frozen=True, slots=True)
class VariantName:
    """Enough of a variant to name it."""

    variant_id: UUID
    name_th: str
    name_en: str


@dataclass(frozen=True, slots=True)
class KeyLine:
    """What a cart wants for a key."""

    license_id: UUID
    variant_id: UUID
    purpose: Purpose


def list_key_lines(session: Session, user_id: UUID) -> Sequence[KeyLine]:
    """The lines about keys in a member's cart."""
    rows = session.execute(
        select(CartLine.license_id, CartLine.variant_id, CartLine.purpose)
        .join(Cart, Cart.id == CartLine.cart_id)
        .where(Cart.user_id == user_id, CartLine.license_id.is_not(None))
    )
    return [
        KeyLine(license_id, row.variant_id, Purpose(row.purpose))
        for row in rows
        if (license_id := row.license_id) is not None
    ]


def find_cart(
    session: Session,
    owner: CartOwner | None,
    *,
    now: datetime,
    owned: Collection[UUID] = frozenset(),
    deals: Mapping[UUID, KeyDeal] = _NO_DEALS,
    for_order: UUID | None = None,
) -> CartView | None:
    """The cart with the prices and the stock of now; None when nothing is in it. 3 queries.

    `owned` are the products its member has a good licence for, `deals` what its lines about keys
    cost, by licence. Units that `for_order` holds, of stock and at a flash price, count as left.
    """
    if owner is None:
        return None
    rows = session.execute(_lines(owner, for_order)).all()
    if not rows:
        return None
    variant_ids = [row.variant_id for row in rows]
    running = find_running_items(session, variant_ids, now=now, for_order=for_order)
    parts = find_bundle_parts(session, [row.product_id for row in rows])
    return CartView(
        tuple(
            _line(row, running.get(row.variant_id), parts.get(row.product_id, ()), owned)
            if row.license_id is None
            else _key_line(row, deals.get(row.license_id, _GONE))
            for row in rows
        ),
        rows[0].promo_code,
    )


def count_units(session: Session, owner: CartOwner | None) -> int:
    """Units in the cart: the number on its button. No query for visitors without a cart."""
    if owner is None:
        return 0
    return int(session.scalar(select(units_of(owner))) or 0)


def units_of(owner: CartOwner) -> ScalarSelect[int]:
    """The same number as part of a larger query; zero without a cart."""
    return (
        select(func.coalesce(func.sum(CartLine.quantity), 0))
        .join(Cart, Cart.id == CartLine.cart_id)
        .where(_owned_by(owner))
        .scalar_subquery()
    )


def find_variant_name(session: Session, variant_id: UUID) -> VariantName | None:
    """What to call a variant that was just taken out of the cart."""
    row = session.execute(
        select(Variant.id, Product.name_th, Product.name_en)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id == variant_id, Product.status == ProductStatus.PUBLISHED)
    ).one_or_none()
    return None if row is None else VariantName(row.id, row.name_th, row.name_en)


def _owned_by(owner: CartOwner) -> ColumnElement[bool]:
    if owner.user_id is not None:
        return Cart.user_id == owner.user_id
    return Cart.guest_token_hash == owner.token_hash


def _lines(owner: CartOwner, for_order: UUID | None) -> Any:
    left = Variant.stock - Variant.sold - Variant.held
    if for_order is not None:
        left = left + _own_hold(for_order)
    return (
        select(
            CartLine.variant_id,
            CartLine.purpose,
            CartLine.license_id,
            CartLine.quantity,
            CartLine.seen_price_satang,
            Cart.promo_code,
            Variant.product_id,
            Variant.name_th.label("variant_name_th"),
            Variant.name_en.label("variant_name_en"),
            Variant.price_satang,
            Variant.original_price_satang,
            Variant.slots,
            Variant.duration_days,
            Variant.stock,
            left.label("left"),
            Product.slug,
            Product.name_th,
            Product.name_en,
            Product.cover,
            Product.status,
        )
        .join(Cart, Cart.id == CartLine.cart_id)
        .join(Variant, Variant.id == CartLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(_owned_by(owner))
        .order_by(CartLine.added_at, CartLine.id)
    )


def _own_hold(order_id: UUID) -> ColumnElement[int]:
    """Units of the variant that the order itself holds."""
    return func.coalesce(
        select(func.sum(StockHold.quantity))
        .where(
            StockHold.order_id == order_id,
            StockHold.variant_id == Variant.id,
            StockHold.state == HoldState.HELD,
        )
        .scalar_subquery(),
        0,
    )


def _line(
    row: Row[*tuple[Any, ...]],
    item: RunningItem | None,
    parts: Sequence[BundlePart],
    owned: Collection[UUID],
) -> CartLineView:
    price = _price(row, item)
    deal = without_owned(price.amount, parts, owned) if row.quantity == 1 else None
    available = None if row.stock == UNLIMITED else row.left
    seen_price = Money(row.seen_price_satang)
    contents = tuple(part.product_id for part in parts) or (row.product_id,)
    return CartLineView(
        **_facts(row),
        license_id=None,
        key_hint=None,
        ends_at=None,
        product_ids=deal.missing if deal else contents,
        unit_price=deal.price if deal else price.amount,
        list_price=price.amount,
        struck=price.struck,
        owned_off=deal.taken_off if deal else None,
        flash_item_id=price.flash_item_id,
        flash_ends_at=price.ends_at,
        seen_price=seen_price,
        available=available,
        notice=notice_for(
            is_for_sale=row.status == ProductStatus.PUBLISHED,
            is_all_owned=deal is not None and not deal.missing,
            available=available,
            quantity=row.quantity,
            price=price.amount,
            seen_price=seen_price,
        ),
    )


def _key_line(row: Row[*tuple[Any, ...]], deal: KeyDeal) -> CartLineView:
    seen_price = Money(row.seen_price_satang)
    changed = Notice.PRICE_CHANGED if deal.price != seen_price else None
    return CartLineView(
        **_facts(row),
        license_id=row.license_id,
        key_hint=deal.key_hint,
        ends_at=deal.ends_at,
        product_ids=(row.product_id,),
        unit_price=deal.price,
        list_price=deal.list_price,
        struck=deal.struck,
        owned_off=deal.credit,
        flash_item_id=deal.flash_item_id,
        flash_ends_at=deal.flash_ends_at,
        seen_price=seen_price,
        available=None,
        notice=deal.notice or changed,
    )


def _facts(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """What a line has from the catalogue whatever it is about."""
    return {
        "purpose": Purpose(row.purpose),
        "variant_id": row.variant_id,
        "product_id": row.product_id,
        "product_slug": row.slug,
        "name_th": row.name_th,
        "name_en": row.name_en,
        "variant_name_th": row.variant_name_th,
        "variant_name_en": row.variant_name_en,
        "cover": row.cover,
        "slots": row.slots,
        "duration_days": row.duration_days,
        "quantity": row.quantity,
    }


def _price(row: Row[*tuple[Any, ...]], item: RunningItem | None) -> UnitPrice:
    original = row.original_price_satang
    return unit_price(
        Money(row.price_satang),
        None if original is None else Money(original),
        item,
        quantity=row.quantity,
    )
