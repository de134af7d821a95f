"""Reads about disputes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.disputes.models import Dispute, DisputeState
from storefront.errors import NotFound
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.licenses.endings import dispute_cause
from storefront.licenses.models import License
from storefront.orders.models import Order
from storefront.payments.models import Payment

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True)
class DisputeCase:
    """A dispute with whom and what it is about; `order` is the one the payment bought, None when
    the money had gone into a wallet. `licenses` is how many it holds down or ended."""

    dispute: Dispute
    payment: Payment
    buyer: User
    order: Order | None
    licenses: int = 0


def has_open_dispute(session: Session, payment_id: UUID) -> bool:
    """Whether a bank wants, or has, the money of this payment back: then the gateway refuses every
    refund of it. A lost one never gives it back."""
    return bool(
        session.scalar(
            select(func.count()).where(
                Dispute.payment_id == payment_id,
                Dispute.state.in_((DisputeState.OPEN, DisputeState.LOST)),
            )
        )
    )


def list_payment_disputes(session: Session, payment_id: UUID) -> Sequence[Dispute]:
    """The disputes of a payment, the oldest first."""
    return session.scalars(
        select(Dispute).where(Dispute.payment_id == payment_id).order_by(Dispute.id)
    ).all()


def list_disputes(
    session: Session,
    *,
    state: DisputeState | None = None,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[DisputeCase]:
    """Disputes, the newest first, in one query."""
    query = _cases().order_by(Dispute.id.desc()).limit(limit + 1)
    if state is not None:
        query = query.where(Dispute.state == state)
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(Dispute.id < last_id)
    rows = [DisputeCase(*row) for row in session.execute(query)]
    return page_by_id(rows, limit, id_of=lambda case: case.dispute.id)


def get_case(session: Session, dispute_id: UUID) -> DisputeCase:
    """One dispute, in two queries. Raises NotFound."""
    row = session.execute(
        _cases().where(Dispute.id == dispute_id).execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("dispute")
    held = session.scalar(select(func.count()).where(License.cause == dispute_cause(dispute_id)))
    return DisputeCase(*row, licenses=held or 0)


def _cases() -> Select[Dispute, Payment, User, Order]:
    bought = and_(
        LedgerPosting.kind == PostingKind.PURCHASE,
        LedgerPosting.reference == Payment.gateway_payment_id,
    )
    return (
        select(Dispute, Payment, User, Order)
        .join(Payment, Payment.id == Dispute.payment_id)
        .join(User, User.id == Payment.user_id)
        .outerjoin(LedgerPosting, bought)
        .outerjoin(Order, and_(Order.id == Payment.subject_id, LedgerPosting.id.is_not(None)))
    )
