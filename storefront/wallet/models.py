"""Tables of the wallet. The balance itself lives in the ledger."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified
from storefront.kit.money import Money


class TopUpState(StrEnum):
    """A top-up waits for its payment, then is credited, or not."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class TopUp(Identified, Base):
    """Money a customer asked to put into the wallet."""

    __tablename__ = "topups"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        CheckConstraint("state IN ('pending', 'completed', 'failed', 'expired')", name="state"),
        CheckConstraint("amount_satang > 0", name="amount"),
        Index("ix_topups_user", "user_id", "id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    idempotency_key: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), default=TopUpState.PENDING)
    amount_satang: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """What is credited once the payment succeeded."""
        return Money(self.amount_satang, self.currency)
