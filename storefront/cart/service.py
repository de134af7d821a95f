"""Changes to carts. Every one locks the cart's row first, so changes to one cart queue up.

A merge holds two carts: the one that stays always before the one that goes, so no two merges can
deadlock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, not_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, load_only

from storefront.cart.models import MAX_LINES, MAX_QUANTITY, Cart, CartLine
from storefront.cart.rules import CartOwner, Wanted, check_quantity, merge_lines
from storefront.catalog.models import Product, ProductStatus, Purpose, Variant
from storefront.catalog.pricing import find_running_items, unit_price
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money

GUEST_CART_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class AddedLine:
    """What was put into the cart, and how many units of it the cart now holds."""

    name_th: str
    name_en: str
    quantity: int


def add_line(
    session: Session, owner: CartOwner, variant_id: UUID, *, quantity: int, now: datetime
) -> AddedLine:
    """Put units of a variant into the cart, on top of those in it, up to 10.

    Raises Invalid `bad_quantity`, NotFound `product`, Conflict `not_for_sale`, `sold_out` or
    `cart_full`. Locks the cart; two adds at once are both counted.
    """
    check_quantity(quantity)
    product, variant = _get_buyable(session, variant_id)
    running = find_running_items(session, [variant_id], now=now)
    price = unit_price(variant.price, None, running.get(variant_id), quantity=quantity)
    cart_id = _open_cart(session, owner, now=now)
    _check_room(session, cart_id, _is_line(cart_id, variant_id, None))
    draft = insert(CartLine).values(
        id=new_id(),
        cart_id=cart_id,
        variant_id=variant_id,
        quantity=quantity,
        seen_price_satang=price.amount.satang,
        added_at=now,
    )
    held = session.scalars(
        draft.on_conflict_do_update(
            index_elements=[CartLine.cart_id, CartLine.variant_id],
            index_where=CartLine.license_id.is_(None),
            set_={
                "quantity": func.least(MAX_QUANTITY, CartLine.quantity + draft.excluded.quantity),
                "seen_price_satang": draft.excluded.seen_price_satang,
            },
        ).returning(CartLine.quantity)
    ).one()
    return AddedLine(product.name_th, product.name_en, held)


def add_key_line(
    session: Session,
    owner: CartOwner,
    *,
    license_id: UUID,
    variant_id: UUID,
    purpose: Purpose,
    price: Money,
    now: datetime,
) -> None:
    """Put the renewal or upgrade of a key into the cart, in place of whatever it held for that key.
    Whether it is on offer is for the caller to check. Raises Conflict `cart_full`. Locks the cart;
    idempotent."""
    cart_id = _open_cart(session, owner, now=now)
    _check_room(session, cart_id, CartLine.license_id.is_not_distinct_from(license_id))
    values = {
        "variant_id": variant_id,
        "purpose": purpose,
        "seen_price_satang": price.satang,
    }
    session.execute(
        insert(CartLine)
        .values(
            id=new_id(),
            cart_id=cart_id,
            license_id=license_id,
            quantity=1,
            added_at=now,
            **values,
        )
        .on_conflict_do_update(index_elements=[CartLine.cart_id, CartLine.license_id], set_=values)
    )


def set_quantity(
    session: Session,
    owner: CartOwner,
    variant_id: UUID,
    *,
    quantity: int,
    now: datetime,
    seen_price: Money | None = None,
    license_id: UUID | None = None,
) -> None:
    """Want this many units instead; of a line about a key, which is always one, only the price that
    was seen is noted.

    `seen_price` is the price that stood beside the button: once the shopper acted on it, a
    changed price needs no notice any more. Raises Invalid `bad_quantity`, NotFound `cart_line`.
    """
    check_quantity(quantity)
    values = {"quantity": quantity if license_id is None else 1}
    if seen_price is not None:
        values["seen_price_satang"] = seen_price.satang
    cart_id = _lock_cart(session, owner, now=now)
    changed = session.scalar(
        update(CartLine)
        .where(_is_line(cart_id, variant_id, license_id))
        .values(values)
        .returning(CartLine.variant_id)
    )
    if changed is None:
        raise NotFound("cart_line")


def remove_line(
    session: Session,
    owner: CartOwner,
    variant_id: UUID,
    *,
    now: datetime,
    license_id: UUID | None = None,
) -> int | None:
    """Take a variant, or what is wanted of it for a key, out and say how many units that were; None
    when it was not there."""
    cart_id = _lock_cart(session, owner, now=now)
    return session.scalar(
        delete(CartLine)
        .where(_is_line(cart_id, variant_id, license_id))
        .returning(CartLine.quantity)
    )


def set_promo_code(session: Session, owner: CartOwner, code: str | None, *, now: datetime) -> None:
    """Write down the code a shopper typed, or forget it. What it is worth is computed whenever
    the cart is read. Locks the cart; idempotent; nothing to do without a cart."""
    cart_id = _lock_cart(session, owner, now=now)
    session.execute(update(Cart).where(Cart.id == cart_id).values(promo_code=code))


def merge_guest_cart(session: Session, *, user_id: UUID, token: str | None, now: datetime) -> None:
    """Pour the cart of a browser into the person's at sign-in and delete it.

    The code typed before the sign-in is the later one and stands. Idempotent: a second call finds
    no such cart. Locks the person's cart, then the browser's.
    """
    if token is not None:
        _pour(session, CartOwner.guest(token), user_id=user_id, now=now)


def merge_cart(session: Session, *, from_user_id: UUID, user_id: UUID, now: datetime) -> None:
    """Pour the cart of somebody who bought as a guest into the member's and delete it. Like
    `merge_guest_cart` in everything else."""
    _pour(session, CartOwner.member(from_user_id), user_id=user_id, now=now)


def delete_stale_guest_carts(session: Session, *, now: datetime) -> int:
    """Forget guest carts untouched for 30 days, when their cookie has expired too. Safe to
    repeat; returns how many went."""
    gone = session.scalars(
        delete(Cart)
        .where(Cart.user_id.is_(None), Cart.updated_at < now - GUEST_CART_LIFETIME)
        .returning(Cart.id)
    )
    return len(gone.all())


def _pour(session: Session, brought_by: CartOwner, *, user_id: UUID, now: datetime) -> None:
    if session.scalar(select(Cart.id).where(_owned_by(brought_by))) is None:
        return
    staying_id = _open_cart(session, CartOwner.member(user_id), now=now)
    going_id = _lock_cart(session, brought_by, now=now)
    if going_id is None:
        return
    kept = _lines_of(session, staying_id)
    brought = _lines_of(session, going_id)
    for variant_id, wanted in merge_lines(kept, brought).items():
        _write_line(session, staying_id, variant_id, wanted, now=now)
    _move_key_lines(session, going_id, staying_id)
    typed = select(Cart.promo_code).where(Cart.id == going_id).scalar_subquery()
    session.execute(
        update(Cart)
        .where(Cart.id == staying_id)
        .values(promo_code=func.coalesce(typed, Cart.promo_code))
    )
    session.execute(delete(Cart).where(Cart.id == going_id))


def _get_buyable(session: Session, variant_id: UUID) -> tuple[Product, Variant]:
    found = session.execute(
        select(Product, Variant)
        .join(Product, Product.id == Variant.product_id)
        .options(
            load_only(Product.name_th, Product.name_en, Product.status),
            load_only(Variant.price_satang, Variant.stock, Variant.sold, Variant.held),
        )
        .where(Variant.id == variant_id, Product.status != ProductStatus.DRAFT)
    ).one_or_none()
    if found is None:
        raise NotFound("product")
    product, variant = found
    if product.status != ProductStatus.PUBLISHED:
        raise Conflict("not_for_sale")
    if variant.is_sold_out:
        raise Conflict("sold_out")
    return product, variant


def _open_cart(session: Session, owner: CartOwner, *, now: datetime) -> UUID:
    key = Cart.user_id if owner.user_id is not None else Cart.guest_token_hash
    return session.scalars(
        insert(Cart)
        .values(
            id=new_id(),
            user_id=owner.user_id,
            guest_token_hash=owner.token_hash,
            updated_at=now,
        )
        .on_conflict_do_update(index_elements=[key], set_={"updated_at": now})
        .returning(Cart.id)
    ).one()


def _lock_cart(session: Session, owner: CartOwner, *, now: datetime) -> UUID | None:
    return session.scalar(
        update(Cart).where(_owned_by(owner)).values(updated_at=now).returning(Cart.id)
    )


def _owned_by(owner: CartOwner) -> ColumnElement[bool]:
    if owner.user_id is not None:
        return Cart.user_id == owner.user_id
    return Cart.guest_token_hash == owner.token_hash


def _is_line(
    cart_id: UUID | None, variant_id: UUID, license_id: UUID | None
) -> ColumnElement[bool]:
    return and_(
        CartLine.cart_id == cart_id,
        CartLine.variant_id == variant_id,
        CartLine.license_id.is_not_distinct_from(license_id),
    )


def _check_room(session: Session, cart_id: UUID, itself: ColumnElement[bool]) -> None:
    others = session.scalar(
        select(func.count()).select_from(CartLine).where(CartLine.cart_id == cart_id, not_(itself))
    )
    if (others or 0) >= MAX_LINES:
        raise Conflict("cart_full")


def _lines_of(session: Session, cart_id: UUID) -> dict[UUID, Wanted]:
    rows = session.execute(
        select(CartLine.variant_id, CartLine.quantity, CartLine.seen_price_satang)
        .where(CartLine.cart_id == cart_id, CartLine.license_id.is_(None))
        .order_by(CartLine.added_at, CartLine.variant_id)
    )
    return {row.variant_id: Wanted(row.quantity, Money(row.seen_price_satang)) for row in rows}


def _write_line(
    session: Session, cart_id: UUID, variant_id: UUID, wanted: Wanted, *, now: datetime
) -> None:
    values = {"quantity": wanted.quantity, "seen_price_satang": wanted.seen_price.satang}
    session.execute(
        insert(CartLine)
        .values(id=new_id(), cart_id=cart_id, variant_id=variant_id, added_at=now, **values)
        .on_conflict_do_update(
            index_elements=[CartLine.cart_id, CartLine.variant_id],
            index_where=CartLine.license_id.is_(None),
            set_=values,
        )
    )


def _move_key_lines(session: Session, going_id: UUID, staying_id: UUID) -> None:
    """Only who bought as a guest has such lines; the keys they are about move with them."""
    there = select(CartLine.license_id).where(
        CartLine.cart_id == staying_id, CartLine.license_id.is_not(None)
    )
    session.execute(
        update(CartLine)
        .where(
            CartLine.cart_id == going_id,
            CartLine.license_id.is_not(None),
            CartLine.license_id.not_in(there),
        )
        .values(cart_id=staying_id)
        .execution_options(synchronize_session=False)
    )
