"""What packages of the Tebex store mean here, as staff say it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.models import Variant
from storefront.errors import Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.outbox import enqueue
from storefront.tebex.models import (
    PurchaseState,
    TebexPackage,
    TebexPurchase,
    TebexPurchaseLine,
)

LONGEST_PACKAGE_ID: Final = 40
MOST_AT_ONCE: Final = 1000


def map_package(session: Session, package_id: str, *, variant_id: UUID, actor_id: UUID) -> int:
    """Say which tier a package is, or change it for purchases to come, with an audit row. Queues
    what waited for it: keys for whoever has claimed, a mail for whoever has not. Returns how many
    purchases that are; keys that were made stay as they are.

    Idempotent. Raises Invalid `tebex_package` for an id that is none, NotFound `variant`.
    """
    package_id = package_id.strip()
    if not package_id.isascii() or not package_id.isalnum() or len(package_id) > LONGEST_PACKAGE_ID:
        raise Invalid("tebex_package")
    if session.get(Variant, variant_id) is None:
        raise NotFound("variant")
    before = session.scalar(
        select(TebexPackage).where(TebexPackage.package_id == package_id).with_for_update()
    )
    if before is not None and before.variant_id == variant_id:
        return 0
    row_id = _write(session, package_id, variant_id)
    record_audit(
        session,
        actor_id=actor_id,
        action="map_tebex_package",
        subject=("tebex_package", row_id),
        detail={
            "package": package_id,
            "changes": {"variant": [str(before.variant_id) if before else None, str(variant_id)]},
        },
    )
    return _queue_waiting(session, package_id, mark=new_id())


def forget_package(session: Session, row_id: UUID, *, actor_id: UUID) -> None:
    """A package means nothing here any more; keys that were made stay. Raises NotFound
    `tebex_package`."""
    package_id = session.scalar(
        delete(TebexPackage).where(TebexPackage.id == row_id).returning(TebexPackage.package_id)
    )
    if package_id is None:
        raise NotFound("tebex_package")
    record_audit(
        session,
        actor_id=actor_id,
        action="forget_tebex_package",
        subject=("tebex_package", row_id),
        detail={"package": package_id},
    )


def _write(session: Session, package_id: str, variant_id: UUID) -> UUID:
    written = insert(TebexPackage).values(id=new_id(), package_id=package_id, variant_id=variant_id)
    return session.scalars(
        written.on_conflict_do_update(
            index_elements=[TebexPackage.package_id],
            set_={"variant_id": written.excluded.variant_id},
        ).returning(TebexPackage.id)
    ).one()


def _queue_waiting(session: Session, package_id: str, *, mark: UUID) -> int:
    lacking = exists().where(
        TebexPurchaseLine.purchase_id == TebexPurchase.id,
        TebexPurchaseLine.package_id == package_id,
        TebexPurchaseLine.variant_id.is_(None),
    )
    ids = session.scalars(
        select(TebexPurchase.id)
        .where(TebexPurchase.state != PurchaseState.ENDED, lacking)
        .order_by(TebexPurchase.id)
        .limit(MOST_AT_ONCE)
    ).all()
    for purchase_id in ids:
        enqueue(
            session,
            "deliver_tebex_purchase",
            {"purchase_id": str(purchase_id)},
            dedupe_key=f"deliver_tebex_purchase:{purchase_id}:{mark}",
        )
    return len(ids)
