"""What staff see of refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, aliased, selectinload

from storefront.accounts.models import User
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.orders.models import Order, OrderLine
from storefront.orders.queries import number_of
from storefront.payments.models import Payment, PaymentPurpose
from storefront.refunds.models import Refund, RefundState
from storefront.wallet.bonus import preview_clawback
from storefront.wallet.rules import Clawback

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True)
class RefundRow:
    """One refund in the list; `order_number` is None for what came out of a wallet."""

    id: UUID
    state: RefundState
    destination: str
    amount: Money
    reason: str
    created_at: datetime
    order_id: UUID | None
    order_number: int | None
    buyer_name: str
    buyer_handle: str


@dataclass(frozen=True, slots=True)
class RefundDossier:
    """One refund with whom and what it is about. `actor` is None for one that was made on the
    gateway's own pages."""

    refund: Refund
    buyer: User
    actor: User | None
    order: Order | None
    payment: Payment | None
    lines: Sequence[tuple[OrderLine, Money]]


def list_refunds(
    session: Session,
    *,
    state: RefundState | None = None,
    search: str = "",
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[RefundRow]:
    """Refunds, the newest first, in one query. `search` is an order number, an id of the refund,
    here or at the gateway, or the beginning of an e-mail address or a username."""
    query = (
        select(Refund, Order.number, User.display_name, User.handle)
        .join(User, User.id == Refund.user_id)
        .outerjoin(Order, Order.id == Refund.order_id)
        .order_by(Refund.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(Refund.state == state)
    if search:
        query = query.where(_matches(search))
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(Refund.id < last_id)
    rows = [_row(*row) for row in session.execute(query)]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def get_refund(session: Session, refund_id: UUID) -> RefundDossier:
    """One refund, in three queries. Raises NotFound."""
    actor = aliased(User)
    row = session.execute(
        select(Refund, User, actor, Order, Payment)
        .join(User, User.id == Refund.user_id)
        .outerjoin(actor, actor.id == Refund.actor_id)
        .outerjoin(Order, Order.id == Refund.order_id)
        .outerjoin(Payment, Payment.id == Refund.payment_id)
        .where(Refund.id == refund_id)
        .options(selectinload(Refund.lines))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("refund")
    refund = row[0]
    wanted = {part.order_line_id: part.amount for part in refund.lines}
    lines = session.scalars(
        select(OrderLine).where(OrderLine.id.in_(wanted)).order_by(OrderLine.position)
    )
    return RefundDossier(refund, *row[1:], [(line, wanted[line.id]) for line in lines])


def get_payer(session: Session, payment: Payment) -> User:
    """Whose payment it is."""
    return session.get_one(User, payment.user_id)


def preview_wallet_refund(session: Session, payment: Payment, amount: Money) -> Clawback:
    """What a refund of `amount` would take of the bonus, and keep for bonus that was spent."""
    if payment.purpose != PaymentPurpose.TOPUP:
        return Clawback(Money(0), Money(0))
    return preview_clawback(session, payment.subject_id, refunded=amount)


def _row(refund: Refund, number: int | None, name: str, handle: str) -> RefundRow:
    return RefundRow(
        id=refund.id,
        state=RefundState(refund.state),
        destination=refund.destination,
        amount=refund.paid_out,
        reason=refund.reason,
        created_at=refund.created_at,
        order_id=refund.order_id,
        order_number=number,
        buyer_name=name,
        buyer_handle=handle,
    )


def _matches(text: str) -> ColumnElement[bool]:
    terms: list[ColumnElement[Any]] = [
        Refund.gateway_refund_id == text,
        User.email.istartswith(text, autoescape=True),
        User.username.istartswith(text.removeprefix("@"), autoescape=True),
    ]
    number, own_id = number_of(text), parse_id(text)
    if number is not None:
        terms.append(Order.number == number)
    if own_id is not None:
        terms.append(Refund.id == own_id)
    return or_(*terms)
