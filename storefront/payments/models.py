"""Tables of gateway payments and of the webhook inbox."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified
from storefront.kit.money import Money
from storefront.kit.state import Machine
from storefront.providers.payments import PayBy


class PaymentPurpose(StrEnum):
    """What the money is for; `subject_id` is the id of that order or top-up."""

    ORDER = "order"
    TOPUP = "topup"


class PaymentState(StrEnum):
    """created: intent recorded, gateway not asked yet. open: the buyer can pay. processing: the
    buyer confirmed and the bank has not answered."""

    CREATED = "created"
    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


class PaymentAction(StrEnum):
    """What can happen to a payment."""

    OPEN = "open"
    PROCESS = "process"
    SUCCEED = "succeed"
    FAIL = "fail"
    EXPIRE = "expire"


# Money that came counts whatever was believed before: succeed is possible from every state.
PAYMENT_MACHINE: Machine[PaymentState, PaymentAction] = Machine(
    {
        PaymentAction.OPEN: {PaymentState.CREATED: PaymentState.OPEN},
        PaymentAction.PROCESS: {
            PaymentState.CREATED: PaymentState.PROCESSING,
            PaymentState.OPEN: PaymentState.PROCESSING,
        },
        PaymentAction.SUCCEED: {
            PaymentState.CREATED: PaymentState.SUCCEEDED,
            PaymentState.OPEN: PaymentState.SUCCEEDED,
            PaymentState.PROCESSING: PaymentState.SUCCEEDED,
            PaymentState.FAILED: PaymentState.SUCCEEDED,
            PaymentState.EXPIRED: PaymentState.SUCCEEDED,
        },
        PaymentAction.FAIL: {
            PaymentState.CREATED: PaymentState.FAILED,
            PaymentState.OPEN: PaymentState.FAILED,
            PaymentState.PROCESSING: PaymentState.FAILED,
        },
        PaymentAction.EXPIRE: {
            PaymentState.CREATED: PaymentState.EXPIRED,
            PaymentState.OPEN: PaymentState.EXPIRED,
        },
    }
)
LIVE_STATES = (PaymentState.CREATED, PaymentState.OPEN, PaymentState.PROCESSING)


class Payment(Identified, Base):
    """One attempt to take money through the gateway. Its id is the idempotency key towards the
    gateway and everything the gateway is told is stored here, so that asking again after a crash
    sends the same words and finds the same session."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("purpose IN ('order', 'topup')", name="purpose"),
        CheckConstraint(
            "state IN ('created', 'open', 'processing', 'succeeded', 'failed', 'expired')",
            name="state",
        ),
        CheckConstraint("amount_satang > 0", name="amount"),
        CheckConstraint("refunded_satang BETWEEN 0 AND amount_satang", name="refunded"),
        CheckConstraint("pay_by IN ('card', 'promptpay')", name="pay_by"),
        CheckConstraint("pay_by <> 'promptpay' OR email IS NOT NULL", name="promptpay_email"),
        CheckConstraint(
            "state <> 'succeeded' OR (gateway_payment_id IS NOT NULL AND paid_at IS NOT NULL)",
            name="paid",
        ),
        Index("ix_payments_subject", "purpose", "subject_id"),
        Index("ix_payments_user", "user_id", "id"),
        Index(
            "uq_payments_one_live_per_subject",
            "purpose",
            "subject_id",
            unique=True,
            postgresql_where=text("state IN ('created', 'open', 'processing')"),
        ),
        Index(
            "ix_payments_unsettled",
            "expires_at",
            postgresql_where=text("state IN ('created', 'open', 'processing')"),
        ),
    )

    purpose: Mapped[str] = mapped_column(String(10))
    pay_by: Mapped[str] = mapped_column(String(10), server_default=PayBy.CARD)
    subject_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(String(12), default=PaymentState.CREATED)
    amount_satang: Mapped[int]
    refunded_satang: Mapped[int] = mapped_column(default=0, server_default="0")
    currency: Mapped[str] = mapped_column(String(3))
    label: Mapped[str] = mapped_column(String(80))
    email: Mapped[str | None] = mapped_column(String(254))
    locale: Mapped[str] = mapped_column(String(2))
    gateway_session_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    gateway_payment_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    pay_url: Mapped[str | None]
    qr_payload: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """What the buyer is asked for."""
        return Money(self.amount_satang, self.currency)

    @property
    def refundable(self) -> Money:
        """What of it was not sent back, nor is on its way back."""
        return Money(self.amount_satang - self.refunded_satang, self.currency)


class WebhookState(StrEnum):
    """What became of an event that was taken in."""

    RECEIVED = "received"
    APPLIED = "applied"
    IGNORED = "ignored"


class WebhookEvent(Identified, Base):
    """The inbox: a signed event is stored once per (source, event id) and applied by a job, which
    notes the payment it is about, if it came from the gateway. Staff may have it applied again:
    `replays` counts how often."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        CheckConstraint("state IN ('received', 'applied', 'ignored')", name="state"),
        CheckConstraint(
            "state <> 'applied' OR payment_id IS NOT NULL OR source = 'tebex'", name="applied"
        ),
        CheckConstraint("replays >= 0", name="replays"),
        CheckConstraint("(replays > 0) = (replayed_at IS NOT NULL)", name="replayed_at"),
        Index("ix_webhook_events_received", "id", postgresql_where=text("state = 'received'")),
        Index("ix_webhook_events_object", text("(payload #>> '{data,object,id}')")),
        Index(
            "ix_webhook_events_tebex",
            text("(payload #>> '{subject,transaction_id}')"),
            postgresql_where=text("source = 'tebex'"),
        ),
        Index(
            "ix_webhook_events_tebex_reference",
            text("(payload #>> '{subject,reference}')"),
            postgresql_where=text("source = 'tebex'"),
        ),
    )

    source: Mapped[str] = mapped_column(String(20))
    event_id: Mapped[str] = mapped_column(String(200))
    event_type: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any]]
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default=WebhookState.RECEIVED)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    applied_at: Mapped[datetime | None]
    replays: Mapped[int] = mapped_column(default=0, server_default="0")
    replayed_at: Mapped[datetime | None]
