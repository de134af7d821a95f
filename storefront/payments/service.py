"""Changes to payments and to the webhook inbox."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.kit.state import Moved
from storefront.outbox import enqueue
from storefront.payments.models import (
    LIVE_STATES,
    PAYMENT_MACHINE,
    Payment,
    PaymentAction,
    PaymentPurpose,
    PaymentState,
    WebhookEvent,
    WebhookState,
)
from storefront.providers.payments import GatewayEvent, GatewaySession, PayBy

APPLY_WEBHOOK = "apply_webhook"


def create_payment(
    session: Session,
    *,
    purpose: PaymentPurpose,
    pay_by: PayBy,
    subject_id: UUID,
    user_id: UUID,
    amount: Money,
    label: str,
    email: str | None,
    locale: str,
    expires_at: datetime,
) -> Payment:
    """Record the intent to take money. The database refuses a second live payment for the same
    subject."""
    payment = Payment(
        id=new_id(),
        purpose=purpose,
        pay_by=pay_by,
        subject_id=subject_id,
        user_id=user_id,
        state=PaymentState.CREATED,
        amount_satang=amount.satang,
        currency=amount.currency,
        label=label,
        email=email,
        locale=locale,
        expires_at=expires_at,
    )
    session.add(payment)
    session.flush()
    return payment


def lock_payment(session: Session, payment_id: UUID) -> Payment:
    """Load a payment under a row lock. Always the first lock of a settlement: payment, then
    order, then stock, then wallet."""
    return session.scalars(
        select(Payment)
        .where(Payment.id == payment_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def find_live_payment(
    session: Session, *, purpose: PaymentPurpose, subject_id: UUID
) -> Payment | None:
    """The payment of this order or top-up that can still succeed, if there is one."""
    return session.scalar(
        select(Payment).where(
            Payment.purpose == purpose,
            Payment.subject_id == subject_id,
            Payment.state.in_(LIVE_STATES),
        )
    )


def find_latest_payment(
    session: Session, *, purpose: PaymentPurpose, subject_id: UUID
) -> Payment | None:
    """The newest payment of this order or top-up in whatever state."""
    return session.scalar(
        select(Payment)
        .where(Payment.purpose == purpose, Payment.subject_id == subject_id)
        .order_by(Payment.id.desc())
        .limit(1)
    )


def apply_payment_action(payment: Payment, action: PaymentAction) -> bool:
    """Move a locked payment; False when that is already done or no longer possible. What is
    not possible any more is no error here: events come late and in any order."""
    outcome = PAYMENT_MACHINE.next_state(PaymentState(payment.state), action)
    if not isinstance(outcome, Moved):
        return False
    payment.state = outcome.state
    return True


def mark_opened(payment: Payment, opened: GatewaySession) -> None:
    """Remember the gateway's session of a locked payment. Raises Conflict `payment_not_open` when
    another session is remembered already."""
    if payment.gateway_session_id not in (None, opened.session_id):
        raise Conflict("payment_not_open", "the payment has another session")
    payment.gateway_session_id = opened.session_id
    payment.pay_url = opened.url or opened.qr_url or payment.pay_url
    payment.qr_payload = opened.qr_payload or payment.qr_payload
    apply_payment_action(payment, PaymentAction.OPEN)


def mark_paid(payment: Payment, paid: GatewaySession, *, now: datetime) -> bool:
    """Note that the money came; False when that was noted before.

    Raises Conflict `payment_mismatch` when amount or currency are not what was asked for (R3).
    """
    if paid.amount != payment.amount or paid.gateway_payment_id is None:
        raise Conflict("payment_mismatch", f"payment {payment.id} came with {paid.amount}")
    if payment.state == PaymentState.SUCCEEDED:
        return False
    payment.gateway_session_id = payment.gateway_session_id or paid.session_id
    payment.gateway_payment_id = paid.gateway_payment_id
    payment.paid_at = now
    return apply_payment_action(payment, PaymentAction.SUCCEED)


def receive_event(session: Session, *, source: str, event: GatewayEvent) -> bool:
    """Store a signed event once and queue its application; False when it is known already."""
    stored = session.scalar(
        insert(WebhookEvent)
        .values(
            id=new_id(),
            source=source,
            event_id=event.event_id,
            event_type=event.event_type,
            payload=event.payload,
            state=WebhookState.RECEIVED,
        )
        .on_conflict_do_nothing(index_elements=["source", "event_id"])
        .returning(WebhookEvent.id)
    )
    if stored is None:
        return False
    enqueue(session, APPLY_WEBHOOK, {"webhook_id": str(stored)}, dedupe_key=event_key(stored))
    return True


def replay_event(session: Session, webhook_id: UUID, *, actor_id: UUID, now: datetime) -> None:
    """Have a stored event applied again, whatever became of it, and note who asked.

    Locks the event's row, so two people who ask at once are two replays. Harmless any number of
    times: to apply an event is to ask the gateway what is true now. Raises NotFound.
    """
    event = session.scalar(
        select(WebhookEvent).where(WebhookEvent.id == webhook_id).with_for_update()
    )
    if event is None:
        raise NotFound("webhook")
    before = event.state
    event.state = WebhookState.RECEIVED
    event.applied_at = None
    event.replays += 1
    event.replayed_at = now
    enqueue(
        session,
        APPLY_WEBHOOK,
        {"webhook_id": str(event.id)},
        dedupe_key=event_key(event.id, replays=event.replays),
    )
    record_audit(
        session,
        actor_id=actor_id,
        action="replay_webhook",
        subject=("webhook", event.id),
        detail={
            "event_type": event.event_type,
            "replay": event.replays,
            "changes": {"state": [before, WebhookState.RECEIVED]},
        },
    )


def event_key(webhook_id: UUID, *, replays: int = 0) -> str:
    """The key under which the application of an event, or its latest replay, was enqueued."""
    return f"webhook:{webhook_id}:replay:{replays}" if replays else f"webhook:{webhook_id}"


def close_foreign_event(
    session: Session, webhook_id: UUID, *, subject_id: UUID | None, now: datetime
) -> None:
    """The same for an event that is not of our gateway: what it was about is elsewhere, and None
    ignores it."""
    event = session.get_one(WebhookEvent, webhook_id)
    event.state = WebhookState.IGNORED if subject_id is None else WebhookState.APPLIED
    event.applied_at = now


def close_event(
    session: Session, webhook_id: UUID, *, payment_id: UUID | None, now: datetime
) -> None:
    """Note which payment an event was about and that this was looked into; an event about none of
    ours is ignored."""
    event = session.get_one(WebhookEvent, webhook_id)
    event.state = WebhookState.IGNORED if payment_id is None else WebhookState.APPLIED
    event.payment_id = payment_id
    event.applied_at = now
