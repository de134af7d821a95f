"""Reads about a wallet. The balance is the ledger's; nothing here adds money up in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Subquery, func, select
from sqlalchemy.orm import Session

from storefront.kit.ids import parse_id
from storefront.kit.money import THB, Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.ledger.models import (
    WALLETS,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    PostingKind,
)
from storefront.wallet.models import TopUp, TopUpState

PAGE_SIZE: Final = 20
SHOWN_TOP_UPS: Final = 5


@dataclass(frozen=True, slots=True)
class Pots:
    """What a wallet holds: money that was paid in, and money the shop gave."""

    paid: Money
    bonus: Money

    @property
    def total(self) -> Money:
        """What the wallet can pay."""
        return self.paid + self.bonus


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One movement over both pots, with the balance it left. `subject_id` is the order or the
    top-up it belongs to."""

    posting_id: UUID
    posted_at: datetime
    kind: PostingKind
    amount: Money
    balance_after: Money
    subject_id: UUID | None


def find_balance(session: Session, user_id: UUID) -> Money:
    """What this person's wallet can pay; zero before the first top-up."""
    return find_pots(session, user_id).total


def find_pots(session: Session, user_id: UUID) -> Pots:
    """Both pots of the wallet, in one query."""
    rows = session.execute(
        select(LedgerAccount.kind, LedgerAccount.balance_satang).where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.kind.in_(WALLETS),
            LedgerAccount.currency == THB,
        )
    )
    held = {row.kind: row.balance_satang or 0 for row in rows}
    return Pots(
        paid=Money(held.get(AccountKind.WALLET_PAID, 0)),
        bonus=Money(held.get(AccountKind.WALLET_BONUS, 0)),
    )


def list_history(
    session: Session, user_id: UUID, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[HistoryRow]:
    """Movements of the wallet, newest first.

    One query, so that amounts and running balance cannot disagree when something is posted
    meanwhile. The sum runs over this person's own entries only, by their index.
    """
    movements = _movements(user_id)
    query = (
        select(
            movements,
            LedgerPosting.posted_at,
            LedgerPosting.kind,
            LedgerPosting.subject_id,
        )
        .join(LedgerPosting, LedgerPosting.id == movements.c.posting_id)
        .order_by(movements.c.posting_id.desc())
        .limit(limit + 1)
    )
    before = decode_cursor(cursor, str)
    last_seen = parse_id(str(before[0])) if before else None
    if last_seen is not None:
        query = query.where(movements.c.posting_id < last_seen)
    rows = session.execute(query).all()
    items = tuple(
        HistoryRow(
            posting_id=row.posting_id,
            posted_at=row.posted_at,
            kind=PostingKind(row.kind),
            amount=Money(int(row.amount)),
            balance_after=Money(int(row.balance_after)),
            subject_id=row.subject_id,
        )
        for row in rows[:limit]
    )
    following = encode_cursor(str(items[-1].posting_id)) if len(rows) > limit else None
    return Page(items, following)


def list_topups(session: Session, user_id: UUID, *, limit: int = SHOWN_TOP_UPS) -> Sequence[TopUp]:
    """The latest top-ups that brought no money, or not yet; the others stand in the history."""
    return session.scalars(
        select(TopUp)
        .where(TopUp.user_id == user_id, TopUp.state != TopUpState.COMPLETED)
        .order_by(TopUp.id.desc())
        .limit(limit)
    ).all()


def _movements(user_id: UUID) -> Subquery:
    """One row per posting that touched the wallet, with the balance after it."""
    return (
        select(
            LedgerEntry.posting_id.label("posting_id"),
            func.sum(LedgerEntry.amount_satang).label("amount"),
            func.sum(func.sum(LedgerEntry.amount_satang))
            .over(order_by=LedgerEntry.posting_id)
            .label("balance_after"),
        )
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.kind.in_(WALLETS),
            LedgerAccount.currency == THB,
        )
        .group_by(LedgerEntry.posting_id)
        .subquery()
    )
