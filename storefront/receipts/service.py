"""Writing receipts: each in the transaction that moves the money it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, total_of
from storefront.orders.models import Order, OrderLine, PaymentMethod
from storefront.orders.wording import detail_of
from storefront.outbox import enqueue
from storefront.payments.models import Payment, PaymentPurpose
from storefront.providers.payments import PayBy
from storefront.receipts.models import Receipt, ReceiptKind, SellerDetails
from storefront.receipts.rules import credited_vat, series_of, vat_in, year_of
from storefront.receipts.snapshot import Content, Line, pack, seller_of

LONGEST_VOID_REASON: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPaper:
    """A refund as its credit note shows it. It gives back an order, or money that `payment_id` had
    put into the wallet. `lines` are (Thai name, English name, amount) and add up to `amount`, what
    the buyer gets; what is kept back is a line below zero."""

    refund_id: UUID
    order_id: UUID | None
    user_id: UUID
    destination: str
    reason: str
    lines: Sequence[tuple[str, str, Money]]
    amount: Money
    payment_id: UUID | None = None


def issue_order_receipt(session: Session, order: Order, *, now: datetime) -> UUID | None:
    """Write the receipt of an order that was just paid; its lines must be loaded. None for a free
    order: no money was taken. Idempotent by order: the earlier one's id comes back."""
    if not order.total:
        return None
    seller = _find_seller(session)
    buyer = session.get_one(User, order.user_id)
    rate = seller.vat_basis_points if seller is not None and seller.vat_on else 0
    content = Content(
        seller=None if seller is None else seller_of(seller),
        lines=[_order_line(line) for line in order.lines],
        discount=order.discount,
        promo_code=order.promo_code,
        paid=_ways_paid(order),
    )
    return _write(
        session,
        ReceiptKind.ORDER,
        Receipt.order_id == order.id,
        now=now,
        order_id=order.id,
        amount=order.total,
        vat=vat_in(order.total, rate),
        vat_basis_points=rate,
        user_id=buyer.id,
        buyer_name=buyer.display_name,
        buyer_email=order.email or buyer.email,
        content=content,
    )


def issue_advance_receipt(session: Session, payment: Payment, *, now: datetime) -> UUID:
    """Write the receipt of a payment that was just put into its buyer's wallet: a top-up, or money
    nothing was open for. It shows no VAT: nothing is sold yet, and what the money buys later is
    shown then. Idempotent by payment: the earlier one's id comes back."""
    seller = _find_seller(session)
    buyer = session.get_one(User, payment.user_id)
    content = Content(
        seller=None if seller is None else seller_of(seller),
        lines=[_advance_line(payment)],
        discount=Money(0, payment.currency),
        paid=[(_way_of(payment), payment.amount)],
    )
    return _write(
        session,
        ReceiptKind.ADVANCE,
        Receipt.payment_id == payment.id,
        now=now,
        payment_id=payment.id,
        amount=payment.amount,
        vat=Money(0, payment.currency),
        vat_basis_points=0,
        user_id=buyer.id,
        buyer_name=buyer.display_name,
        buyer_email=payment.email or buyer.email,
        content=content,
    )


def issue_refund_receipt(session: Session, refund: RefundPaper, *, now: datetime) -> UUID:
    """Write the credit note of a refund that has just succeeded, with the buyer and the VAT rate
    of the receipt it corrects. Locks that receipt, so the notes over one receipt come one after
    the other; idempotent by refund: the earlier one's id comes back.

    Raises NotFound `receipt_not_found` where nothing was taken, Conflict `refund_exceeds_receipt`,
    ValueError for lines that do not add up.
    """
    if refund.amount != total_of((line[2] for line in refund.lines), refund.amount.currency):
        raise ValueError("the lines of a refund add up to its amount")
    origin = _lock_origin(session, refund)
    known = session.scalar(select(Receipt.id).where(Receipt.refund_id == refund.refund_id))
    if known is not None:
        return known
    credited, vat_credited = _standing_credit(session, origin)
    if not Money(0, origin.currency) < refund.amount <= origin.amount - credited:
        raise Conflict("refund_exceeds_receipt", f"{credited} of {origin.amount} is given back")
    seller = _find_seller(session)
    return _write(
        session,
        ReceiptKind.REFUND,
        Receipt.refund_id == refund.refund_id,
        now=now,
        refund_id=refund.refund_id,
        corrects_id=origin.id,
        order_id=origin.order_id,
        payment_id=origin.payment_id,
        amount=refund.amount,
        vat=credited_vat(
            refund.amount,
            basis_points=origin.vat_basis_points,
            credited=credited,
            vat_credited=vat_credited,
        ),
        vat_basis_points=origin.vat_basis_points,
        user_id=origin.user_id,
        buyer_name=origin.buyer_name,
        buyer_email=origin.buyer_email,
        content=_refund_content(refund, seller, before=origin.amount - credited),
    )


