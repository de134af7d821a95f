"""A month of a wallet on one paper: what both pots held before, every movement, what they hold
after. A movement belongs to the month in which it was booked, on the shop's wall clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Row, Select, func, select, true
from sqlalchemy.orm import Session

from storefront.kit.money import THB, Money
from storefront.ledger.models import (
    WALLETS,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    PostingKind,
)
from storefront.wallet.history import Month

MOST_MOVEMENTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Holding:
    """An amount in each of the two pots."""

    paid: Money
    bonus: Money

    @property
    def total(self) -> Money:
        """Both together."""
        return self.paid + self.bonus


@dataclass(frozen=True, slots=True)
class Movement:
    """One posting: what it did to each pot, and what the wallet held after it. `subject_id` is the
    order or the top-up it belongs to."""

    posted_at: datetime
    kind: PostingKind
    change: Holding
    balance: Money
    subject_id: UUID | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of a wallet: `opening` plus `came_in` less `went_out` is `closing`, in each pot.
    `is_cut` where the month has more movements than a paper holds; the sums are right even so."""

    month: Month
    opening: Holding
    came_in: Holding
    went_out: Holding
    movements: Sequence[Movement]
    is_cut: bool

    @property
    def closing(self) -> Holding:
        """What the pots hold at the end."""
        return Holding(
            self.opening.paid + self.came_in.paid - self.went_out.paid,
            self.opening.bonus + self.came_in.bonus - self.went_out.bonus,
        )


def find_statement(
    session: Session, user_id: UUID, month: Month, *, most: int = MOST_MOVEMENTS
) -> Statement:
    """The statement of a month, in one query, so that a movement booked meanwhile is in all of its
    figures or in none."""
    # One row with the sums alone where nothing moved.
    rows = session.execute(_query(user_id, month, limit=most + 1)).all()
    sums = rows[0]
    opening = _holding(sums.paid_before, sums.bonus_before)
    movements: list[Movement] = []
    for row in rows[:most]:
        if row.posting_id is not None:
            before = movements[-1].balance if movements else opening.total
            movements.append(_movement(row, before))
    return Statement(
        month=month,
        opening=opening,
        came_in=_holding(sums.paid_in, sums.bonus_in),
        went_out=_holding(sums.paid_out, sums.bonus_out),
        movements=movements,
        is_cut=len(rows) > most,
    )


def _movement(row: Row[Any], before: Money) -> Movement:
    change = _holding(row.paid, row.bonus)
    return Movement(
        posted_at=row.posted_at,
        kind=PostingKind(row.kind),
        change=change,
        balance=before + change.total,
        subject_id=row.subject_id,
    )


def _holding(paid: int, bonus: int) -> Holding:
    return Holding(Money(int(paid)), Money(int(bonus)))


def _query(user_id: UUID, month: Month, *, limit: int) -> Select[Any]:
    entries = _entries(user_id, month)
    amount, posted_at = entries.c.amount_satang, entries.c.posted_at
    paid = entries.c.pot == AccountKind.WALLET_PAID
    bonus = entries.c.pot == AccountKind.WALLET_BONUS
    before, inside = posted_at < month.start, posted_at >= month.start

    def summed(column: ColumnElement[int], *where: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(column).filter(*where), 0)

    sums = select(
        summed(amount, before, paid).label("paid_before"),
        summed(amount, before, bonus).label("bonus_before"),
        summed(amount, inside, paid, amount > 0).label("paid_in"),
        summed(amount, inside, bonus, amount > 0).label("bonus_in"),
        summed(-amount, inside, paid, amount < 0).label("paid_out"),
        summed(-amount, inside, bonus, amount < 0).label("bonus_out"),
    ).subquery("sums")
    movements = (
        select(
            entries.c.posting_id,
            posted_at,
            entries.c.kind,
            entries.c.subject_id,
            summed(amount, paid).label("paid"),
            summed(amount, bonus).label("bonus"),
        )
        .where(inside)
        .group_by(entries.c.posting_id, posted_at, entries.c.kind, entries.c.subject_id)
        .subquery("movements")
    )
    return (
        select(sums, movements)
        .select_from(sums.join(movements, true(), isouter=True))
        .order_by(movements.c.posted_at, movements.c.posting_id)
        .limit(limit)
    )


def _entries(user_id: UUID, month: Month) -> CTE:
    """Every entry of both pots until the end of the month."""
    return (
        select(
            LedgerEntry.posting_id,
            LedgerEntry.amount_satang,
            LedgerAccount.kind.label("pot"),
            LedgerPosting.posted_at,
            LedgerPosting.kind,
            LedgerPosting.subject_id,
        )
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.kind.in_(WALLETS),
            LedgerAccount.currency == THB,
            LedgerPosting.posted_at < month.end,
        )
        .cte("entries")
    )
