"""What promo codes did: their uses, what they took off, and what the orders that used them
brought in. Reads for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Date, cast, func, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.kit.clock import SHOP_ZONE
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.orders.models import Order, OrderState
from storefront.promos.models import PromoCode, PromoUse, UseState

PAGE_SIZE: Final = 25
MOST_DAYS: Final = 60

Wanted = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Usage:
    """Uses of one code or of a batch. `discount` and `revenue` are of the taken ones: what was
    taken off, and what their orders cost in the end, before refunds."""

    reserved: int
    taken: int
    returned: int
    discount: Money
    revenue: Money

    @property
    def uses(self) -> int:
        """Everybody who tried to buy with it."""
        return self.reserved + self.taken + self.returned


@dataclass(frozen=True, slots=True)
class DayUsage:
    """The same for the uses that began on one day of the shop's wall clock."""

    day: date
    usage: Usage

    @property
    def midnight(self) -> datetime:
        """When the day began."""
        return datetime.combine(self.day, time(), SHOP_ZONE)


@dataclass(frozen=True, slots=True)
class UseRow:
    """One use: which order and whose."""

    id: UUID
    code: str
    state: UseState
    discount: Money
    created_at: datetime
    settled_at: datetime | None
    order_id: UUID
    order_number: int
    order_state: OrderState
    order_total: Money
    buyer_name: str
    buyer_handle: str

    @property
    def order_reference(self) -> str:
        """The number people use, e.g. QR-100001."""
        return f"QR-{self.order_number}"


def count_usage(session: Session, promo: UUID | str) -> Usage:
    """Uses of a code (its id) or of a batch (its name) in all: one query."""
    query = select(*_sums()).join(Order, Order.id == PromoUse.order_id).where(_of(promo))
    return _usage(session.execute(query).one())


def list_days(session: Session, promo: UUID | str) -> list[DayUsage]:
    """The same day by day, the latest first; the 60 last days on which it was used."""
    day = cast(func.timezone(SHOP_ZONE.key, PromoUse.created_at), Date)
    rows = session.execute(
        select(day.label("day"), *_sums())
        .join(Order, Order.id == PromoUse.order_id)
        .where(_of(promo))
        .group_by(day)
        .order_by(day.desc())
        .limit(MOST_DAYS)
    )
    return [DayUsage(row.day, _usage(row)) for row in rows]


def list_promo_uses(
    session: Session, promo: UUID | str, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[UseRow]:
    """Each use with its order and buyer, the latest first: one query."""
    query = (
        select(
            *(PromoUse.id, PromoCode.code, PromoUse.state, PromoUse.discount_satang),
            *(PromoUse.created_at, PromoUse.settled_at, PromoUse.order_id),
            *(Order.number, Order.state.label("order_state"), Order.total_satang),
            *(User.display_name, User.handle.label("handle")),
        )
        .join(PromoCode, PromoCode.id == PromoUse.promo_id)
        .join(Order, Order.id == PromoUse.order_id)
        .join(User, User.id == PromoUse.user_id)
        .where(_of(promo))
        .order_by(PromoUse.id.desc())
        .limit(limit + 1)
    )
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    if last_id is not None:
        query = query.where(PromoUse.id < last_id)
    found: Sequence[Any] = session.execute(query).all()
    more = encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return Page([_use(row) for row in found[:limit]], more)


def _of(promo: UUID | str) -> Wanted:
    if isinstance(promo, UUID):
        return PromoUse.promo_id == promo
    return PromoUse.promo_id.in_(select(PromoCode.id).where(PromoCode.batch == promo))


def _sums() -> list[ColumnElement[Any]]:
    taken = PromoUse.state == UseState.TAKEN

    def counted(state: UseState) -> ColumnElement[Any]:
        return func.count().filter(PromoUse.state == state).label(state.value)

    return [
        *(counted(state) for state in UseState),
        func.coalesce(func.sum(PromoUse.discount_satang).filter(taken), 0).label("discount"),
        func.coalesce(func.sum(Order.total_satang).filter(taken), 0).label("revenue"),
    ]


def _usage(row: Any) -> Usage:
    return Usage(
        reserved=row.reserved,
        taken=row.taken,
        returned=row.returned,
        discount=Money(int(row.discount)),
        revenue=Money(int(row.revenue)),
    )


def _use(row: Any) -> UseRow:
    return UseRow(
        id=row.id,
        code=row.code,
        state=UseState(row.state),
        discount=Money(row.discount_satang),
        created_at=row.created_at,
        settled_at=row.settled_at,
        order_id=row.order_id,
        order_number=row.number,
        order_state=OrderState(row.order_state),
        order_total=Money(row.total_satang),
        buyer_name=row.display_name,
        buyer_handle=row.handle,
    )
