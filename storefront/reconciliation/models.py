"""Tables of reconciliation: its runs, what they found, and our copy of the gateway's movements."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified
from storefront.kit.money import Money
from storefront.kit.state import Machine


class RunState(StrEnum):
    """failed: the gateway could not be asked, or the run died; its findings of the books count."""

    RUNNING = "running"
    CLEAN = "clean"
    DIFFERENCES = "differences"
    FAILED = "failed"


class RunAction(StrEnum):
    """How a run ends."""

    AGREE = "agree"
    DIFFER = "differ"
    FAIL = "fail"


RUN_MACHINE: Machine[RunState, RunAction] = Machine(
    {
        RunAction.AGREE: {RunState.RUNNING: RunState.CLEAN},
        RunAction.DIFFER: {RunState.RUNNING: RunState.DIFFERENCES},
        RunAction.FAIL: {RunState.RUNNING: RunState.FAILED},
    }
)
COMPLETE_STATES = (RunState.CLEAN, RunState.DIFFERENCES)


class RunStep(StrEnum):
    """What a run does next, in this order. A run whose worker died goes on at its step."""

    BOOKS = "books"
    FETCH = "fetch"
    FEES = "fees"
    GATEWAY = "gateway"
    CLOSE = "close"


class ReconciliationRun(Identified, Base):
    """One comparison of everything. The nightly one has the `day` it is for, of which there is
    one; one that staff began has their name. Only one runs at a time.

    `window_from` and `window_until` bound the gateway's movements it asks for, `cursor` is how
    far it got. `found` differences were open when it ended, `fresh` of them were new; `resolved`
    are gone, and `unfiled` were too many to write each one down.
    """

    __tablename__ = "reconciliation_runs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'clean', 'differences', 'failed')", name="state"),
        CheckConstraint("step IN ('books', 'fetch', 'fees', 'gateway', 'close')", name="step"),
        CheckConstraint("(day IS NULL) <> (started_by IS NULL)", name="cause"),
        CheckConstraint("(state = 'running') = (finished_at IS NULL)", name="finished"),
        CheckConstraint("state <> 'failed' OR failure IS NOT NULL", name="failure"),
        CheckConstraint("window_from < window_until", name="window"),
        Index(
            "uq_reconciliation_runs_one_running",
            "state",
            unique=True,
            postgresql_where=text("state = 'running'"),
        ),
    )

    day: Mapped[date | None] = mapped_column(unique=True)
    started_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(String(12), default=RunState.RUNNING)
    step: Mapped[str] = mapped_column(String(8), default=RunStep.BOOKS)
    window_from: Mapped[datetime]
    window_until: Mapped[datetime]
    cursor: Mapped[str | None] = mapped_column(String(200))
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(200))
    movements: Mapped[int] = mapped_column(default=0)
    fees_booked: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    fresh: Mapped[int] = mapped_column(default=0)
    resolved: Mapped[int] = mapped_column(default=0)
    unfiled: Mapped[int] = mapped_column(default=0)
    balances: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    alive_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class GatewayMovement(Base):
    """One change of our balance at the gateway, as the gateway told it; it never changes.

    `cost_satang` is what of it the nightly run books as a fee; `posting_id` is that booking.
    """

    __tablename__ = "gateway_movements"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('charge', 'refund', 'refund_failure', 'dispute', 'dispute_reversal', 'fee',"
            " 'payout', 'other')",
            name="kind",
        ),
        CheckConstraint("posting_id IS NULL OR cost_satang <> 0", name="booked"),
        Index(
            "ix_gateway_movements_unbooked",
            "id",
            postgresql_where=text("cost_satang <> 0 AND posting_id IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    amount_satang: Mapped[int]
    fee_satang: Mapped[int]
    cost_satang: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    source_id: Mapped[str | None] = mapped_column(String(200))
    gateway_payment_id: Mapped[str | None] = mapped_column(String(200))
    payment_id: Mapped[UUID | None]
    posting_id: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_postings.id"), unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def cost(self) -> Money:
        """The fee in it that is to be booked; below zero where the gateway gave one back."""
        return Money(self.cost_satang, self.currency)


class Difference(Identified, Base):
    """Two things that should agree and do not. Open until a run no longer finds it; found again
    the next night it is the same one.

    `expected` and `actual` are satang of `currency`; None is "nothing there".
    """

    __tablename__ = "reconciliation_differences"
    __table_args__ = (
        Index(
            "uq_reconciliation_differences_open",
            "check_code",
            "subject_type",
            "subject_id",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index(
            "ix_reconciliation_differences_resolved",
            "resolved_at",
            "id",
            postgresql_where=text("resolved_at IS NOT NULL"),
        ),
    )

    check_code: Mapped[str] = mapped_column(String(40))
    subject_type: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str] = mapped_column(String(240))
    expected: Mapped[int | None]
    actual: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    detail: Mapped[dict[str, Any]]
    first_run_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_runs.id"), index=True)
    last_run_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_runs.id"))
    first_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class DifferenceNote(Identified, Base):
    """What a member of staff wrote down about a difference. Notes are added, never changed."""

    __tablename__ = "reconciliation_notes"
    __table_args__ = (
        CheckConstraint("btrim(body) <> ''", name="body"),
        Index("ix_reconciliation_notes_difference", "difference_id", "id"),
    )

    difference_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_differences.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(String(500))
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
