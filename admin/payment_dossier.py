"""Everything the shop knows about one payment, gathered for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.ledger_subjects import Subject, causes_of, name_subjects
from storefront.accounts.models import User
from storefront.disputes.models import Dispute, DisputeState
from storefront.errors import NotFound
from storefront.kit.money import Money, total_of
from storefront.ledger.models import PostingKind
from storefront.ledger.queries import PostingFilter, PostingRow, list_postings
from storefront.payments.models import LIVE_STATES, Payment, PaymentState, WebhookEvent
from storefront.refunds.models import Refund

MOST_SHOWN: Final = 50
# Disputes whose money is at the buyer's bank.
_TAKEN: Final = (DisputeState.OPEN, DisputeState.LOST)
# Under the gateway's id of a payment exactly one of these is booked (L5).
_OUTCOMES: Final = (PostingKind.PURCHASE, PostingKind.TOPUP, PostingKind.WALLET_CREDIT)


@dataclass(frozen=True, slots=True)
class EventRow:
    """A webhook event about the payment, without its long payload."""

    id: UUID
    event_id: str
    event_type: str
    state: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentDossier:
    """One payment with all that came of it. `subject` is what it was for, `outcome` what the money
    became: a purchase, a top-up, or wallet credit where it came too late or twice."""

    payment: Payment
    buyer: User
    subject: Subject | None
    outcome: PostingKind | None
    postings: Sequence[PostingRow]
    refunds: Sequence[Refund]
    disputes: Sequence[Dispute]
    webhooks: Sequence[EventRow]

    @property
    def is_paid(self) -> bool:
        """Whether money came."""
        return self.payment.state == PaymentState.SUCCEEDED

    @property
    def is_live(self) -> bool:
        """Whether it can still be paid as things stand."""
        return self.payment.state in LIVE_STATES

    @property
    def can_be_asked_about(self) -> bool:
        """Whether the gateway knows it and may have news: what is paid stays paid."""
        return not self.is_paid and self.payment.gateway_session_id is not None

    @property
    def refunded(self) -> Money:
        """What was sent back of it, or is on its way back."""
        return Money(self.payment.refunded_satang, self.payment.currency)

    @property
    def refundable(self) -> Money:
        """What can still be sent back: nothing of a payment that brought nothing, and nothing of
        what the buyer's bank holds or has kept."""
        nothing = Money(0, self.payment.currency)
        if not self.is_paid:
            return nothing
        taken = (one.amount for one in self.disputes if one.state in _TAKEN)
        return max(nothing, self.payment.refundable - total_of(taken, self.payment.currency))


def open_payment(session: Session, payment_id: UUID) -> PaymentDossier:
    """Gather it in at most ten queries. Raises NotFound."""
    row = session.execute(
        select(Payment, User)
        .join(User, User.id == Payment.user_id)
        .where(Payment.id == payment_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("payment")
    payment: Payment = row.Payment
    postings = _postings(session, payment)
    return PaymentDossier(
        payment=payment,
        buyer=row.User,
        subject=name_subjects(session, [payment.subject_id]).get(payment.subject_id),
        outcome=_outcome(payment, postings),
        postings=postings,
        refunds=_newest(session, Refund, Refund.payment_id == payment.id),
        disputes=_newest(session, Dispute, Dispute.payment_id == payment.id),
        webhooks=_webhooks(session, payment.id),
    )


def _postings(session: Session, payment: Payment) -> Sequence[PostingRow]:
    references = causes_of(
        session, payment_ids=[payment.id], gateway_payment_ids=[payment.gateway_payment_id]
    )
    about = PostingFilter(subjects=[payment.id], references=references)
    return list_postings(session, about, limit=MOST_SHOWN).items


def _outcome(payment: Payment, postings: Sequence[PostingRow]) -> PostingKind | None:
    booked = (
        row.kind
        for row in postings
        if row.reference == payment.gateway_payment_id and row.kind in _OUTCOMES
    )
    return next(booked, None)


def _newest(session: Session, model: Any, condition: Any) -> Sequence[Any]:
    query = select(model).where(condition).order_by(model.id.desc()).limit(MOST_SHOWN)
    return session.scalars(query).all()


def _webhooks(session: Session, payment_id: UUID) -> Sequence[EventRow]:
    rows = session.execute(
        select(
            WebhookEvent.id,
            WebhookEvent.event_id,
            WebhookEvent.event_type,
            WebhookEvent.state,
            WebhookEvent.received_at,
        )
        .where(WebhookEvent.payment_id == payment_id)
        .order_by(WebhookEvent.id.desc())
        .limit(MOST_SHOWN)
    )
    return [EventRow(*row) for row in rows]
