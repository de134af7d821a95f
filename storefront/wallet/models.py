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


class TopUpPackage(Identified, Base):
    """A top-up of a fixed amount that staff offer, with the bonus it gives. The bonus lasts for
    `bonus_days` from the day it is credited, or for ever."""

    __tablename__ = "topup_packages"
    __table_args__ = (
        CheckConstraint("amount_satang BETWEEN 2000 AND 5000000", name="amount"),
        CheckConstraint("bonus_satang BETWEEN 0 AND amount_satang", name="bonus"),
        CheckConstraint("bonus_days BETWEEN 1 AND 3650", name="bonus_days"),
    )

    name_th: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(60))
    amount_satang: Mapped[int]
    bonus_satang: Mapped[int] = mapped_column(default=0)
    bonus_days: Mapped[int | None]
    active: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def amount(self) -> Money:
        """What is paid."""
        return Money(self.amount_satang)

    @property
    def bonus(self) -> Money:
        """What the shop adds."""
        return Money(self.bonus_satang)


class TopUpBonusTier(Identified, Base):
    """The bonus on a free amount: from `least_satang` on, so many basis points of it, up to a
    maximum. The highest tier an amount reaches counts."""

    __tablename__ = "topup_bonus_tiers"
    __table_args__ = (
        CheckConstraint("least_satang BETWEEN 2000 AND 5000000", name="least"),
        CheckConstraint("basis_points BETWEEN 1 AND 10000", name="basis_points"),
        CheckConstraint("max_bonus_satang > 0", name="max_bonus"),
        CheckConstraint("bonus_days BETWEEN 1 AND 3650", name="bonus_days"),
    )

    least_satang: Mapped[int] = mapped_column(unique=True)
    basis_points: Mapped[int]
    max_bonus_satang: Mapped[int | None]
    bonus_days: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def least(self) -> Money:
        """From which amount on it counts."""
        return Money(self.least_satang)

    @property
    def most(self) -> Money | None:
        """The largest bonus it gives."""
        return None if self.max_bonus_satang is None else Money(self.max_bonus_satang)


class TopUpLimits(Base):
    """The smallest and the largest free amount: one row, or none for the shop's own bounds."""

    __tablename__ = "topup_limits"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint(
            "least_satang BETWEEN 2000 AND largest_satang AND largest_satang <= 5000000",
            name="bounds",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    least_satang: Mapped[int]
    largest_satang: Mapped[int]


class TopUp(Identified, Base):
    """Money a customer asked to put into the wallet. What it will give is frozen here when it is
    asked for, so that a package may change or go while somebody pays."""

    __tablename__ = "topups"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        CheckConstraint("state IN ('pending', 'completed', 'failed', 'expired')", name="state"),
        CheckConstraint("amount_satang > 0", name="amount"),
        CheckConstraint("bonus_satang BETWEEN 0 AND amount_satang", name="bonus"),
        CheckConstraint("bonus_days BETWEEN 1 AND 3650", name="bonus_days"),
        Index("ix_topups_user", "user_id", "id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    idempotency_key: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), default=TopUpState.PENDING)
    amount_satang: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    package_id: Mapped[UUID | None] = mapped_column(ForeignKey("topup_packages.id"))
    bonus_satang: Mapped[int] = mapped_column(default=0, server_default="0")
    bonus_days: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """What is credited once the payment succeeded."""
        return Money(self.amount_satang, self.currency)

    @property
    def bonus(self) -> Money:
        """What the shop adds to it then."""
        return Money(self.bonus_satang, self.currency)


class WalletAdjustment(Identified, Base):
    """A change of a pot by staff, with its reason. `posting_id` is its booking."""

    __tablename__ = "wallet_adjustments"
    __table_args__ = (
        CheckConstraint("pot IN ('paid', 'bonus')", name="pot"),
        CheckConstraint("amount_satang <> 0", name="amount"),
        CheckConstraint("btrim(reason) <> ''", name="reason"),
        Index("ix_wallet_adjustments_user", "user_id", "id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    pot: Mapped[str] = mapped_column(String(5))
    amount_satang: Mapped[int]
    reason: Mapped[str] = mapped_column(String(300))
    posting_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_postings.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BonusClawback(Identified, Base):
    """What one refund of a top-up did to its bonus: what was due, what was taken back out of the
    lot, and what was spent already and is kept back from the refund instead. Undone when the
    refund came to nothing."""

    __tablename__ = "bonus_clawbacks"
    __table_args__ = (
        CheckConstraint("refunded_satang > 0", name="refunded"),
        CheckConstraint("taken_satang >= 0 AND shortfall_satang >= 0", name="parts"),
        Index("ix_bonus_clawbacks_topup", "topup_id"),
    )

    topup_id: Mapped[UUID] = mapped_column(ForeignKey("topups.id"))
    reference: Mapped[str] = mapped_column(String(90), unique=True)
    refunded_satang: Mapped[int]
    taken_satang: Mapped[int]
    shortfall_satang: Mapped[int]
    posting_id: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_postings.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    undone_at: Mapped[datetime | None]
