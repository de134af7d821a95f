"""What game servers asked and what they were told: written in batches, kept for 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from storefront.licenses.usage_models import LicenseCheck

KEPT: Final = timedelta(days=90)
FORGOTTEN_AT_ONCE: Final = 20_000


class Check(NamedTuple):
    """One question and its verdict. `license_id` is None for a key that is not known; `key_hint`
    is then what was sent, four symbols of it. `id` is the X-Request-Id of the answer."""

    id: UUID
    license_id: UUID | None
    key_hint: str
    code: str
    address: str
    product: str
    resource: str
    version: str
    server_id: str | None
    event: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check as its licence's owner and staff see it in a list."""

    code: str
    address: str
    resource: str
    version: str
    server_id: str | None
    created_at: datetime


# A licence may be gone by the time its checks are written: they are then nobody's.
_WRITE = text(
    """
    INSERT INTO license_checks (id, license_id, key_hint, code, address, product, resource, version,
        server_id, event, created_at)
    SELECT c.id, l.id, c.key_hint, c.code, c.address, c.product, c.resource, c.version,
        c.server_id, c.event, c.created_at
    FROM unnest(CAST(:id AS uuid[]), CAST(:license_id AS uuid[]), CAST(:key_hint AS text[]),
        CAST(:code AS text[]), CAST(:address AS inet[]), CAST(:product AS text[]),
        CAST(:resource AS text[]), CAST(:version AS text[]), CAST(:server_id AS text[]),
        CAST(:event AS text[]), CAST(:created_at AS timestamptz[]))
        AS c (id, license_id, key_hint, code, address, product, resource, version, server_id,
            event, created_at)
    LEFT JOIN licenses l ON l.id = c.license_id
    ON CONFLICT (id) DO NOTHING"""
)


def write_checks(session: Session, checks: Sequence[Check]) -> None:
    """Write many at once, in one statement. Idempotent by id."""
    if checks:
        session.execute(
            _WRITE,
            {
                name: list(column)
                for name, column in zip(Check._fields, zip(*checks, strict=True), strict=True)
            },
        )


def list_checks(session: Session, license_id: UUID, limit: int = 20) -> tuple[CheckRow, ...]:
    """The last checks of a licence, newest first; whose licence it is, is for the caller to know.
    One indexed query. The newest second may be missing: see `storefront.licenses.recorder`."""
    rows = session.execute(
        select(
            LicenseCheck.code,
            LicenseCheck.address,
            LicenseCheck.resource,
            LicenseCheck.version,
            LicenseCheck.server_id,
            LicenseCheck.created_at,
        )
        .where(LicenseCheck.license_id == license_id)
        .order_by(LicenseCheck.id.desc())
        .limit(limit)
    )
    return tuple(
        CheckRow(
            code=row.code,
            address=str(row.address),
            resource=row.resource,
            version=row.version,
            server_id=row.server_id,
            created_at=row.created_at,
        )
        for row in rows
    )


def forget_checks(session: Session, *, now: datetime) -> int:
    """Delete checks older than 90 days, at most 20,000 at a time so that no statement runs long;
    how many. Ids are in the order of time, so the oldest are found by the primary key."""
    oldest = (
        select(LicenseCheck.id).order_by(LicenseCheck.id).limit(FORGOTTEN_AT_ONCE).scalar_subquery()
    )
    gone = session.scalars(
        delete(LicenseCheck)
        .where(LicenseCheck.id.in_(oldest), LicenseCheck.created_at < now - KEPT)
        .returning(LicenseCheck.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())
