"""Reads about imports for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import AuditEntry, User
from storefront.catalog.csv_files.service import Outcome
from storefront.catalog.models import CatalogImport

MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A file that was checked, and when it was imported; None when it never was."""

    id: UUID
    file_name: str
    by: str
    checked_at: datetime
    imported_at: datetime | None


def list_imports(session: Session) -> Sequence[ImportRow]:
    """The latest 20 files, without their bodies."""
    rows = session.execute(
        select(
            CatalogImport.id,
            CatalogImport.file_name,
            User.display_name,
            CatalogImport.created_at,
            CatalogImport.applied_at,
        )
        .join(User, User.id == CatalogImport.created_by)
        .order_by(CatalogImport.id.desc())
        .limit(MOST_SHOWN)
    )
    return [ImportRow(*row) for row in rows]


def find_outcome(session: Session, import_id: UUID) -> Outcome | None:
    """What an import did, as the audit has it; None for one that was not done."""
    detail = session.scalar(
        select(AuditEntry.detail).where(
            AuditEntry.subject_type == "catalog_import",
            AuditEntry.subject_id == str(import_id),
            AuditEntry.action == "import_catalog",
        )
    )
    if detail is None:
        return None
    return Outcome(*(int(detail.get(name, 0)) for name in ("created", "changed", "unchanged")))
