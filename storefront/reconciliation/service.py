"""Changes to runs: begun once, one at a time, step by step, and ended."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.state import Moved
from storefront.outbox import enqueue
from storefront.payments.models import Payment
from storefront.reconciliation.alerts import tell_of_differences, tell_of_failure
from storefront.reconciliation.balances import take_balances
from storefront.reconciliation.models import (
    COMPLETE_STATES,
    RUN_MACHINE,
    Difference,
    ReconciliationRun,
    RunAction,
    RunState,
    RunStep,
)
from storefront.reconciliation.rules import (
    DEAD_AFTER,
    GRACE,
    nightly_day,
    retry_wait,
    verdict,
    window_after,
)

_ORDER: Final = tuple(RunStep)


def start_nightly_run(session: Session, *, now: datetime) -> UUID | None:
    """Begin the run of this night, once however many schedulers ask (unique day); None when it
    was begun before, or while another run is going on: it is asked for again in a minute."""
    day = nightly_day(now)
    known = session.scalar(select(ReconciliationRun.id).where(ReconciliationRun.day == day))
    return None if known else _begin(session, day=day, started_by=None, now=now)


def start_run(session: Session, *, actor_id: UUID, now: datetime) -> UUID:
    """Begin a run that staff ask for, with its audit entry. Of two at once one wins (unique
    index). Raises Conflict `reconciliation_running`."""
    run_id = _begin(session, day=None, started_by=actor_id, now=now)
    if run_id is None:
        raise Conflict("reconciliation_running")
    record_audit(
        session,
        actor_id=actor_id,
        action="start_reconciliation",
        subject=("reconciliation", run_id),
    )
    return run_id


def begin_attempt(session: Session, run_id: UUID, *, now: datetime) -> RunStep | None:
    """Count one more attempt at a run; the step it stands at, or None when it is over. Locks the
    run."""
    run = lock_run(session, run_id)
    if run.state != RunState.RUNNING:
        return None
    run.attempts += 1
    run.retry_at = None
    run.alive_at = now
    return RunStep(run.step)


def lock_run(session: Session, run_id: UUID) -> ReconciliationRun:
    """Load a run under a row lock. Raises NoResultFound."""
    return session.scalars(
        select(ReconciliationRun)
        .where(ReconciliationRun.id == run_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def finish_step(run: ReconciliationRun, *, now: datetime) -> None:
    """The locked run goes on with the step after this one."""
    run.step = _ORDER[_ORDER.index(RunStep(run.step)) + 1]
    run.alive_at = now


def close_run(session: Session, run_id: UUID, *, now: datetime) -> None:
    """End a run that made all its checks: count what is open, take the balances, tell staff of
    what is new. Locks the run; idempotent."""
    run = lock_run(session, run_id)
    found = _count_open(session)
    if not _move(run, verdict(found), now=now):
        return
    run.failure = None
    run.found = found
    run.balances = take_balances(session, cutoff=run.window_until - GRACE)
    _tell_of_fresh(session, run, now=now)


def retry_or_fail(session: Session, run_id: UUID, failure: str, *, now: datetime) -> None:
    """The gateway is away: ask again later, or, after five times, end the run as failed and tell
    staff. Locks the run; a run that is over is left alone."""
    run = lock_run(session, run_id)
    if run.state != RunState.RUNNING:
        return
    wait = retry_wait(run.attempts)
    if wait is None:
        _fail(session, run, failure, now=now)
        return
    run.failure = failure[:200]
    run.retry_at = now + wait
    run.alive_at = now
    _enqueue(session, run.id, attempt=run.attempts, not_before=run.retry_at)


def fail_run(session: Session, run_id: UUID, failure: str, *, now: datetime) -> None:
    """End a run as failed, whatever it was doing, and tell staff. Locks it; idempotent."""
    run = lock_run(session, run_id)
    if run.state == RunState.RUNNING:
        _fail(session, run, failure, now=now)


def find_dead_run(session: Session, *, now: datetime) -> UUID | None:
    """The run that has not moved for three hours: its message was given up, or lost."""
    return session.scalar(
        select(ReconciliationRun.id).where(
            ReconciliationRun.state == RunState.RUNNING,
            ReconciliationRun.alive_at < now - DEAD_AFTER,
        )
    )


def _begin(
    session: Session, *, day: date | None, started_by: UUID | None, now: datetime
) -> UUID | None:
    window = window_after(
        session.scalar(
            select(func.max(ReconciliationRun.window_until)).where(
                ReconciliationRun.state.in_(COMPLETE_STATES)
            )
        ),
        first_payment_at=session.scalar(select(func.min(Payment.created_at))),
        now=now,
    )
    run_id: UUID | None = session.scalar(
        insert(ReconciliationRun)
        .values(
            id=new_id(),
            day=day,
            started_by=started_by,
            state=RunState.RUNNING,
            window_from=window.since,
            window_until=window.until,
            started_at=now,
            alive_at=now,
        )
        .on_conflict_do_nothing()
        .returning(ReconciliationRun.id)
    )
    if run_id is not None:
        _enqueue(session, run_id, attempt=0)
    return run_id


def _enqueue(
    session: Session, run_id: UUID, *, attempt: int, not_before: datetime | None = None
) -> None:
    enqueue(
        session,
        "reconcile",
        {"run_id": str(run_id)},
        dedupe_key=f"reconcile:{run_id}:{attempt}",
        not_before=not_before,
    )


def _fail(session: Session, run: ReconciliationRun, failure: str, *, now: datetime) -> None:
    if not _move(run, RunAction.FAIL, now=now):
        return
    run.failure = failure[:200]
    run.found = _count_open(session)
    _tell_of_fresh(session, run, now=now)
    tell_of_failure(session, run.id, failure=run.failure, now=now)


def _tell_of_fresh(session: Session, run: ReconciliationRun, *, now: datetime) -> None:
    run.fresh = (
        session.scalar(
            select(func.count()).where(
                Difference.first_run_id == run.id, Difference.resolved_at.is_(None)
            )
        )
        or 0
    )
    if run.fresh:
        tell_of_differences(session, run.id, fresh=run.fresh, found=run.found, now=now)


def _move(run: ReconciliationRun, action: RunAction, *, now: datetime) -> bool:
    outcome = RUN_MACHINE.next_state(RunState(run.state), action)
    if not isinstance(outcome, Moved):
        return False
    run.state = outcome.state
    run.finished_at = now
    run.retry_at = None
    run.alive_at = now
    return True


def _count_open(session: Session) -> int:
    return session.scalar(select(func.count()).where(Difference.resolved_at.is_(None))) or 0
