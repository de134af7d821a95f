"""Telling staff that something differs, or that nobody could look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import Role, User
from storefront.accounts.rules import Permission, role_permits
from storefront.notifications.service import notify, queue_mail

DIFFERENCES: Final = "reconciliation_differences"
FAILED: Final = "reconciliation_failed"
PATH: Final = "/admin/reconciliation"


def tell_of_differences(
    session: Session, run_id: UUID, *, fresh: int, found: int, now: datetime
) -> None:
    """A notice and a mail to everybody who may see reconciliation; once per run and person."""
    context = {"fresh": fresh, "found": found}
    for user_id in _staff(session):
        alert_id = _tell(session, DIFFERENCES, run_id, user_id, context, now=now)
        queue_mail(session, event="reconciliation_differences", subject_id=alert_id)


def tell_of_failure(session: Session, run_id: UUID, *, failure: str, now: datetime) -> None:
    """The same of a run that failed for good."""
    for user_id in _staff(session):
        alert_id = _tell(session, FAILED, run_id, user_id, {"failure": failure}, now=now)
        queue_mail(session, event="reconciliation_failed", subject_id=alert_id)


def notice_key(event: str, alert_id: UUID) -> str:
    """The key of a notice, by which its mail finds it."""
    return f"{event}:{alert_id}"


def _tell(
    session: Session,
    event: str,
    run_id: UUID,
    user_id: UUID,
    context: Mapping[str, Any],
    *,
    now: datetime,
) -> UUID:
    # One per run and person: a mail has one reader.
    alert_id = uuid5(run_id, str(user_id))
    notify(
        session,
        user_id,
        type="system",
        event=event,
        context=context,
        path=PATH,
        dedupe_key=notice_key(event, alert_id),
        now=now,
    )
    return alert_id


def _staff(session: Session) -> Sequence[UUID]:
    roles = [role for role in Role if role_permits(role, Permission.RECONCILE)]
    return session.scalars(
        select(User.id).where(User.role.in_(roles), User.banned_at.is_(None)).order_by(User.id)
    ).all()