def void_refund_receipt(
    session: Session, refund_id: UUID, *, reason: str, now: datetime
) -> UUID | None:
    """Declare the credit note of a refund void because the bank sent the money back. It keeps its
    number and says so; what it gave back can be given back again. Returns its id, None where there
    is none; idempotent: the first reason stands. Locks the receipt it corrects, like issuing."""
    note = session.execute(
        select(Receipt.id, Receipt.corrects_id).where(Receipt.refund_id == refund_id)
    ).one_or_none()
    if note is None:
        return None
    session.execute(select(Receipt.id).where(Receipt.id == note.corrects_id).with_for_update())
    session.execute(
        update(Receipt)
        .where(Receipt.id == note.id, Receipt.voided_at.is_(None))
        .values(voided_at=now, void_reason=reason[:LONGEST_VOID_REASON])
        .execution_options(synchronize_session=False)
    )
    return cast("UUID", note.id)


def _write(
    session: Session,
    kind: ReceiptKind,
    is_same: ColumnElement[bool],
    *,
    now: datetime,
    amount: Money,
    vat: Money,
    content: Content,
    **columns: Any,
) -> UUID:
    """Insert the paper and ask for its number, unless it was written before."""
    written: UUID | None = session.scalar(
        insert(Receipt)
        .values(
            id=new_id(),
            kind=kind,
            series=series_of(kind),
            year=year_of(now),
            issued_at=now,
            amount_satang=amount.satang,
            vat_satang=vat.satang,
            currency=amount.currency,
            content=pack(content),
            **columns,
        )
        .on_conflict_do_nothing()
        .returning(Receipt.id)
    )
    if written is None:
        return session.scalars(select(Receipt.id).where(is_same, Receipt.kind == kind)).one()
    enqueue(
        session,
        "number_receipts",
        {"receipt_id": str(written)},
        dedupe_key=f"number_receipts:{written}",
    )
    return written


def _find_seller(session: Session) -> SellerDetails | None:
    return session.scalar(select(SellerDetails))


def _order_line(line: OrderLine) -> Line:
    return Line(
        name_th=line.name_th,
        name_en=line.name_en,
        detail_th=detail_of(line, "th"),
        detail_en=detail_of(line, "en"),
        quantity=line.quantity,
        unit=line.unit_price,
        amount=line.total,
    )


def _ways_paid(order: Order) -> list[tuple[str, Money]]:
    parts = [
        (PaymentMethod.BALANCE.value, order.wallet_part),
        (order.payment_method, order.gateway_part),
    ]
    return [(way, amount) for way, amount in parts if amount]


def _way_of(payment: Payment) -> str:
    by_code = payment.pay_by == PayBy.PROMPTPAY
    return (PaymentMethod.PROMPTPAY if by_code else PaymentMethod.STRIPE).value


def _advance_line(payment: Payment) -> Line:
    name_th, name_en = "เติมเงินเข้ากระเป๋าเงิน", "Wallet top-up"
    if payment.purpose == PaymentPurpose.ORDER:
        name_th = f"เงินที่ชำระสำหรับ {payment.label} เก็บไว้ในกระเป๋าเงิน"
        name_en = f"Payment for {payment.label}, kept in the wallet"
    return Line(name_th=name_th, name_en=name_en, unit=payment.amount, amount=payment.amount)


def _lock_origin(session: Session, refund: RefundPaper) -> Receipt:
    """The receipt of what is given back, locked. Who points at it may go on doing so."""
    where = (
        (Receipt.order_id == refund.order_id, Receipt.kind == ReceiptKind.ORDER)
        if refund.order_id is not None
        else (Receipt.payment_id == refund.payment_id, Receipt.kind == ReceiptKind.ADVANCE)
    )
    origin = session.scalar(
        select(Receipt)
        .where(*where, Receipt.user_id == refund.user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if origin is None:
        raise NotFound("receipt")
    return origin


def _standing_credit(session: Session, origin: Receipt) -> tuple[Money, Money]:
    """What earlier credit notes that are not void give back of it, and their VAT."""
    row = session.execute(
        select(
            func.coalesce(func.sum(Receipt.amount_satang), 0),
            func.coalesce(func.sum(Receipt.vat_satang), 0),
        ).where(Receipt.corrects_id == origin.id, Receipt.voided_at.is_(None))
    ).one()
    return Money(int(row[0]), origin.currency), Money(int(row[1]), origin.currency)


def _refund_content(refund: RefundPaper, seller: SellerDetails | None, *, before: Money) -> Content:
    return Content(
        seller=None if seller is None else seller_of(seller),
        lines=[
            Line(name_th=name_th, name_en=name_en, unit=amount, amount=amount)
            for name_th, name_en, amount in refund.lines
        ],
        discount=Money(0, refund.amount.currency),
        reason=refund.reason,
        destination=refund.destination,
        before=before,
    )
