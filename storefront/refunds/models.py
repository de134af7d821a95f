"""Tables of refunds and the state machine they obey."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.money import Money
from storefront.kit.state import Machine


class Destination(StrEnum):
    """Where the money of one refund goes: into the buyer's wallet, or back through the gateway to
    the card or bank account it came from."""

    WALLET = "wallet"
    GATEWAY = "gateway"


class RefundState(StrEnum):
    """pending: decided and reserved, the gateway not asked yet. sent: the gateway took it and the
    buyer's bank has not got it yet."""

    PENDING = "pending"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundAction(StrEnum):
    """What can happen to a refund. A bank can send back even one that had succeeded."""

    SEND = "send"
    SUCCEED = "succeed"
    FAIL = "fail"


REFUND_MACHINE: Machine[RefundState, RefundAction] = Machine(
    {
        RefundAction.SEND: {RefundState.PENDING: RefundState.SENT},
        RefundAction.SUCCEED: {
            RefundState.PENDING: RefundState.SUCCEEDED,
            RefundState.SENT: RefundState.SUCCEEDED,
        },
        RefundAction.FAIL: {
            RefundState.PENDING: RefundState.FAILED,
            RefundState.SENT: RefundState.FAILED,
            RefundState.SUCCEEDED: RefundState.FAILED,
        },
    }
)


class LicenseRule(StrEnum):
    """What becomes of the licences of what is refunded."""

    REVOKE = "revoke"
    KEEP = "keep"


class Refund(Identified, Base):
    """Money given back once. Its id is the idempotency key towards the gateway.

    With `order_id` it gives back lines of that order. Without, it sends money that `payment_id`
    put into the wallet (a top-up, or a payment nothing was open for) back where it came from;
    `kept_satang` of it are kept for bonus that was spent already. `bonus_satang` of a refund to
    the wallet return to the bonus pot, because that is where they came from.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("idempotency_key", "destination"),
        CheckConstraint("order_id IS NOT NULL OR payment_id IS NOT NULL", name="subject"),
        CheckConstraint("destination IN ('wallet', 'gateway')", name="destination"),
        CheckConstraint("state IN ('pending', 'sent', 'succeeded', 'failed')", name="state"),
        CheckConstraint("(destination = 'gateway') = (payment_id IS NOT NULL)", name="payment"),
        CheckConstraint("destination = 'gateway' OR state = 'succeeded'", name="wallet_at_once"),
        CheckConstraint(
            "destination = 'wallet' OR state IN ('pending', 'failed')"
            " OR gateway_refund_id IS NOT NULL",
            name="gateway_took_it",
        ),
        CheckConstraint("amount_satang > 0", name="amount"),
        CheckConstraint(
            "bonus_satang BETWEEN 0 AND amount_satang"
            " AND (destination = 'wallet' OR bonus_satang = 0)",
            name="bonus",
        ),
        CheckConstraint(
            "kept_satang >= 0 AND kept_satang < amount_satang"
            " AND (order_id IS NULL OR kept_satang = 0)",
            name="kept",
        ),
        CheckConstraint("licenses IN ('revoke', 'keep')", name="licenses"),
        CheckConstraint("btrim(reason) <> ''", name="reason"),
        Index("ix_refunds_order", "order_id"),
        Index("ix_refunds_payment", "payment_id"),
        Index("ix_refunds_user", "user_id"),
        Index(
            "ix_refunds_open",
            "created_at",
            postgresql_where=text("state IN ('pending', 'sent')"),
        ),
    )

    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    destination: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(10), default=RefundState.PENDING)
    amount_satang: Mapped[int]
    bonus_satang: Mapped[int] = mapped_column(default=0)
    kept_satang: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3))
    licenses: Mapped[str] = mapped_column(String(8), default=LicenseRule.REVOKE)
    reason: Mapped[str] = mapped_column(String(300))
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    idempotency_key: Mapped[str] = mapped_column(String(64))
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"))
    gateway_refund_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    failure: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[datetime | None]

    lines: Mapped[list[RefundLine]] = relationship(lazy="raise", order_by="RefundLine.id")

    @property
    def amount(self) -> Money:
        """What is given back of the order, or taken out of the wallet."""
        return Money(self.amount_satang, self.currency)

    @property
    def bonus(self) -> Money:
        """What of it returns to the bonus pot."""
        return Money(self.bonus_satang, self.currency)

    @property
    def paid_out(self) -> Money:
        """What the buyer gets."""
        return Money(self.amount_satang - self.kept_satang, self.currency)


class RefundLine(Identified, Base):
    """What one refund gives back of one order line."""

    __tablename__ = "refund_lines"
    __table_args__ = (
        UniqueConstraint("refund_id", "order_line_id"),
        CheckConstraint("amount_satang > 0", name="amount"),
        Index("ix_refund_lines_order_line", "order_line_id"),
    )

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refunds.id"))
    order_line_id: Mapped[UUID] = mapped_column(ForeignKey("order_items.id"))
    amount_satang: Mapped[int]

    @property
    def amount(self) -> Money:
        """What is given back of this line."""
        return Money(self.amount_satang)
