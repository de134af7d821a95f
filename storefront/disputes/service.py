"""What a dispute means for the shop. Webhooks, in whatever order they come, all end here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.disputes.models import DISPUTE_MACHINE, Dispute, DisputeAction, DisputeState
from storefront.disputes.money import book_fee, book_loss, give_back, withdraw
from storefront.disputes.notices import tell_buyer, tell_staff
from storefront.disputes.queries import list_payment_disputes
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.state import Moved
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.licenses.endings import bring_back, dispute_cause, revoke_suspended, suspend_order
from storefront.orders.announcing import announce_disputed
from storefront.orders.models import Order
from storefront.orders.service import lock_order
from storefront.payments.models import Payment
from storefront.payments.service import lock_payment
from storefront.providers.payments import DisputeStatus, GatewayDispute
from storefront.renewals.service import give_back as give_back_terms
from storefront.renewals.service import take_back_order

# What has happened by the time a status is seen; events in between may have been lost.
_STEPS = {
    DisputeStatus.INQUIRY: (),
    DisputeStatus.OPEN: (DisputeAction.OPEN,),
    DisputeStatus.WON: (DisputeAction.OPEN, DisputeAction.WIN),
    DisputeStatus.LOST: (DisputeAction.OPEN, DisputeAction.LOSE),
    DisputeStatus.CLOSED: (DisputeAction.CLOSE,),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A dispute with what it is about, all of it locked; `order` is the one the payment bought,
    None when it went into a wallet."""

    dispute: Dispute
    payment: Payment
    order: Order | None


def settle_dispute(
    session: Session, payment_id: UUID, seen: GatewayDispute, *, live_mode: bool, now: datetime
) -> DisputeState:
    """Bring one dispute, the ledger, the licences or the wallet to what the gateway says.

    An open dispute takes the money out of the books and suspends what it bought, or takes it out
    of the wallet it went into, as a debt where it is spent. Won, everything is as before; lost,
    the licences are revoked. Locks the payment, its order, the dispute, then the wallet;
    idempotent and indifferent to the order of calls. Raises Conflict `payment_mismatch` for a
    dispute of another mode or of more than was paid.
    """
    payment = lock_payment(session, payment_id)
    if seen.live_mode != live_mode or seen.amount > payment.amount:
        raise Conflict("payment_mismatch", f"dispute {seen.gateway_dispute_id} does not fit")
    case = _open_case(session, payment, seen, now=now)
    dispute = case.dispute
    dispute.gateway_status = seen.gateway_status[:40]
    dispute.evidence_due_at = seen.evidence_due_at
    for action in _STEPS[seen.status]:
        _take(session, case, action, now=now)
    if seen.fee:
        dispute.fee_satang = seen.fee.satang
        book_fee(session, dispute, payment, now=now)
    session.flush()
    return DisputeState(dispute.state)


def keep_taken(session: Session, payment_id: UUID, order_id: UUID) -> None:
    """A refund of a disputed order came to nothing and its licences are back: what a dispute holds
    is taken again. Payment and order are locked by the caller; idempotent."""
    for dispute in list_payment_disputes(session, payment_id):
        if dispute.state not in (DisputeState.OPEN, DisputeState.LOST):
            continue
        cause = dispute_cause(dispute.id)
        _take_what_it_bought(session, order_id, cause=cause)
        if dispute.state == DisputeState.LOST:
            revoke_suspended(session, cause=cause)


def _open_case(session: Session, payment: Payment, seen: GatewayDispute, *, now: datetime) -> Case:
    order = lock_order(session, payment.subject_id) if _bought(session, payment) else None
    fresh = session.scalar(
        insert(Dispute)
        .values(
            id=new_id(),
            gateway_dispute_id=seen.gateway_dispute_id,
            payment_id=payment.id,
            state=DisputeState.INQUIRY,
            gateway_status=seen.gateway_status[:40],
            reason=seen.reason[:60],
            amount_satang=seen.amount.satang,
            fee_satang=0,
            taken_satang=0,
            debt_satang=0,
            currency=seen.amount.currency,
            opened_at=now,
        )
        .on_conflict_do_nothing(index_elements=["gateway_dispute_id"])
        .returning(Dispute.id)
    )
    dispute = session.scalars(
        select(Dispute)
        .where(Dispute.gateway_dispute_id == seen.gateway_dispute_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if fresh is not None:
        tell_staff(session, dispute, "dispute_began", now=now)
    return Case(dispute, payment, order)


def _bought(session: Session, payment: Payment) -> bool:
    return (
        session.scalar(
            select(LedgerPosting.id).where(
                LedgerPosting.kind == PostingKind.PURCHASE,
                LedgerPosting.reference == payment.gateway_payment_id,
            )
        )
        is not None
    )


def _take(session: Session, case: Case, action: DisputeAction, *, now: datetime) -> None:
    outcome = DISPUTE_MACHINE.next_state(DisputeState(case.dispute.state), action)
    if not isinstance(outcome, Moved):
        return
    case.dispute.state = outcome.state
    cause = dispute_cause(case.dispute.id)
    match action:
        case DisputeAction.OPEN:
            withdraw(session, case.dispute, case.payment, is_order=case.order is not None, now=now)
            if case.order is not None:
                _take_what_it_bought(session, case.order.id, cause=cause)
                announce_disputed(
                    session,
                    case.order,
                    dispute_id=case.dispute.id,
                    amount=case.dispute.amount,
                    reason=case.dispute.reason,
                    evidence_due_at=case.dispute.evidence_due_at,
                )
        case DisputeAction.WIN:
            give_back(session, case.dispute, case.payment, is_order=case.order is not None, now=now)
            bring_back(session, cause=cause)
            give_back_terms(session, cause=cause)
        case DisputeAction.LOSE:
            if case.order is not None:
                book_loss(session, case.dispute, case.payment, now=now)
            revoke_suspended(session, cause=cause)
    if action is not DisputeAction.OPEN:
        case.dispute.closed_at = now
        tell_staff(session, case.dispute, "dispute_ended", now=now)
    tell_buyer(session, case.dispute, case.payment, case.order, now=now)


def _take_what_it_bought(session: Session, order_id: UUID, *, cause: str) -> None:
    """Keys are suspended; keys that were bought elsewhere lose only what this order gave them."""
    suspend_order(session, order_id, cause=cause)
    take_back_order(session, order_id, cause=cause)
