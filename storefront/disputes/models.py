"""The table of disputes and the state machine they obey."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified
from storefront.kit.money import Money
from storefront.kit.state import Machine


class DisputeState(StrEnum):
    """inquiry: the bank asks, no money moved. open: the money is gone until it is decided."""

    INQUIRY = "inquiry"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


class DisputeAction(StrEnum):
    """What the gateway can say of a dispute. A closed inquiry moved no money."""

    OPEN = "open"
    WIN = "win"
    LOSE = "lose"
    CLOSE = "close"


DISPUTE_MACHINE: Machine[DisputeState, DisputeAction] = Machine(
    {
        DisputeAction.OPEN: {DisputeState.INQUIRY: DisputeState.OPEN},
        DisputeAction.WIN: {DisputeState.OPEN: DisputeState.WON},
        DisputeAction.LOSE: {DisputeState.OPEN: DisputeState.LOST},
        DisputeAction.CLOSE: {DisputeState.INQUIRY: DisputeState.CLOSED},
    }
)


class Dispute(Identified, Base):
    """A chargeback of one payment. Of a payment that had gone into a wallet, `taken_satang` were
    taken out of it again and `debt_satang` were spent already and are owed."""

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("state IN ('inquiry', 'open', 'won', 'lost', 'closed')", name="state"),
        CheckConstraint("amount_satang > 0 AND fee_satang >= 0", name="amount"),
        CheckConstraint(
            "taken_satang >= 0 AND debt_satang >= 0"
            " AND taken_satang + debt_satang IN (0, amount_satang)",
            name="wallet_parts",
        ),
        Index("ix_disputes_payment", "payment_id"),
        Index("ix_disputes_state", "state", "id"),
    )

    gateway_dispute_id: Mapped[str] = mapped_column(String(200), unique=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    state: Mapped[str] = mapped_column(String(10))
    gateway_status: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(60))
    amount_satang: Mapped[int]
    fee_satang: Mapped[int] = mapped_column(default=0)
    taken_satang: Mapped[int] = mapped_column(default=0)
    debt_satang: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3))
    evidence_due_at: Mapped[datetime | None]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """What the bank wants back."""
        return Money(self.amount_satang, self.currency)

    @property
    def taken(self) -> Money:
        """What was taken out of the wallet it had gone into."""
        return Money(self.taken_satang, self.currency)

    @property
    def owed(self) -> Money:
        """What had been spent out of that wallet by then."""
        return Money(self.debt_satang, self.currency)

    @property
    def fee(self) -> Money:
        """What the gateway charges for the case, won or lost."""
        return Money(self.fee_satang, self.currency)
