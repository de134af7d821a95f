"""Keeping a checked file, and importing it: all of it or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, undefer

from storefront.accounts.service import record_audit
from storefront.catalog.csv_files.planning import Plan, PlannedProduct, Step, plan_import
from storefront.catalog.csv_files.rules import CsvFault, Finding, ImportRefused
from storefront.catalog.editing.rules import SHOWN, DraftRefused
from storefront.catalog.editing.service import create_product, update_product
from storefront.catalog.editing.shelving import set_status
from storefront.catalog.models import CatalogImport, ProductStatus
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id

LONGEST_FILE_NAME: Final = 120
FORGOTTEN_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many products an import created, changed and left alone."""

    created: int
    changed: int
    unchanged: int


def keep_file(
    session: Session, body: bytes, *, file_name: str, actor_id: UUID, now: datetime
) -> UUID:
    """Keep a file that was checked until somebody imports it; returns its id. The time is what
    tells later whether a product was changed in between."""
    name = "".join(symbol for symbol in file_name if symbol.isprintable()).strip()
    kept = CatalogImport(
        id=new_id(),
        created_by=actor_id,
        file_name=name[:LONGEST_FILE_NAME] or "catalogue.csv",
        body=body,
        created_at=now,
    )
    session.add(kept)
    session.flush()
    return kept.id


def get_file(session: Session, import_id: UUID) -> CatalogImport:
    """A kept file with its body. Raises NotFound."""
    kept = session.scalar(
        select(CatalogImport)
        .where(CatalogImport.id == import_id)
        .options(undefer(CatalogImport.body))
    )
    if kept is None:
        raise NotFound("catalog_import")
    return kept


def import_file(session: Session, import_id: UUID, *, actor_id: UUID, now: datetime) -> Outcome:
    """Do what the file says, all in the caller's transaction.

    It is checked once more first. Raises NotFound, Conflict `import_done` when it was imported
    before, and ImportRefused when it does not fit any more, or when somebody changed one of the
    products since it was checked; then the caller's transaction has to be rolled back. Locks the
    kept file, then each product that changes, in the order in which buyers lock.
    """
    kept = session.scalar(
        select(CatalogImport)
        .where(CatalogImport.id == import_id)
        .options(undefer(CatalogImport.body))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if kept is None:
        raise NotFound("catalog_import")
    if kept.applied_at is not None:
        raise Conflict("import_done")
    plan = plan_import(session, kept.body, now=now)
    _refuse_changed_since(plan, kept.created_at)
    # New products first: nobody waits for those.
    known = sorted(plan.of(Step.CHANGE), key=lambda one: str(one.product_id))
    for product in (*plan.of(Step.CREATE), *known):
        _apply(session, product, actor_id=actor_id, now=now)
    kept.applied_at = now
    outcome = Outcome(*(len(plan.of(step)) for step in (Step.CREATE, Step.CHANGE, Step.SAME)))
    record_audit(
        session,
        actor_id=actor_id,
        action="import_catalog",
        subject=("catalog_import", kept.id),
        detail={
            "file_name": kept.file_name,
            "created": outcome.created,
            "changed": outcome.changed,
            "unchanged": outcome.unchanged,
        },
    )
    session.flush()
    return outcome


def forget_stale_files(session: Session, *, now: datetime) -> None:
    """Throw away files that were checked a week ago and never imported. Imported ones stay: they
    are the record of what was done."""
    session.execute(
        delete(CatalogImport).where(
            CatalogImport.applied_at.is_(None), CatalogImport.created_at < now - FORGOTTEN_AFTER
        )
    )


def _refuse_changed_since(plan: Plan, checked_at: datetime) -> None:
    findings = [
        _changed_since(product)
        for product in plan.products
        if product.step is Step.CHANGE
        and product.updated_at is not None
        and product.updated_at > checked_at
    ]
    if findings:
        raise ImportRefused(findings)


def _changed_since(product: PlannedProduct) -> Finding:
    line = product.source.lines["slug"]
    return Finding(line, "slug", CsvFault.CHANGED_SINCE, product.source.slug)


def _apply(session: Session, product: PlannedProduct, *, actor_id: UUID, now: datetime) -> None:
    try:
        _write(session, product, actor_id=actor_id, now=now)
    except DraftRefused as refusal:
        raise ImportRefused(product.findings_of(refusal.problems)) from refusal
    except Conflict as conflict:
        raise ImportRefused([_changed_since(product)]) from conflict


def _write(session: Session, product: PlannedProduct, *, actor_id: UUID, now: datetime) -> None:
    status = ProductStatus(product.source.status)
    if product.product_id is None:
        product_id = create_product(session, product.draft, actor_id=actor_id, now=now)
        set_status(session, product_id, status, actor_id=actor_id, now=now)
        return
    revision = product.revision
    hides = status not in SHOWN and product.status_before != status
    if hides:
        # Off the shelves first: there texts may be missing.
        set_status(session, product.product_id, status, actor_id=actor_id, now=now)
        revision += 1
    update_product(
        session,
        product.product_id,
        product.draft,
        revision=revision,
        actor_id=actor_id,
        now=now,
    )
    if not hides:
        set_status(session, product.product_id, status, actor_id=actor_id, now=now)
