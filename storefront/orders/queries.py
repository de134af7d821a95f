"""Reads about orders, for their buyer and for staff."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, load_only, selectinload

from storefront.accounts.models import User
from storefront.catalog.models import Product
from storefront.errors import NotFound
from storefront.kit.clock import SHOP_ZONE
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.orders.models import Order, OrderLine, OrderState, PaymentMethod
from storefront.payments.models import Payment, PaymentPurpose

PAGE_SIZE: Final = 20
STAFF_PAGE_SIZE: Final = 50
_LARGEST_NUMBER: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"(?:QR-?)?(\d{1,19})", re.IGNORECASE)
_DISCORD_ID: Final = re.compile(r"\d{15,22}")


class OrderFilter(StrEnum):
    """How buyers sort their orders: fewer words than there are states."""

    OPEN = "open"
    COMPLETED = "completed"
    CLOSED = "closed"
    REFUNDED = "refunded"


_FILTER_STATES: Final[Mapping[OrderFilter, tuple[OrderState, ...]]] = {
    OrderFilter.OPEN: (OrderState.PENDING, OrderState.PROCESSING),
    OrderFilter.COMPLETED: (OrderState.COMPLETED,),
    OrderFilter.CLOSED: (OrderState.CANCELLED, OrderState.EXPIRED),
    OrderFilter.REFUNDED: (OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED),
}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order in a list, named after its first line. `other_lines` counts the rest."""

    id: UUID
    reference: str
    state: OrderState
    payment_method: PaymentMethod
    total: Money
    created_at: datetime
    name_th: str
    name_en: str
    other_lines: int
    units: int


@dataclass(frozen=True, slots=True)
class StaffOrderRow:
    """One order in the list of the back office, with its buyer."""

    id: UUID
    reference: str
    state: OrderState
    payment_method: PaymentMethod
    total: Money
    created_at: datetime
    units: int
    buyer_name: str
    buyer_handle: str
    email: str | None


@dataclass(frozen=True, slots=True)
class LineProduct:
    """What an order line links to today; its names and prices stay those of the sale."""

    slug: str
    cover: str | None


def count_purchases(session: Session, user_id: UUID, *, besides: UUID | None = None) -> int:
    """Orders of this person that were or may still be paid, leaving one out; closed ones do not
    count."""
    query = select(func.count()).where(
        Order.user_id == user_id, Order.state.not_in(_FILTER_STATES[OrderFilter.CLOSED])
    )
    if besides is not None:
        query = query.where(Order.id != besides)
    return session.scalar(query) or 0


