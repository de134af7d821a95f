"""The outbox: work that must survive a crash, written in the transaction that causes it.

PostgreSQL holds the work, RQ is only the doorbell: a message whose bell was lost, or whose worker
was killed, is picked up by the sweep once its lease has run out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from storefront.db import Base, Identified, ring_after_commit
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id

LEASE = timedelta(seconds=20)
RENEW_EVERY = LEASE / 4
# How long a task may hold something under a claim of its own. A killed worker has renewed its lease
# that long ago at the most, so whoever takes the message over finds what it claimed free as well.
CLAIM = LEASE - RENEW_EVERY
MAX_ATTEMPTS = 12
LONGEST_WAIT = timedelta(minutes=30)


class MessageState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


class OutboxMessage(Identified, Base):
    """One task to run, with its lease and its history of attempts."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'done', 'dead')", name="state"),
        Index("ix_outbox_due", "available_at", postgresql_where=text("state = 'pending'")),
        Index("ix_outbox_dead", "id", postgresql_where=text("state = 'dead'")),
    )

    task: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]]
    dedupe_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    state: Mapped[str] = mapped_column(String(10), default=MessageState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    leased_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """A message held under lease. `attempt` fences: a holder whose lease was taken over cannot
    report an outcome any more."""

    id: UUID
    task: str
    payload: Mapping[str, Any]
    attempt: int


def enqueue(
    session: Session,
    task: str,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str | None = None,
    not_before: datetime | None = None,
) -> UUID | None:
    """Write a task into the outbox of this transaction; the queue hears of it after the commit.

    Idempotent by `dedupe_key`: returns None when that key was enqueued before.
    """
    values: dict[str, Any] = {
        "id": new_id(),
        "task": task,
        "payload": dict(payload),
        "dedupe_key": dedupe_key,
        "state": MessageState.PENDING,
        "attempts": 0,
    }
    if not_before is not None:
        values["available_at"] = not_before
    written = session.scalar(
        insert(OutboxMessage)
        .values(values)
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(OutboxMessage.id)
    )
    if written is not None and not_before is None:
        ring_after_commit(session, written)
    return written


def claim_message(session: Session, message_id: UUID) -> Claim | None:
    """Take one message under lease if it is due and nobody holds it; None otherwise.

    A conditional update: of two callers at once exactly one gets the claim.
    """
    return _claim(session, select(OutboxMessage.id).where(OutboxMessage.id == message_id))


def claim_next(session: Session, *, overdue: timedelta = timedelta(0)) -> Claim | None:
    """Take the oldest message due for at least `overdue`; rows being claimed elsewhere are
    skipped (FOR UPDATE SKIP LOCKED)."""
    return _claim(
        session,
        select(OutboxMessage.id)
        .where(OutboxMessage.available_at <= func.now() - overdue)
        .order_by(OutboxMessage.available_at)
        .limit(1),
    )


def renew_lease(session: Session, claim: Claim) -> bool:
    """Hold on to a message whose task takes longer than a lease; False when it was taken over."""
    return _settle(session, claim, leased_until=func.now() + LEASE)


def finish_message(session: Session, claim: Claim) -> bool:
    """Mark done; False when the lease was lost to another holder meanwhile."""
    return _settle(session, claim, state=MessageState.DONE, finished_at=func.now())


def fail_message(session: Session, claim: Claim, error: str) -> bool:
    """Put back with exponential backoff (2 s doubling to 30 min), or give up after 12 attempts."""
    if claim.attempt >= MAX_ATTEMPTS:
        return _settle(
            session,
            claim,
            state=MessageState.DEAD,
            finished_at=func.now(),
            last_error=error[:2000],
        )
    wait = min(timedelta(seconds=2**claim.attempt), LONGEST_WAIT)
    return _settle(
        session,
        claim,
        leased_until=None,
        available_at=func.now() + wait,
        last_error=error[:2000],
    )


def bury_exhausted(session: Session) -> int:
    """Give up on messages that killed whoever ran them, every time: their attempts are used up
    and nobody lived to say why. Returns how many."""
    buried = session.scalars(
        update(OutboxMessage)
        .where(
            OutboxMessage.state == MessageState.PENDING,
            OutboxMessage.attempts >= MAX_ATTEMPTS,
            OutboxMessage.leased_until < func.now(),
        )
        .values(
            state=MessageState.DEAD,
            finished_at=func.now(),
            last_error="the process that ran this died every time",
        )
        .returning(OutboxMessage.id)
        .execution_options(synchronize_session=False)
    )
    return len(buried.all())


def retry_message(session: Session, message_id: UUID) -> OutboxMessage:
    """Give a message that was given up all its attempts again, at once. Locks its row.

    The last error stays written until the next one. Raises NotFound, and Conflict `task_not_dead`
    for one that still waits or is done: of two who ask at once, the second hears that.
    """
    message = session.scalar(
        select(OutboxMessage)
        .where(OutboxMessage.id == message_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if message is None:
        raise NotFound("task")
    if message.state != MessageState.DEAD:
        raise Conflict("task_not_dead")
    _revive(session, [message.id])
    return message


def retry_dead_messages(session: Session, task: str, *, limit: int) -> list[UUID]:
    """The same for the oldest of all given up messages of one task; which they were. Rows that
    somebody else revives right now are left to them (FOR UPDATE SKIP LOCKED)."""
    found = session.scalars(
        select(OutboxMessage.id)
        .where(OutboxMessage.state == MessageState.DEAD, OutboxMessage.task == task)
        .order_by(OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    _revive(session, found)
    return list(found)


def purge_finished(session: Session, *, older_than: timedelta) -> int:
    """Delete messages done for longer than `older_than`; dead ones stay for people to look at."""
    gone = session.scalars(
        delete(OutboxMessage)
        .where(
            OutboxMessage.state == MessageState.DONE,
            OutboxMessage.finished_at < func.now() - older_than,
        )
        .returning(OutboxMessage.id)
    )
    return len(gone.all())


def _claim(session: Session, candidates: Any) -> Claim | None:
    free = (
        candidates.where(
            OutboxMessage.state == MessageState.PENDING,
            OutboxMessage.available_at <= func.now(),
            OutboxMessage.attempts < MAX_ATTEMPTS,
            (OutboxMessage.leased_until.is_(None)) | (OutboxMessage.leased_until < func.now()),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == free)
        .values(leased_until=func.now() + LEASE, attempts=OutboxMessage.attempts + 1)
        .returning(
            OutboxMessage.id, OutboxMessage.task, OutboxMessage.payload, OutboxMessage.attempts
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if row is None else Claim(row.id, row.task, row.payload, row.attempts)


def _revive(session: Session, message_ids: Sequence[UUID]) -> None:
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(message_ids))
        .values(
            state=MessageState.PENDING,
            attempts=0,
            available_at=func.now(),
            leased_until=None,
            finished_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    for message_id in message_ids:
        ring_after_commit(session, message_id)


def _settle(session: Session, claim: Claim, **values: Any) -> bool:
    settled = session.scalar(
        update(OutboxMessage)
        .where(
            OutboxMessage.id == claim.id,
            OutboxMessage.attempts == claim.attempt,
            OutboxMessage.state == MessageState.PENDING,
        )
        .values(**values)
        .returning(OutboxMessage.id)
        .execution_options(synchronize_session=False)
    )
    return settled is not None
