"""What happened to a wallet: movements with the balance each left, filtered, in pages or whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Subquery, func, select
from sqlalchemy.orm import Session

from storefront.kit.clock import SHOP_ZONE, in_shop_zone
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

# Reasons for which a wallet can move, and of those the ones that speak of bonus by themselves.
WALLET_KINDS: Final = tuple(
    kind
    for kind in PostingKind
    if kind
    not in (
        PostingKind.REFUND_FAILED,
        PostingKind.DISPUTE_FEE,
        PostingKind.DISPUTE_LOST,
        PostingKind.GATEWAY_FEE,
    )
)
BONUS_KINDS: Final = (
    PostingKind.BONUS_EXPIRY,
    PostingKind.BONUS_CLAWBACK,
    PostingKind.BONUS_RETURN,
)
PAGE_SIZE: Final = 20
EXPORT_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the shop's wall clock."""

    year: int
    number: int

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=SHOP_ZONE)

    @property
    def end(self) -> datetime:
        """The first moment of the next month."""
        year, zero_based = divmod(self.year * 12 + self.number, 12)
        return datetime(year, zero_based + 1, 1, tzinfo=SHOP_ZONE)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What to show; None shows all."""

    kind: PostingKind | None = None
    month: Month | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One movement over both pots, with the balance it left. `subject_id` is the order or the
    top-up it belongs to."""

    posting_id: UUID
    posted_at: datetime
    kind: PostingKind
    amount: Money
    bonus: Money
    balance_after: Money
    subject_id: UUID | None


def parse_month(text: str) -> Month | None:
    """Read 2026-11; None for anything else."""
    year, dash, number = text.partition("-")
    if not dash or not (year + number).isascii() or not (year + number).isdecimal():
        return None
    if (len(year), len(number)) != (4, 2):
        return None
    if not 2000 <= int(year) <= 2199 or not 1 <= int(number) <= 12:
        return None
    return Month(int(year), int(number))


def list_history(
    session: Session,
    user_id: UUID,
    *,
    wanted: HistoryFilter = HistoryFilter(),
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[HistoryRow]:
    """Movements of the wallet, newest first; a filter hides rows but not from the balance.

    One query, so that amounts and running balance cannot disagree when something is posted
    meanwhile. The sum runs over this person's own entries only, by their index.
    """
    movements = _movements(user_id)
    query = (
        select(movements, LedgerPosting.posted_at, LedgerPosting.kind, LedgerPosting.subject_id)
        .join(LedgerPosting, LedgerPosting.id == movements.c.posting_id)
        .order_by(movements.c.posting_id.desc())
        .limit(limit + 1)
    )
    if wanted.kind is not None:
        query = query.where(LedgerPosting.kind == wanted.kind)
    if wanted.month is not None:
        query = query.where(
            LedgerPosting.posted_at >= wanted.month.start,
            LedgerPosting.posted_at < wanted.month.end,
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
            bonus=Money(int(row.bonus)),
            balance_after=Money(int(row.balance_after)),
            subject_id=row.subject_id,
        )
        for row in rows[:limit]
    )
    following = encode_cursor(str(items[-1].posting_id)) if len(rows) > limit else None
    return Page(items, following)


def walk_history(
    session: Session, user_id: UUID, *, wanted: HistoryFilter, most: int
) -> Iterator[Sequence[HistoryRow]]:
    """Up to `most` movements, newest first, in batches: for a file that may be long."""
    cursor: str | None = None
    while most > 0:
        page = list_history(
            session, user_id, wanted=wanted, cursor=cursor, limit=min(most, EXPORT_PAGE)
        )
        yield page.items
        most -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def list_months(session: Session, user_id: UUID) -> Sequence[Month]:
    """The months in which something happened, the latest first."""
    in_zone = func.timezone(str(SHOP_ZONE), LedgerPosting.posted_at)
    month = func.date_trunc("month", in_zone)
    rows = session.scalars(
        select(month)
        .select_from(LedgerEntry)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerAccount.user_id == user_id, LedgerAccount.kind.in_(WALLETS))
        .distinct()
        .order_by(month.desc())
    )
    return [Month(row.year, row.month) for row in rows]


def month_of(moment: datetime) -> Month:
    """The month a moment lies in on the shop's wall clock."""
    local = in_shop_zone(moment)
    return Month(local.year, local.month)


def _movements(user_id: UUID) -> Subquery:
    """One row per posting that touched the wallet, with the balance after it."""
    bonus = func.sum(LedgerEntry.amount_satang).filter(
        LedgerAccount.kind == AccountKind.WALLET_BONUS
    )
    return (
        select(
            LedgerEntry.posting_id.label("posting_id"),
            func.sum(LedgerEntry.amount_satang).label("amount"),
            func.coalesce(bonus, 0).label("bonus"),
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