def list_orders(
    session: Session,
    user_id: UUID,
    *,
    cursor: str | None = None,
    state: OrderFilter | None = None,
    limit: int = PAGE_SIZE,
) -> Page[OrderRow]:
    """One person's orders, newest first; two queries whatever their number."""
    query = (
        select(Order)
        .where(Order.user_id == user_id)
        .options(selectinload(Order.lines))
        .order_by(Order.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(Order.state.in_(_FILTER_STATES[state]))
    found = session.scalars(_after(query, cursor)).all()
    return Page([_row(order) for order in found[:limit]], _next_cursor(found, limit))


def get_order(session: Session, order_id: UUID, *, user_id: UUID) -> Order:
    """One person's order with its lines and events.

    Raises NotFound for an unknown order and for anybody else's: the two look the same (A1).
    """
    order = session.scalar(_whole_order(order_id).where(Order.user_id == user_id))
    if order is None:
        raise NotFound("order")
    return order


def find_line_products(session: Session, lines: Sequence[OrderLine]) -> dict[UUID, LineProduct]:
    """Slug and cover of the products in these lines, by product id."""
    rows = session.execute(
        select(Product.id, Product.slug, Product.cover).where(
            Product.id.in_({line.product_id for line in lines})
        )
    )
    return {row.id: LineProduct(row.slug, row.cover) for row in rows}


def list_payments(session: Session, order_id: UUID) -> Sequence[Payment]:
    """Every attempt to pay this order through the gateway, oldest first."""
    return session.scalars(
        select(Payment)
        .where(Payment.purpose == PaymentPurpose.ORDER, Payment.subject_id == order_id)
        .order_by(Payment.id)
    ).all()


def list_all_orders(
    session: Session,
    *,
    state: OrderState | None = None,
    search: str = "",
    day: date | None = None,
    cursor: str | None = None,
    limit: int = STAFF_PAGE_SIZE,
) -> Page[StaffOrderRow]:
    """Everybody's orders, newest first, for staff.

    `search` is an order number (QR-100001 or 100001), or the beginning of an e-mail address or of
    a Discord username, or a whole Discord id. `day` is a day on the shop's wall clock.
    """
    units = (
        select(func.sum(OrderLine.quantity))
        .where(OrderLine.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    query = (
        select(Order, User.display_name, User.handle, units.label("units"))
        .join(User, User.id == Order.user_id)
        .order_by(Order.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(Order.state == state)
    if search.strip():
        query = query.where(_matches(search.strip()))
    if day is not None:
        query = query.where(*_within(day))
    found = session.execute(_after(query, cursor)).all()
    rows = [_staff_row(*row) for row in found[:limit]]
    return Page(rows, _next_cursor([row[0] for row in found], limit))


def get_order_for_staff(session: Session, order_id: UUID) -> tuple[Order, User]:
    """Any order with its lines and events, and its buyer. Raises NotFound."""
    row = session.execute(
        _whole_order(order_id).add_columns(User).join(User, User.id == Order.user_id)
    ).one_or_none()
    if row is None:
        raise NotFound("order")
    return row[0], row[1]


def number_of(text: str) -> int | None:
    """The number in QR-100001 or 100001; None for anything else."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found and int(found[1]) <= _LARGEST_NUMBER else None


def _whole_order(order_id: UUID) -> Select[Order]:
    return (
        select(Order)
        .where(Order.id == order_id)
        .options(selectinload(Order.lines), selectinload(Order.events))
    )


def _after(query: Select[Any], cursor: str | None) -> Select[Any]:
    # Order ids are in time order, so the id alone is the sort key and the cursor.
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    return query if last_id is None else query.where(Order.id < last_id)


def _next_cursor(orders: Sequence[Order], limit: int) -> str | None:
    return encode_cursor(str(orders[limit - 1].id)) if len(orders) > limit else None


def _row(order: Order) -> OrderRow:
    first = order.lines[0] if order.lines else None
    return OrderRow(
        id=order.id,
        reference=order.reference,
        state=OrderState(order.state),
        payment_method=PaymentMethod(order.payment_method),
        total=order.total,
        created_at=order.created_at,
        name_th=first.name_th if first else "",
        name_en=first.name_en if first else "",
        other_lines=max(len(order.lines) - 1, 0),
        units=sum(line.quantity for line in order.lines),
    )


def _staff_row(order: Order, name: str, handle: str, units: int | None) -> StaffOrderRow:
    return StaffOrderRow(
        id=order.id,
        reference=order.reference,
        state=OrderState(order.state),
        payment_method=PaymentMethod(order.payment_method),
        total=order.total,
        created_at=order.created_at,
        units=int(units or 0),
        buyer_name=name,
        buyer_handle=handle,
        email=order.email,
    )


def _matches(text: str) -> ColumnElement[bool]:
    if _DISCORD_ID.fullmatch(text):
        return User.discord_id == text
    number = number_of(text)
    if number is not None:
        return or_(Order.number == number, User.username == text)
    return or_(
        Order.email.istartswith(text, autoescape=True),
        User.email.istartswith(text, autoescape=True),
        User.username.istartswith(text.removeprefix("@"), autoescape=True),
    )


def _within(day: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    start = datetime.combine(day, time(), SHOP_ZONE)
    return Order.created_at >= start, Order.created_at < start + timedelta(days=1)


def find_references(session: Session, order_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The numbers of these orders as people read them, in one query; none for no ids."""
    if not order_ids:
        return {}
    orders = session.scalars(
        select(Order).options(load_only(Order.number)).where(Order.id.in_(order_ids))
    )
    return {order.id: order.reference for order in orders}
