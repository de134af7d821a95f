"""Placing and settling orders: every change in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.accounts.service import hold_person
from storefront.cart.models import Cart, CartLine
from storefront.cart.rules import Notice
from storefront.catalog.models import Purpose
from storefront.catalog.service import StockWish, hold_stock, release_stock, take_stock
from storefront.checkout.quotes import Quote, get_quote
from storefront.checkout.rules import (
    LEAST_GATEWAY_AMOUNT,
    grants_of,
    hash_request,
    pay_by_of,
    payment_lifetime,
)
from storefront.errors import Conflict, Invalid
from storefront.kit.money import Money
from storefront.licenses.keys import KeyVault
from storefront.licenses.service import issue_licenses
from storefront.notifications.service import notify, queue_mail
from storefront.orders.announcing import announce_completed
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
from storefront.promos.rules import promo_email
from storefront.promos.service import reserve_use, return_use, take_use
from storefront.receipts.service import issue_order_receipt
from storefront.renewals.service import apply_changes, hold_changes, release_changes
from storefront.wallet.service import hold_wallet, pay_from_wallet, release_wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the buyer sent with the form; nothing in it is a price that counts. `email` is asked
    for where the account has none. `wallet_part` is what the wallet is to pay of an order whose
    rest goes through the gateway."""

    user_id: UUID
    method: PaymentMethod
    expected_total: Money
    idempotency_key: str
    locale: str
    email: str | None = None
    wallet_part: Money = Money(0)


def place_order(session: Session, wish: Wish, *, vault: KeyVault, now: datetime) -> Order:
    """Turn the cart into an order; pay it at once when it is free or paid from the wallet. What
    the wallet pays beside the gateway is held until the gateway has answered.

    Idempotent by (user, idempotency key): the earlier order comes back. Locks the person, shared,
    and the cart, so a double click waits for its twin, then the variants and the keys, at last the
    wallet.
    Raises DomainError `sign_in_first` for a guest who became a member, Invalid `key_reused`,
    `method_not_offered`, `amount_too_small` or `email_needed`, Conflict `cart_empty`,
    `not_for_sale`, `all_owned`, `license_offer_gone`, `license_in_open_order`, `sold_out`,
    `total_changed`, `balance_too_low`, `wallet_frozen` or why the promo code is refused; nothing is
    kept then.
    """
    user = hold_person(session, wish.user_id)
    cart_id = session.scalar(select(Cart.id).where(Cart.user_id == wish.user_id).with_for_update())
    known = find_order_by_key(session, user_id=wish.user_id, idempotency_key=wish.idempotency_key)
    if known is not None:
        if known.request_hash != _hash(wish):
            raise Invalid("key_reused")
        return known
    quote = get_quote(session, user.id, now=now)
    lines = _order_lines(quote)
    _check_total(quote.total, wish)
    method = wish.method if quote.total else PaymentMethod.FREE
    email = user.email or wish.email
    if method is PaymentMethod.PROMPTPAY and email is None:
        raise Invalid("email_needed")
    draft = _draft(wish, quote, lines, method=method, email=email, now=now)
    order = create_order(session, draft)
    _set_aside(session, order, quote, user, now=now)
    session.execute(delete(CartLine).where(CartLine.cart_id == cart_id))
    session.execute(update(Cart).where(Cart.id == cart_id).values(promo_code=None))
    if method.is_gateway:
        if order.wallet_part:
            hold_wallet(
                session, user_id=user.id, amount=order.wallet_part, order_id=order.id, now=now
            )
        start_order_payment(session, order, now=now)
        return order
    if method is PaymentMethod.BALANCE:
        pay_from_wallet(
            session, user_id=order.user_id, amount=order.total, order_id=order.id, now=now
        )
    complete_order(session, order, actor=f"user:{wish.user_id}", vault=vault, now=now)
    return order


def _draft(
    wish: Wish,
    quote: Quote,
    lines: Sequence[NewLine],
    *,
    method: PaymentMethod,
    email: str | None,
    now: datetime,
) -> NewOrder:
    return NewOrder(
        user_id=wish.user_id,
        email=email,
        locale=wish.locale,
        payment_method=method,
        lines=lines,
        promo_code=quote.applied.promo.code if quote.applied else None,
        idempotency_key=wish.idempotency_key,
        request_hash=_hash(wish),
        placed_at=now,
        expires_at=now + payment_lifetime(pay_by_of(method)),
        wallet_part=wish.wallet_part if method.is_gateway else quote.total,
    )


def _hash(wish: Wish) -> str:
    return hash_request(
        method=wish.method,
        expected_total=wish.expected_total,
        wallet_part=wish.wallet_part,
        email=wish.email,
    )


def start_order_payment(session: Session, order: Order, *, now: datetime) -> Payment:
    """Record a new attempt to pay a pending order; its holds live as long as the attempt."""
    pay_by = pay_by_of(PaymentMethod(order.payment_method))
    order.expires_at = now + payment_lifetime(pay_by)
    return create_payment(
        session,
        purpose=PaymentPurpose.ORDER,
        pay_by=pay_by,
        subject_id=order.id,
        user_id=order.user_id,
        amount=order.gateway_part,
        label=order.reference,
        email=order.email,
        locale=order.locale,
        expires_at=order.expires_at,
    )


