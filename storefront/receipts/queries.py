"""Reads of receipts: one paper, somebody's papers, everybody's for staff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.orders.models import Order
from storefront.payments.models import Payment, PaymentPurpose
from storefront.receipts.models import Receipt, ReceiptKind, Series, reference_of

PAGE_SIZE: Final = 20
STAFF_PAGE_SIZE: Final = 50
_LARGEST: Final = 2**63 - 1
_REFERENCE: Final = re.compile(r"(RC|CN)-?(?:(\d{4})-?)?(\d{1,19})", re.IGNORECASE | re.ASCII)
_ORDER: Final = re.compile(r"QR-?(\d{1,19})", re.IGNORECASE | re.ASCII)
_DIGITS: Final = re.compile(r"\d{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One paper in a list. `reference` is None in the moment before it is numbered."""

    id: UUID
    kind: ReceiptKind
    reference: str | None
    amount: Money
    vat: Money
    has_vat: bool
    issued_at: datetime
    is_void: bool
    buyer_name: str
    buyer_email: str | None
    order_id: UUID | None
    order_reference: str | None


def get_receipt(session: Session, receipt_id: UUID, *, user_id: UUID | None = None) -> Receipt:
    """A paper with the one it corrects. Raises NotFound `receipt_not_found`, also for somebody
    else's when `user_id` is given (A1)."""
    query = select(Receipt).where(Receipt.id == receipt_id).options(joinedload(Receipt.corrects))
    receipt = session.scalar(query.execution_options(populate_existing=True))
    if receipt is None or (user_id is not None and receipt.user_id != user_id):
        raise NotFound("receipt")
    return receipt


def find_receipt_about(session: Session, subject_id: UUID) -> UUID | None:
    """The paper about an order, a refund, a payment or a top-up, by that one's id: what a mail
    about it leads to."""
    # Looked up first: joined by OR to the others it would cost a walk over all papers.
    payments = session.scalars(
        select(Payment.id).where(
            Payment.purpose == PaymentPurpose.TOPUP, Payment.subject_id == subject_id
        )
    ).all()
    return session.scalar(
        select(Receipt.id)
        .where(
            or_(
                and_(Receipt.kind == ReceiptKind.ORDER, Receipt.order_id == subject_id),
                Receipt.refund_id == subject_id,
                and_(
                    Receipt.kind == ReceiptKind.ADVANCE,
                    Receipt.payment_id.in_([subject_id, *payments]),
                ),
            )
        )
        .order_by(Receipt.id)
        .limit(1)
    )


def list_receipts(
    session: Session, user_id: UUID, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[ReceiptRow]:
    """One person's papers, newest first, in one query."""
    return _page(session, _rows().where(Receipt.user_id == user_id), cursor, limit)


def list_order_receipts(session: Session, order_id: UUID) -> Sequence[ReceiptRow]:
    """The papers of an order, oldest first: its receipt, then what was given back."""
    rows = session.execute(_rows().where(Receipt.order_id == order_id).order_by(Receipt.id))
    return [_row(*row) for row in rows]


def list_all_receipts(
    session: Session,
    *,
    search: str = "",
    year: int | None = None,
    cursor: str | None = None,
    limit: int = STAFF_PAGE_SIZE,
) -> Page[ReceiptRow]:
    """Everybody's papers, newest first. `search` is a number (RC-2026-000001, CN-12, or 12 of any
    series), an order's (QR-100001), or the beginning of the buyer's e-mail address. `year` is the
    one in which papers are counted."""
    query = _rows()
    if search.strip():
        query = query.where(_matches(search.strip()))
    if year is not None:
        query = query.where(Receipt.year == year)
    return _page(session, query, cursor, limit)


def list_years(session: Session) -> Sequence[int]:
    """The years with papers, the latest first. Goes from year to year by the index, however many
    papers each has."""
    years = []
    year = session.scalar(select(func.max(Receipt.year)))
    while year is not None:
        years.append(int(year))
        year = session.scalar(select(func.max(Receipt.year)).where(Receipt.year < year))
    return years


def _rows() -> Select[*tuple[Any, ...]]:
    return select(Receipt, Order.number).outerjoin(Order, Order.id == Receipt.order_id)


def _page(
    session: Session, query: Select[*tuple[Any, ...]], cursor: str | None, limit: int
) -> Page[ReceiptRow]:
    # Ids are in time order, so the id alone is the sort key and the cursor.
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    if last_id is not None:
        query = query.where(Receipt.id < last_id)
    found = session.execute(query.order_by(Receipt.id.desc()).limit(limit + 1)).all()
    rows = [_row(*row) for row in found[:limit]]
    return Page(rows, encode_cursor(str(rows[-1].id)) if len(found) > limit else None)


def _row(receipt: Receipt, order_number: int | None) -> ReceiptRow:
    return ReceiptRow(
        id=receipt.id,
        kind=ReceiptKind(receipt.kind),
        reference=reference_of(receipt.series, receipt.year, receipt.number),
        amount=receipt.amount,
        vat=receipt.vat,
        has_vat=receipt.has_vat,
        issued_at=receipt.issued_at,
        is_void=receipt.voided_at is not None,
        buyer_name=receipt.buyer_name,
        buyer_email=receipt.buyer_email,
        order_id=receipt.order_id,
        order_reference=None if order_number is None else f"QR-{order_number}",
    )


def _matches(text: str) -> ColumnElement[bool]:
    by_order = _ORDER.fullmatch(text)
    if by_order and int(by_order[1]) <= _LARGEST:
        return _of_order(int(by_order[1]))
    paper = _REFERENCE.fullmatch(text)
    if paper and int(paper[3]) <= _LARGEST:
        wanted = [Receipt.series == Series(paper[1].upper()), Receipt.number == int(paper[3])]
        return and_(*wanted, *([Receipt.year == int(paper[2])] if paper[2] else []))
    if _DIGITS.fullmatch(text) and int(text) <= _LARGEST:
        return or_(Receipt.number == int(text), _of_order(int(text)))
    return func.lower(Receipt.buyer_email).startswith(text.lower(), autoescape=True)


def _of_order(number: int) -> ColumnElement[bool]:
    return Receipt.order_id == select(Order.id).where(Order.number == number).scalar_subquery()
