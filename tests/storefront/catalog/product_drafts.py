"""Looking at products after staff wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.catalog.editing import (
    DraftRefused,
    ProductDraft,
    read_rows,
)
from storefront.db import Database

NOW = datetime.now(UTC)


def stands(database: Database, product_id: UUID) -> ProductDraft:
    with database.reading() as session:
        return read_rows(session, product_id).draft


def audit_of(database: Database, product_id: UUID) -> list[AuditEntry]:
    with database.reading() as session:
        return list(
            session.scalars(
                select(AuditEntry)
                .where(AuditEntry.subject_id == str(product_id))
                .order_by(AuditEntry.id)
            )
        )


def faults(refusal: pytest.ExceptionInfo[DraftRefused]) -> set[tuple[str, str]]:
    return {(problem.field, problem.fault) for problem in refusal.value.problems}