def complete_order(
    session: Session, order: Order, *, actor: str, vault: KeyVault, now: datetime
) -> None:
    """Deliver a paid order that is locked or new: take the stock, renew and issue keys, write the
    receipt, queue mail and notice. Idempotent: a completed order is left alone. Raises Conflict
    `order_not_open`."""
    if order.state == OrderState.PENDING:
        apply_action(session, order, OrderAction.CONFIRM_PAYMENT, actor=actor, now=now)
    if not apply_action(session, order, OrderAction.COMPLETE, actor=actor, now=now):
        return
    take_stock(session, order.id)
    apply_changes(session, order, now=now)
    take_use(session, order.id, now=now)
    issue_licenses(session, grants_of(order.lines), user_id=order.user_id, vault=vault, now=now)
    issue_order_receipt(session, order, now=now)
    announce_completed(session, order)
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
    """Cancel or expire an open order and give back its stock, its keys, its use of a code and what
    was held of the wallet. Locks the order; idempotent; an order that is not open any more is left
    alone."""
    order = lock_order(session, order_id)
    if order.state != OrderState.PENDING:
        return
    apply_action(session, order, action, actor=actor, now=now)
    if action is OrderAction.CANCEL:
        # The cart before the stock, like placing an order: the other way round two tabs of one
        # member could wait for each other.
        _refill_cart(session, order)
    release_stock(session, order.id)
    release_changes(session, order.id)
    return_use(session, order.id, now=now)
    release_wallet(session, user_id=order.user_id, order_id=order.id, now=now)


def _set_aside(session: Session, order: Order, quote: Quote, user: User, *, now: datetime) -> None:
    """Hold the stock, the keys and the use of the code for the life of the payment."""
    lines = _order_lines(quote)
    hold_stock(session, map(_wish_for, lines), order_id=order.id, now=now)
    hold_changes(session, order, now=now)
    # Variants and keys are locked now. A price that moved since the quote must not be charged.
    if _order_lines(get_quote(session, user.id, now=now, for_order=order.id)) != lines:
        raise Conflict("total_changed")
    if quote.applied is not None:
        reserve_use(
            session,
            quote.applied.promo,
            order_id=order.id,
            user_id=user.id,
            customer_email=promo_email(user.email, is_verified=user.email_verified),
            discount=quote.discount,
            now=now,
        )


def _order_lines(quote: Quote) -> list[NewLine]:
    """The lines as they would be ordered. Raises Conflict `not_for_sale`, `all_owned`,
    `license_offer_gone`, `license_in_open_order` or `sold_out`."""
    lines = quote.cart.lines
    for line in lines:
        if line.is_buyable or line.notice is None:
            continue
        if line.notice in (Notice.SOLD_OUT, Notice.NOT_ENOUGH):
            raise Conflict("sold_out", f"not enough left of variant {line.variant_id}")
        raise Conflict(line.notice.value)
    shares = quote.applied.discount.shares if quote.applied else [Money(0)] * len(lines)
    return [
        NewLine(
            product_id=line.product_id,
            variant_id=line.variant_id,
            product_ids=line.product_ids,
            purpose=line.purpose,
            license_id=line.license_id,
            key_hint=line.key_hint,
            ends_at=line.ends_at,
            name_th=line.name_th,
            name_en=line.name_en,
            variant_name_th=line.variant_name_th,
            variant_name_en=line.variant_name_en,
            slots=line.slots,
            duration_days=line.duration_days,
            quantity=line.quantity,
            list_price=line.list_price,
            unit_price=line.unit_price,
            flash_item_id=line.flash_item_id,
            discount=share,
        )
        for line, share in zip(lines, shares, strict=True)
    ]


def _check_total(total: Money, wish: Wish) -> None:
    if total != wish.expected_total:
        raise Conflict("total_changed", f"{total} instead of {wish.expected_total}")
    if total and wish.method is PaymentMethod.FREE:
        # Free is what an order turns out to be, never what somebody asks for.
        raise Invalid("method_not_offered")
    if not total:
        return
    if wish.wallet_part and not (wish.method.is_gateway and Money(0) < wish.wallet_part < total):
        raise Invalid("method_not_offered")
    if wish.method.is_gateway and total - wish.wallet_part < LEAST_GATEWAY_AMOUNT:
        raise Invalid("amount_too_small")


def _wish_for(line: NewLine) -> StockWish:
    # More time for a key takes no unit of its tier: it has had one since it was issued.
    units = 0 if line.purpose is Purpose.RENEW else line.quantity
    return StockWish(line.product_id, line.variant_id, units, line.flash_item_id)


def _refill_cart(session: Session, order: Order) -> None:
    """What was cancelled lies in the cart again, with its code, unless it was put there anew
    meanwhile."""
    cart = session.scalar(select(Cart).where(Cart.user_id == order.user_id).with_for_update())
    if cart is None:
        return
    cart.promo_code = cart.promo_code or order.promo_code
    rows = session.execute(
        select(CartLine.license_id, CartLine.variant_id).where(CartLine.cart_id == cart.id)
    )
    # A line is known by its key, or without one by its tier.
    there = {row.license_id or row.variant_id for row in rows}
    session.add_all(
        CartLine(
            cart_id=cart.id,
            variant_id=line.variant_id,
            purpose=line.purpose,
            license_id=line.license_id,
            quantity=line.quantity,
            seen_price_satang=line.list_price_satang if line.is_new else line.unit_price_satang,
        )
        for line in order.lines
        if (line.license_id or line.variant_id) not in there
    )
