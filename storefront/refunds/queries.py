"""Reads about refunds: what is left to give back, and what was given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.kit.money import Money
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.orders.models import Order, OrderLine
from storefront.payments.models import Payment, PaymentPurpose, PaymentState
from storefront.refunds.models import LicenseRule, Refund, RefundLine, RefundState
from storefront.refunds.rules import Left, RefundableLine
from storefront.wallet.service import find_spending


@dataclass(frozen=True, slots=True)
class Refundable:
    """What can still be given back of an order, in all and line by line. `gateway` is what can go
    back through the gateway; everything can go into the wallet."""

    total: Money
    left: Left
    lines: Sequence[RefundableLine]


def find_order_payment(session: Session, order_id: UUID) -> Payment | None:
    """The payment that bought this order; a second one that came for it is wallet credit."""
    return session.scalar(
        select(Payment)
        .join(LedgerPosting, LedgerPosting.reference == Payment.gateway_payment_id)
        .where(
            Payment.purpose == PaymentPurpose.ORDER,
            Payment.subject_id == order_id,
            Payment.state == PaymentState.SUCCEEDED,
            LedgerPosting.kind == PostingKind.PURCHASE,
        )
    )


def find_wallet_posting(session: Session, payment: Payment) -> LedgerPosting | None:
    """The posting that put this payment into a wallet; None when it bought an order."""
    if payment.gateway_payment_id is None:
        return None
    return session.scalar(
        select(LedgerPosting).where(
            LedgerPosting.reference == payment.gateway_payment_id,
            LedgerPosting.kind.in_((PostingKind.TOPUP, PostingKind.WALLET_CREDIT)),
        )
    )


def find_refundable(session: Session, order: Order, payment: Payment | None) -> Refundable:
    """What is left to give back of an order whose lines are loaded. Call it under the order's lock
    to act on it."""
    spending = find_spending(session, order.id)
    bonus_back = session.scalar(
        select(func.coalesce(func.sum(Refund.bonus_satang), 0)).where(
            Refund.order_id == order.id, Refund.state != RefundState.FAILED
        )
    )
    bonus = (spending.bonus if spending else Money(0)) - Money(int(bonus_back or 0))
    return Refundable(
        total=order.total - order.refunded,
        left=Left(gateway=payment.refundable if payment else Money(0), bonus=bonus),
        lines=[RefundableLine(line.id, line.paid, line.refunded) for line in order.lines],
    )


def sum_given_back(session: Session, line: OrderLine) -> Money:
    """What refunds that end licences gave back of a line."""
    satang = session.scalar(
        select(func.coalesce(func.sum(RefundLine.amount_satang), 0))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(
            RefundLine.order_line_id == line.id,
            Refund.state != RefundState.FAILED,
            Refund.licenses == LicenseRule.REVOKE,
        )
    )
    return Money(int(satang or 0))


def list_order_refunds(session: Session, order_id: UUID) -> Sequence[Refund]:
    """The refunds of an order, the oldest first."""
    return session.scalars(
        select(Refund).where(Refund.order_id == order_id).order_by(Refund.id)
    ).all()


def list_payment_refunds(session: Session, payment_id: UUID) -> Sequence[Refund]:
    """The refunds that went through the gateway for this payment, the oldest first."""
    return session.scalars(
        select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)
    ).all()


def has_open_refunds(session: Session, order_id: UUID) -> bool:
    """Whether money of this order is still on its way back."""
    return bool(
        session.scalar(
            select(func.count()).where(
                Refund.order_id == order_id,
                Refund.state.in_((RefundState.PENDING, RefundState.SENT)),
            )
        )
    )
