"""Licences come to their end: marked as expired, and announced 14, 3 and 1 days before.

Nothing waits for it: a licence past its end is refused whether it is marked or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import DateTime, cast, select
from sqlalchemy.orm import Session

from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.notices import tell_person
from storefront.licenses.states import settle_expiry
from storefront.licenses.usage_models import LicenseEvent

# The nearest first: who is told of one day is not told of three as well.
WARNINGS: Final = (1, 3, 14)
BATCH: Final = 100
# Of an end that nobody noticed for longer than this there is nothing new to say.
NEWS_FOR: Final = timedelta(days=7)


def expire_licenses(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Mark licences whose end has come and tell their owners; returns how many. Locks them, skips
    those that somebody else holds, safe to repeat."""
    due = session.scalars(
        select(License)
        .where(License.status == LicenseStatus.ACTIVE, License.expires_at <= now)
        .order_by(License.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for license in due:
        settle_expiry(license, now=now)
        event_id = record_event(session, license.id, "expired", actor=SYSTEM)
        if license.expires_at is not None and license.expires_at > now - NEWS_FOR:
            tell_person(session, license, "license_expired", event_id=event_id, now=now)
    return len(due)


def warn_of_expiry(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Tell owners of licences that end within 14, 3 or 1 days, once for each of these and each end;
    returns how many. Who bought for fewer days than that is not told of them. Locks and skips like
    `expire_licenses`, safe to repeat."""
    told, nearest = 0, 0
    for days in WARNINGS:
        for license in _lock_ending(session, nearest, days, now=now, limit=limit):
            end = license.expires_at
            detail = {"days": days, "until": None if end is None else end.isoformat()}
            event_id = record_event(session, license.id, "expiring", actor=SYSTEM, detail=detail)
            tell_person(
                session, license, "license_expiring", event_id=event_id, now=now, context=detail
            )
            told += 1
        nearest = days
    return told


def _lock_ending(
    session: Session, after: int, within: int, *, now: datetime, limit: int
) -> Sequence[License]:
    told = (
        select(LicenseEvent.id)
        .where(
            LicenseEvent.license_id == License.id,
            LicenseEvent.action == "expiring",
            LicenseEvent.detail["days"].as_integer() == within,
            cast(LicenseEvent.detail["until"].astext, DateTime(timezone=True))
            == License.expires_at,
        )
        .exists()
    )
    return session.scalars(
        select(License)
        .where(
            License.status == LicenseStatus.ACTIVE,
            License.expires_at > now + timedelta(days=after),
            License.expires_at <= now + timedelta(days=within),
            License.expires_at - timedelta(days=within) > License.created_at,
            ~told,
        )
        .order_by(License.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
