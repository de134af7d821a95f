"""Tables of the double-entry ledger.

Sign: a credit is positive, a debit negative. A customer's wallet is a liability of the shop, so
its balance is the plain sum of its entries.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.money import Money


class AccountKind(StrEnum):
    """What an account stands for."""

    WALLET_PAID = "wallet_paid"
    WALLET_BONUS = "wallet_bonus"
    DEBT = "debt"
    GATEWAY = "gateway"
    HELD = "held"
    SALES = "sales"
    REFUNDS = "refunds"
    BONUS_EXPENSE = "bonus_expense"
    ADJUSTMENTS = "adjustments"
    FEES = "fees"
    DISPUTES = "disputes"
    LOSSES = "losses"


WALLETS = (AccountKind.WALLET_PAID, AccountKind.WALLET_BONUS)
# What belongs to one person. A debt is what they owe the shop: its balance is never above zero.
PERSONAL = (*WALLETS, AccountKind.DEBT)


class Pot(StrEnum):
    """The two halves of a wallet: money that was paid in, and money the shop gave."""

    PAID = "paid"
    BONUS = "bonus"

    @property
    def account(self) -> AccountKind:
        """The ledger account that holds this pot."""
        return AccountKind.WALLET_PAID if self is Pot.PAID else AccountKind.WALLET_BONUS


class PostingKind(StrEnum):
    """Why value moved. Together with the reference it is unique: one cause, one posting (L5)."""

    TOPUP = "topup"
    PURCHASE = "purchase"
    WALLET_CREDIT = "wallet_credit"
    ADJUSTMENT = "adjustment"
    BONUS_EXPIRY = "bonus_expiry"
    BONUS_CLAWBACK = "bonus_clawback"
    BONUS_RETURN = "bonus_return"
    WALLET_HOLD = "wallet_hold"
    WALLET_RELEASE = "wallet_release"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    WALLET_REFUND = "wallet_refund"
    WALLET_REFUND_UNDONE = "wallet_refund_undone"
    DISPUTE = "dispute"
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    DEBT_REPAYMENT = "debt_repayment"
    GATEWAY_FEE = "gateway_fee"
    ACCOUNT_MERGE = "account_merge"


class LedgerAccount(Identified, Base):
    """One account. Wallets cache their balance under CHECK >= 0 (L4); shared accounts do not,
    because a balance row that every sale locks would queue all sales behind each other."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("kind", "user_id", "currency", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "kind IN ('wallet_paid', 'wallet_bonus', 'debt', 'gateway', 'held', 'sales',"
            " 'refunds', 'bonus_expense', 'adjustments', 'fees', 'disputes', 'losses')",
            name="kind",
        ),
        CheckConstraint(
            "(kind IN ('wallet_paid', 'wallet_bonus', 'debt')) = (user_id IS NOT NULL)",
            name="owner",
        ),
        CheckConstraint("(user_id IS NULL) = (balance_satang IS NULL)", name="cached_balance"),
        CheckConstraint("balance_satang >= 0 OR kind = 'debt'", name="not_below_zero"),
        CheckConstraint("balance_satang <= 0 OR kind <> 'debt'", name="debt_not_above_zero"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    currency: Mapped[str] = mapped_column(String(3))
    balance_satang: Mapped[int | None]


class LedgerPosting(Identified, Base):
    """A balanced set of entries with one cause."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        UniqueConstraint("kind", "reference"),
        CheckConstraint(
            "kind IN ('topup', 'purchase', 'wallet_credit', 'adjustment', 'bonus_expiry',"
            " 'bonus_clawback', 'bonus_return', 'wallet_hold', 'wallet_release', 'refund',"
            " 'refund_failed', 'wallet_refund', 'wallet_refund_undone', 'dispute', 'dispute_fee',"
            " 'dispute_won', 'dispute_lost', 'debt_repayment', 'gateway_fee', 'account_merge')",
            name="kind",
        ),
        Index("ix_ledger_postings_kind", "kind", "id"),
        Index("ix_ledger_postings_reference", "reference"),
        # Postings lie in the order of their time, so a small index of ranges finds a day.
        Index("ix_ledger_postings_posted_at", "posted_at", postgresql_using="brin"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    reference: Mapped[str] = mapped_column(String(100))
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    posted_at: Mapped[datetime] = mapped_column(server_default=func.now())

    entries: Mapped[list[LedgerEntry]] = relationship(lazy="raise", back_populates="posting")


class LedgerEntry(Identified, Base):
    """One leg of a posting. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE (L2), a
    deferred trigger refuses a posting that does not sum to zero (L1)."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint("posting_id", "account_id"),
        CheckConstraint("amount_satang <> 0", name="amount"),
        Index("ix_ledger_entries_account", "account_id", "id"),
    )

    posting_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_postings.id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_accounts.id"))
    amount_satang: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))

    posting: Mapped[LedgerPosting] = relationship(lazy="raise", back_populates="entries")
    account: Mapped[LedgerAccount] = relationship(lazy="raise")

    @property
    def amount(self) -> Money:
        """The signed amount: positive is a credit."""
        return Money(self.amount_satang, self.currency)


class WalletLot(Identified, Base):
    """Money that came into a pot by one posting, and what is left of it.

    What is left of all lots of an account is its balance; a deferred trigger refuses a commit
    that breaks this, so nothing moves a wallet past its lots. Lots are read and changed only
    under the lock of their account's row.
    """

    __tablename__ = "wallet_lots"
    __table_args__ = (
        UniqueConstraint("posting_id", "account_id"),
        CheckConstraint("pot IN ('paid', 'bonus')", name="pot"),
        CheckConstraint("amount_satang > 0", name="amount"),
        CheckConstraint("remaining_satang BETWEEN 0 AND amount_satang", name="remaining"),
        CheckConstraint("expires_at IS NULL OR pot = 'bonus'", name="only_bonus_expires"),
        Index(
            "ix_wallet_lots_left",
            "account_id",
            "expires_at",
            "created_at",
            postgresql_where=text("remaining_satang > 0"),
        ),
        Index(
            "ix_wallet_lots_expiring",
            "expires_at",
            postgresql_where=text("remaining_satang > 0 AND expires_at IS NOT NULL"),
        ),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_accounts.id"))
    pot: Mapped[str] = mapped_column(String(5))
    posting_id: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_postings.id"))
    amount_satang: Mapped[int]
    remaining_satang: Mapped[int]
    expires_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WalletLotUse(Identified, Base):
    """What one posting took out of one lot: how a refund finds where the money came from.
    `returned_satang` of it were put back into the lot since."""

    __tablename__ = "wallet_lot_uses"
    __table_args__ = (
        UniqueConstraint("posting_id", "lot_id"),
        CheckConstraint("amount_satang > 0", name="amount"),
        CheckConstraint("returned_satang BETWEEN 0 AND amount_satang", name="returned"),
        Index("ix_wallet_lot_uses_lot", "lot_id"),
    )

    posting_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_postings.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("wallet_lots.id"))
    amount_satang: Mapped[int]
    returned_satang: Mapped[int] = mapped_column(default=0, server_default="0")
