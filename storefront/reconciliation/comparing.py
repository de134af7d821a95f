"""Making a check, and filing what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, String, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.reconciliation.checks import Check
from storefront.reconciliation.models import Difference, ReconciliationRun
from storefront.reconciliation.rules import ATTRIBUTED_WITHIN, GRACE, Finding

# More of one check than a person can look at in a night: the first ones are filed, and all of
# them are counted.
MOST_FILED: Final = 500
# A check of a million entries takes seconds, but not always so few as a page may take.
LONGEST_CHECK: Final = "300s"


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found: the first of it, and how many in all."""

    findings: Sequence[Finding]
    total: int


@dataclass(frozen=True, slots=True)
class Moment:
    """When a run looks: at `now`, at the gateway's movements until before `window_until`."""

    now: datetime
    window_until: datetime


def allow_long_statements(session: Session) -> None:
    """Let the statements of this transaction take minutes."""
    session.execute(select(func.set_config("statement_timeout", LONGEST_CHECK, True)))


def make_check(session: Session, check: Check, moment: Moment) -> Found:
    """Let the database compare everything this check is about, in one statement; at most
    `MOST_FILED` differences come back."""
    differing = (
        text(check.sql)
        .columns(
            code=String(),
            subject_type=String(),
            subject_id=String(),
            expected=BigInteger(),
            actual=BigInteger(),
            currency=String(),
            detail=JSONB(),
        )
        .subquery()
    )
    rows = session.execute(
        select(differing, func.count().over().label("total"))
        .order_by(differing.c.code, differing.c.subject_id)
        .limit(MOST_FILED),
        {
            "cutoff": moment.window_until - GRACE,
            "attributed_by": moment.now - ATTRIBUTED_WITHIN,
        },
    ).all()
    findings = [
        Finding(
            code=row.code,
            subject_type=row.subject_type,
            subject_id=row.subject_id,
            expected=row.expected,
            actual=row.actual,
            currency=row.currency,
            detail={name: value for name, value in row.detail.items() if value is not None},
        )
        for row in rows
    ]
    return Found(findings, int(rows[0].total) if rows else 0)


def file_findings(
    session: Session, run_id: UUID, check: Check, found: Found, *, now: datetime
) -> None:
    """Write down what this check found: a difference that is open already stays the same one with
    the figures of now; one that was not found any more is resolved. Adds to the counts of the
    run: done once per run and check."""
    if found.findings:
        _keep_open(session, run_id, found.findings, now=now)
    left_out = found.total - len(found.findings)
    # With some left out, nobody knows whether an old one is among them.
    gone = 0 if left_out else _resolve_others(session, run_id, check, now=now)
    session.execute(
        update(ReconciliationRun)
        .where(ReconciliationRun.id == run_id)
        .values(
            resolved=ReconciliationRun.resolved + gone,
            unfiled=ReconciliationRun.unfiled + left_out,
        )
        .execution_options(synchronize_session=False)
    )


def _keep_open(
    session: Session, run_id: UUID, findings: Sequence[Finding], *, now: datetime
) -> None:
    # One row per subject: what differs in two currencies would meet itself in the statement.
    by_subject = {(one.code, one.subject_type, one.subject_id): one for one in reversed(findings)}
    filing = insert(Difference).values(
        [
            {
                "id": new_id(),
                "check_code": one.code,
                "subject_type": one.subject_type,
                "subject_id": one.subject_id,
                "expected": one.expected,
                "actual": one.actual,
                "currency": one.currency,
                "detail": dict(one.detail),
                "first_run_id": run_id,
                "last_run_id": run_id,
                "first_seen_at": now,
            }
            for one in by_subject.values()
        ]
    )
    session.execute(
        filing.on_conflict_do_update(
            index_elements=["check_code", "subject_type", "subject_id"],
            index_where=Difference.resolved_at.is_(None),
            set_={
                name: filing.excluded[name]
                for name in ("expected", "actual", "currency", "detail", "last_run_id")
            },
        )
    )


def _resolve_others(session: Session, run_id: UUID, check: Check, *, now: datetime) -> int:
    gone = session.scalars(
        update(Difference)
        .where(
            Difference.check_code.in_(check.codes),
            Difference.resolved_at.is_(None),
            Difference.last_run_id != run_id,
        )
        .values(resolved_at=now)
        .returning(Difference.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())
