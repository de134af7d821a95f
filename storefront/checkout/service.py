"""Placing and settling orders: every change in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.cart.models import Cart, CartLine
from storefront.catalog.models import BundleItem, Product, ProductStatus, Variant
from storefront.catalog.service import hold_stock, release_stock, take_stock
from storefront.checkout.rules import (
    LEAST_CARD_AMOUNT,
    PAYMENT_LIFETIME,
    Quote,
    QuoteLine,
    grants_of,
    hash_request,
)
from storefront.errors import Conflict, Invalid
from storefront.kit.money import Money
from storefront.licenses.keys import KeyVault
from storefront.licenses.service import issue_licenses
from storefront.notifications.service import notify, queue_mail
from storefront.orders.models import Order, OrderAction, OrderState, PaymentMethod
from storefront.orders.service import (
    NewLine,
    NewOrder,
    apply_action,
    create_order,
    find_order_by_key,
    lock_order,
)
from storefront.payments.models import Payment, PaymentPurpose
from storefront.payments.service import create_payment
from storefront.wallet.service import pay_from_wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the buyer sent with the form; nothing in it is a price that counts."""

    user_id: UUID
    method: PaymentMethod
    expected_total: Money
    idempotency_key: str
    locale: str


def quote_cart(session: Session, user_id: UUID) -> Quote:
    """What this member's cart costs now."""
    rows = session.execute(
        select(CartLine.quantity, Variant, Product)
        .join(Cart, Cart.id == CartLine.cart_id)
        .join(Variant, Variant.id == CartLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(Cart.user_id == user_id)
        .order_by(CartLine.added_at, CartLine.variant_id)
        .execution_options(populate_existing=True)
    ).all()
    return Quote([_quote_line(quantity, variant, product) for quantity, variant, product in rows])


def place_order(session: Session, wish: Wish, *, vault: KeyVault, now: datetime) -> Order:
    """Turn the cart into an order; pay it at once when it is free or paid from the wallet.

    Idempotent by (user, idempotency key): the earlier order comes back. Locks the cart, so a
    double click waits for its twin, then the variants. Raises Invalid `key_reused`,
    `method_not_offered` or `amount_too_small`, Conflict `cart_empty`, `not_for_sale`, `sold_out`,
    `total_changed` or `balance_too_low`; nothing is kept then.
    """
    cart_id = session.scalar(select(Cart.id).where(Cart.user_id == wish.user_id).with_for_update())
    request_hash = hash_request(method=wish.method, expected_total=wish.expected_total)
    known = find_order_by_key(session, user_id=wish.user_id, idempotency_key=wish.idempotency_key)
    if known is not None:
        if known.request_hash != request_hash:
            raise Invalid("key_reused")
        return known
    quote = quote_cart(session, wish.user_id)
    _check_quote(quote, wish)
    method = wish.method if quote.total else PaymentMethod.FREE
    user = session.get_one(User, wish.user_id)
    order = create_order(
        session,
        NewOrder(
            user_id=wish.user_id,
            email=user.email,
            locale=wish.locale,
            payment_method=method,
            lines=[_new_line(line) for line in quote.lines],
            idempotency_key=wish.idempotency_key,
            request_hash=request_hash,
            placed_at=now,
            expires_at=now + PAYMENT_LIFETIME,
        ),
    )
    hold_stock(session, {line.variant_id: line.quantity for line in quote.lines}, order_id=order.id)
    # The variants are locked now. A price that moved since the quote must not be charged.
    if quote_cart(session, wish.user_id) != quote:
        raise Conflict("total_changed")
    session.execute(delete(CartLine).where(CartLine.cart_id == cart_id))
    if method is PaymentMethod.STRIPE:
        start_order_payment(session, order, now=now)
        return order
    if method is PaymentMethod.BALANCE:
        pay_from_wallet(
            session, user_id=order.user_id, amount=order.total, order_id=order.id, now=now
        )
    complete_order(session, order, actor=f"user:{wish.user_id}", vault=vault, now=now)
    return order


def start_order_payment(session: Session, order: Order, *, now: datetime) -> Payment:
    """Record a new attempt to pay a pending order; its holds live as long as the attempt."""
    order.expires_at = now + PAYMENT_LIFETIME
    return create_payment(
        session,
        purpose=PaymentPurpose.ORDER,
        subject_id=order.id,
        user_id=order.user_id,
        amount=order.total,
        label=order.reference,
        email=order.email,
        locale=order.locale,
        expires_at=order.expires_at,
    )


def complete_order(
    session: Session, order: Order, *, actor: str, vault: KeyVault, now: datetime
) -> None:
    """Deliver a paid order that is locked or new: take the stock, issue the keys, queue mail and
    notice. Idempotent: a completed order is left alone. Raises Conflict `order_not_open`."""
    if order.state == OrderState.PENDING:
        apply_action(session, order, OrderAction.CONFIRM_PAYMENT, actor=actor, now=now)
    if not apply_action(session, order, OrderAction.COMPLETE, actor=actor, now=now):
        return
    take_stock(session, order.id)
    contents = _contents_of(session, [line.product_id for line in order.lines])
    issue_licenses(
        session,
        grants_of(order.lines, contents=contents),
        user_id=order.user_id,
        vault=vault,
        now=now,
    )
    notify(
        session,
        order.user_id,
        type="order",
        event="order_completed",
        context={"reference": order.reference},
        path=f"/account/orders/{order.id}",
        dedupe_key=f"order_completed:{order.id}",
        now=now,
    )
    if order.email:
        queue_mail(session, event="order_completed", subject_id=order.id)


def close_order(
    session: Session, order_id: UUID, action: OrderAction, *, actor: str, now: datetime
) -> None:
    """Cancel or expire an open order and give its stock back. Locks the order; idempotent; an
    order that is not open any more is left alone."""
    order = lock_order(session, order_id)
    if order.state != OrderState.PENDING:
        return
    apply_action(session, order, action, actor=actor, now=now)
    if action is OrderAction.CANCEL:
        # The cart before the stock, like placing an order: the other way round two tabs of one
        # member could wait for each other.
        _refill_cart(session, order)
    release_stock(session, order.id)


def _check_quote(quote: Quote, wish: Wish) -> None:
    if not quote.lines:
        raise Conflict("cart_empty")
    if not all(line.is_for_sale for line in quote.lines):
        raise Conflict("not_for_sale")
    if quote.total != wish.expected_total:
        raise Conflict("total_changed", f"{quote.total} instead of {wish.expected_total}")
    if quote.total and wish.method is PaymentMethod.FREE:
        # Free is what an order turns out to be, never what somebody asks for.
        raise Invalid("method_not_offered")
    if wish.method is PaymentMethod.STRIPE and quote.total and quote.total < LEAST_CARD_AMOUNT:
        raise Invalid("amount_too_small")


def _quote_line(quantity: int, variant: Variant, product: Product) -> QuoteLine:
    return QuoteLine(
        variant_id=variant.id,
        product_id=product.id,
        product_slug=product.slug,
        cover=product.cover,
        name_th=product.name_th,
        name_en=product.name_en,
        variant_name_th=variant.name_th,
        variant_name_en=variant.name_en,
        slots=variant.slots,
        duration_days=variant.duration_days,
        quantity=quantity,
        unit_price=variant.price,
        is_for_sale=product.status == ProductStatus.PUBLISHED,
    )


def _new_line(line: QuoteLine) -> NewLine:
    return NewLine(
        product_id=line.product_id,
        variant_id=line.variant_id,
        name_th=line.name_th,
        name_en=line.name_en,
        variant_name_th=line.variant_name_th,
        variant_name_en=line.variant_name_en,
        slots=line.slots,
        duration_days=line.duration_days,
        quantity=line.quantity,
        unit_price=line.unit_price,
    )


def _contents_of(session: Session, product_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[UUID]]:
    contents: dict[UUID, list[UUID]] = defaultdict(list)
    for bundle_id, product_id in session.execute(
        select(BundleItem.bundle_id, BundleItem.product_id)
        .where(BundleItem.bundle_id.in_(product_ids))
        .order_by(BundleItem.position)
    ):
        contents[bundle_id].append(product_id)
    return contents


def _refill_cart(session: Session, order: Order) -> None:
    """What was cancelled lies in the cart again, unless it was put there anew meanwhile."""
    cart = session.scalar(select(Cart).where(Cart.user_id == order.user_id).with_for_update())
    if cart is None:
        return
    there = set(session.scalars(select(CartLine.variant_id).where(CartLine.cart_id == cart.id)))
    session.add_all(
        CartLine(
            cart_id=cart.id,
            variant_id=line.variant_id,
            quantity=line.quantity,
            seen_price_satang=line.unit_price_satang,
        )
        for line in order.lines
        if line.variant_id not in there
    )
