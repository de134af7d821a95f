"""Changes to orders: every one under a row lock, through the state machine, with an event row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from storefront.catalog.models import Purpose
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, total_of
from storefront.kit.state import AlreadyDone, Moved
from storefront.orders.models import (
    ORDER_MACHINE,
    Order,
    OrderAction,
    OrderEvent,
    OrderLine,
    OrderState,
    PaymentMethod,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """What is copied from the catalogue into an order line. `product_ids` are what one unit
    grants a licence for; `flash_item_id` is the flash sale item whose price the line has. With
    `license_id` it is about that key."""

    product_id: UUID
    variant_id: UUID
    product_ids: tuple[UUID, ...]
    name_th: str
    name_en: str
    variant_name_th: str
    variant_name_en: str
    slots: int
    duration_days: int | None
    quantity: int
    list_price: Money
    unit_price: Money
    flash_item_id: UUID | None = None
    discount: Money = Money(0)
    purpose: Purpose = Purpose.NEW
    license_id: UUID | None = None
    key_hint: str | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """Everything that is frozen when an order is placed. `wallet_part` of the total is paid by
    the wallet, the rest by the gateway."""

    user_id: UUID
    email: str | None
    locale: str
    payment_method: PaymentMethod
    lines: Sequence[NewLine]
    promo_code: str | None
    idempotency_key: str
    request_hash: str
    placed_at: datetime
    expires_at: datetime
    wallet_part: Money = Money(0)


def create_order(session: Session, new: NewOrder) -> Order:
    """Write a pending order with its lines and first event. The database refuses a second one
    with the same (user, idempotency key)."""
    subtotal = total_of(line.unit_price * line.quantity for line in new.lines)
    discount = total_of(line.discount for line in new.lines)
    total = subtotal - discount
    order = Order(
        id=new_id(),
        user_id=new.user_id,
        email=new.email,
        locale=new.locale,
        state=OrderState.PENDING,
        payment_method=new.payment_method,
        currency=total.currency,
        subtotal_satang=subtotal.satang,
        discount_satang=discount.satang,
        total_satang=total.satang,
        wallet_satang=new.wallet_part.satang,
        promo_code=new.promo_code,
        idempotency_key=new.idempotency_key,
        request_hash=new.request_hash,
        created_at=new.placed_at,
        expires_at=new.expires_at,
    )
    order.lines = [_order_line(line, position) for position, line in enumerate(new.lines)]
    session.add(order)
    session.flush()
    _record_event(
        session, order, "place", None, actor=f"user:{new.user_id}", now=new.placed_at, reason=""
    )
    return order


def find_order_by_key(session: Session, *, user_id: UUID, idempotency_key: str) -> Order | None:
    """The order an earlier attempt with this key made."""
    return session.scalar(
        select(Order).where(Order.user_id == user_id, Order.idempotency_key == idempotency_key)
    )


def lock_order(session: Session, order_id: UUID, *, user_id: UUID | None = None) -> Order:
    """Load an order with its lines under a row lock. Raises NotFound, also for the order of
    somebody else when `user_id` is given."""
    order = session.scalar(
        select(Order)
        .where(Order.id == order_id)
        .options(selectinload(Order.lines))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if order is None or (user_id is not None and order.user_id != user_id):
        raise NotFound("order")
    return order


def apply_action(
    session: Session,
    order: Order,
    action: OrderAction,
    *,
    actor: str,
    now: datetime,
    reason: str = "",
) -> bool:
    """Move a locked order and append the event. False when it was already done.

    Raises Conflict `order_not_open` when the action has no meaning in this state.
    """
    before = OrderState(order.state)
    outcome = ORDER_MACHINE.next_state(before, action)
    if isinstance(outcome, AlreadyDone):
        return False
    if not isinstance(outcome, Moved):
        raise Conflict("order_not_open", f"{action} is not possible in {before}")
    order.state = outcome.state
    if action is OrderAction.COMPLETE:
        order.completed_at = now
    _record_event(session, order, action, before, actor=actor, now=now, reason=reason)
    session.flush()
    return True


def _order_line(line: NewLine, position: int) -> OrderLine:
    return OrderLine(
        id=new_id(),
        position=position,
        product_id=line.product_id,
        variant_id=line.variant_id,
        product_ids=list(line.product_ids),
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
        list_price_satang=line.list_price.satang,
        unit_price_satang=line.unit_price.satang,
        total_satang=(line.unit_price * line.quantity).satang,
        discount_satang=line.discount.satang,
    )


def _record_event(
    session: Session,
    order: Order,
    action: str,
    before: OrderState | None,
    *,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    session.add(
        OrderEvent(
            order_id=order.id,
            action=action,
            from_state=before,
            to_state=order.state,
            actor=actor,
            reason=reason,
            created_at=now,
        )
    )
