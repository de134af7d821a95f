"""A refund that came to nothing: everything it had reserved, booked and ended is as before (R4)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.ledger.models import AccountKind, LedgerPosting, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import Order, OrderAction
from storefront.orders.service import apply_action
from storefront.payments.models import Payment
from storefront.refunds.consequences import align_licenses
from storefront.refunds.models import Refund
from storefront.wallet.bonus import undo_clawback
from storefront.wallet.debts import lock_standing

GATEWAY_ACTOR = "gateway"


def undo_refund(
    session: Session,
    refund: Refund,
    payment: Payment,
    order: Order | None,
    *,
    was_booked: bool,
    now: datetime,
) -> None:
    """Take back the counters, the ledger entries and the licences of a failed refund; everything
    is locked by the caller. A use of a promo code that was given back stays given back (P3)."""
    payment.refunded_satang -= refund.amount_satang
    if was_booked:
        _book_back(session, refund, payment, now=now)
    if order is None:
        _return_to_wallet(session, refund, payment, now=now)
    else:
        _restore_order(session, refund, order, now=now)


def _book_back(session: Session, refund: Refund, payment: Payment, *, now: datetime) -> None:
    source = AccountKind.REFUNDS if refund.order_id else AccountKind.HELD
    post_entries(
        session,
        kind=PostingKind.REFUND_FAILED,
        reference=f"refund:{refund.id}",
        subject_id=refund.order_id or payment.subject_id,
        legs=[Leg(AccountKind.GATEWAY, -refund.paid_out), Leg(source, refund.paid_out)],
        now=now,
    )


def _return_to_wallet(session: Session, refund: Refund, payment: Payment, *, now: datetime) -> None:
    reference = f"refund:{refund.id}"
    lock_standing(session, refund.user_id)
    taken_by = session.scalars(
        select(LedgerPosting.id).where(
            LedgerPosting.kind == PostingKind.WALLET_REFUND, LedgerPosting.reference == reference
        )
    ).one()
    post_entries(
        session,
        kind=PostingKind.WALLET_REFUND_UNDONE,
        reference=reference,
        subject_id=payment.subject_id,
        legs=[
            Leg(AccountKind.HELD, -refund.paid_out),
            Leg(AccountKind.BONUS_EXPENSE, -(refund.amount - refund.paid_out)),
            Leg(AccountKind.WALLET_PAID, refund.amount, refund.user_id, return_of=taken_by),
        ],
        now=now,
    )
    undo_clawback(session, reference, now=now)


def _restore_order(session: Session, refund: Refund, order: Order, *, now: datetime) -> None:
    lines = {line.id: line for line in order.lines}
    order.refunded_satang -= refund.amount_satang
    for part in refund.lines:
        lines[part.order_line_id].refunded_satang -= part.amount_satang
    session.flush()
    action = OrderAction.RESTORE_PART if order.refunded_satang else OrderAction.RESTORE_ALL
    apply_action(session, order, action, actor=GATEWAY_ACTOR, now=now, reason=refund.failure or "")
    align_licenses(session, order)
