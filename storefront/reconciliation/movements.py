"""Our copy of the gateway's movements, and the booking of the fees in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.kit.ids import parse_id
from storefront.ledger.models import AccountKind, LedgerPosting, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.providers.payments import BalanceMovement
from storefront.reconciliation.models import GatewayMovement, ReconciliationRun
from storefront.reconciliation.rules import cost_of

FEES_AT_ONCE: Final = 100


def keep_movements(
    session: Session, run: ReconciliationRun, movements: Sequence[BalanceMovement], *, now: datetime
) -> None:
    """Add to our copy of the gateway's movements what is not there yet; a movement never changes.
    The run is locked by the caller."""
    if not movements:
        return
    added = session.scalars(
        insert(GatewayMovement)
        .values([_row(one, now=now) for one in movements])
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(GatewayMovement.id)
    ).all()
    run.movements += len(added)


def book_next_fees(session: Session, *, now: datetime) -> int:
    """Book up to `FEES_AT_ONCE` fees that are in our copy and not in the ledger, each as a posting
    of its own; returns how many were left to book, 0 when all is done.

    Idempotent by the movement's id (L5). Rows that another worker has in hand are skipped (FOR
    UPDATE SKIP LOCKED).
    """
    unbooked = session.scalars(
        select(GatewayMovement)
        .where(GatewayMovement.cost_satang != 0, GatewayMovement.posting_id.is_(None))
        .order_by(GatewayMovement.id)
        .limit(FEES_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for movement in unbooked:
        _book_fee(session, movement, now=now)
    session.execute(
        update(GatewayMovement)
        .where(
            GatewayMovement.id.in_([movement.id for movement in unbooked]),
            LedgerPosting.kind == PostingKind.GATEWAY_FEE,
            LedgerPosting.reference == GatewayMovement.id,
        )
        .values(posting_id=LedgerPosting.id)
        .execution_options(synchronize_session=False)
    )
    return len(unbooked)


def _book_fee(session: Session, movement: GatewayMovement, *, now: datetime) -> None:
    post_entries(
        session,
        kind=PostingKind.GATEWAY_FEE,
        reference=movement.id,
        legs=[
            Leg(AccountKind.GATEWAY, movement.cost),
            Leg(AccountKind.FEES, -movement.cost),
        ],
        now=now,
    )


def _row(movement: BalanceMovement, *, now: datetime) -> dict[str, Any]:
    return {
        "id": movement.movement_id,
        "kind": movement.kind,
        "amount_satang": movement.amount.satang,
        "fee_satang": movement.fee.satang,
        "cost_satang": cost_of(movement).satang,
        "currency": movement.amount.currency,
        "source_id": movement.source_id,
        "gateway_payment_id": movement.gateway_payment_id,
        "payment_id": parse_id(movement.payment_id or ""),
        "created_at": movement.created_at,
        "seen_at": now,
    }
