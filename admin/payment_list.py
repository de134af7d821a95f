"""The list of payments for staff: every attempt to take money through the gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.disputes.models import Dispute
from storefront.kit.clock import bounds_of_day
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.orders.models import Order
from storefront.payments.models import Payment, PaymentPurpose, PaymentState
from storefront.providers.payments import PayBy
from storefront.refunds.models import Refund

PAGE_SIZE: Final = 50
# Discord ids are longer.
_ORDER_NUMBER: Final = re.compile(r"(?:QR-?)?(\d{1,14})", re.IGNORECASE)
_DISCORD_ID: Final = re.compile(r"\d{15,22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to show; what is left out does not restrict. `day` is the day on which a payment was
    begun, on the shop's wall clock."""

    state: PaymentState | None = None
    pay_by: PayBy | None = None
    purpose: PaymentPurpose | None = None
    day: date | None = None
    search: str = ""


@dataclass(frozen=True, slots=True)
class StaffPayment:
    """A payment in the list. `reference` is the number of its order, None for a top-up;
    `is_credit` says that it came too late or twice and went to the wallet."""

    id: UUID
    created_at: datetime
    state: PaymentState
    pay_by: PayBy
    amount: Money
    refunded: Money
    reference: str | None
    buyer_name: str
    buyer_handle: str
    email: str | None
    gateway_id: str | None
    is_credit: bool


def list_staff_payments(
    session: Session, wanted: Wanted, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[StaffPayment]:
    """One page, newest first, in one query however deep.

    A search is an order number, an id of ours or of the gateway's, or the beginning of an e-mail
    address or of a Discord username, or a whole Discord id.
    """
    query = _rows().where(*_conditions(wanted)).order_by(Payment.id.desc()).limit(limit + 1)
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(Payment.id < last_id)
    rows = [_staff_payment(row) for row in session.execute(query)]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def _rows() -> Select[*tuple[Any, ...]]:
    became_credit = (
        select(LedgerPosting.id)
        .where(
            LedgerPosting.kind == PostingKind.WALLET_CREDIT,
            LedgerPosting.reference == Payment.gateway_payment_id,
        )
        .exists()
    )
    return (
        select(
            Payment,
            Order.number,
            User.display_name,
            User.handle.label("handle"),
            User.email.label("user_email"),
            became_credit.label("is_credit"),
        )
        .join(User, User.id == Payment.user_id)
        .outerjoin(
            Order, (Payment.purpose == PaymentPurpose.ORDER) & (Order.id == Payment.subject_id)
        )
    )


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.state is not None:
        yield Payment.state == wanted.state
    if wanted.pay_by is not None:
        yield Payment.pay_by == wanted.pay_by
    if wanted.purpose is not None:
        yield Payment.purpose == wanted.purpose
    if wanted.day is not None:
        start, end = bounds_of_day(wanted.day)
        yield Payment.created_at >= start
        yield Payment.created_at < end
    if wanted.search:
        yield _matches(wanted.search)


def _matches(text: str) -> ColumnElement[bool]:
    own_id = parse_id(text)
    if own_id is not None:
        return or_(Payment.id == own_id, Payment.subject_id == own_id)
    if _DISCORD_ID.fullmatch(text):
        return User.discord_id == text
    number = _ORDER_NUMBER.fullmatch(text)
    if number is not None:
        return Order.number == int(number[1])
    return or_(
        Payment.gateway_payment_id == text,
        Payment.gateway_session_id == text,
        Payment.id.in_(select(Refund.payment_id).where(Refund.gateway_refund_id == text)),
        Payment.id.in_(select(Dispute.payment_id).where(Dispute.gateway_dispute_id == text)),
        Payment.email.istartswith(text, autoescape=True),
        User.email.istartswith(text, autoescape=True),
        User.username.istartswith(text.removeprefix("@"), autoescape=True),
    )


def _staff_payment(row: Any) -> StaffPayment:
    payment: Payment = row.Payment
    return StaffPayment(
        id=payment.id,
        created_at=payment.created_at,
        state=PaymentState(payment.state),
        pay_by=PayBy(payment.pay_by),
        amount=payment.amount,
        refunded=Money(payment.refunded_satang, payment.currency),
        reference=None if row.number is None else f"QR-{row.number}",
        buyer_name=row.display_name,
        buyer_handle=row.handle,
        email=payment.email or row.user_email,
        gateway_id=payment.gateway_payment_id or payment.gateway_session_id,
        is_credit=row.is_credit,
    )
