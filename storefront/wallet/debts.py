"""What a person owes the shop: money that a bank took back after it was spent. While it is owed the
wallet is frozen (see `service.pay_from_wallet`); what comes in pays it first (L4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.kit.money import THB, Money
from storefront.ledger.models import AccountKind, LedgerAccount, PostingKind
from storefront.ledger.service import Leg, post_entries


@dataclass(frozen=True, slots=True)
class Standing:
    """What the paid pot holds, and what is owed."""

    paid: Money
    debt: Money


def lock_standing(session: Session, user_id: UUID) -> Standing:
    """Both figures under the locks of the person's accounts, which are taken in the order of
    their ids."""
    rows = session.execute(
        select(LedgerAccount.kind, LedgerAccount.balance_satang)
        .where(LedgerAccount.user_id == user_id, LedgerAccount.currency == THB)
        .order_by(LedgerAccount.id)
        .with_for_update()
    ).all()
    held = {row.kind: row.balance_satang or 0 for row in rows}
    return Standing(
        paid=Money(held.get(AccountKind.WALLET_PAID, 0)),
        debt=Money(-held.get(AccountKind.DEBT, 0)),
    )


def find_debt(session: Session, user_id: UUID) -> Money:
    """What this person owes the shop; zero for nearly everybody."""
    satang = session.scalar(
        select(LedgerAccount.balance_satang).where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.kind == AccountKind.DEBT,
            LedgerAccount.currency == THB,
        )
    )
    return Money(-(satang or 0))


def repay_debt(session: Session, user_id: UUID, *, cause: str, now: datetime) -> Money:
    """Pay what is owed out of the paid pot as far as it goes, after money came in by `cause`;
    returns how much that was. Locks the person's accounts; idempotent by cause."""
    if not find_debt(session, user_id):
        return Money(0)
    standing = lock_standing(session, user_id)
    amount = min(standing.paid, standing.debt)
    if amount:
        post_entries(
            session,
            kind=PostingKind.DEBT_REPAYMENT,
            reference=cause,
            subject_id=user_id,
            legs=[
                Leg(AccountKind.WALLET_PAID, -amount, user_id),
                Leg(AccountKind.DEBT, amount, user_id),
            ],
            now=now,
        )
    return amount
