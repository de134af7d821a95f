"""Reads of the ledger for staff: postings as they were booked, every leg of them, and sums."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.errors import NotFound
from storefront.kit.clock import bounds_of_day
from storefront.kit.money import THB, Money, total_of
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.ledger.models import (
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    PostingKind,
)

PAGE_SIZE: Final = 15
WALKED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One leg: a positive amount is a credit. The owner is set for what belongs to one person."""

    account: AccountKind
    owner: UUID | None
    owner_name: str | None
    amount: Money


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One movement of value with all its legs, debits first."""

    id: UUID
    kind: PostingKind
    reference: str
    subject_id: UUID | None
    posted_at: datetime
    entries: tuple[EntryRow, ...]

    @property
    def balance(self) -> Money:
        """What the entries add up to: it has to be zero."""
        return total_of(entry.amount for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingFilter:
    """Which postings to show; what is left out does not restrict. `day` is one of the shop's wall
    clock. `subjects` and `references` together say what postings are about: one of either is
    enough. `person` is the beginning of a username or e-mail, or a whole Discord id."""

    kind: PostingKind | None = None
    account: AccountKind | None = None
    day: date | None = None
    owner_id: UUID | None = None
    person: str = ""
    subjects: Collection[UUID] | None = None
    references: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class AccountSum:
    """What all accounts of one kind add up to, and how often they were booked on."""

    account: AccountKind
    amount: Money
    entries: int


@dataclass(frozen=True, slots=True)
class AccountSums:
    """The sums of every kind of account, in the order of `AccountKind`, and of them all."""

    accounts: Sequence[AccountSum]
    total: Money


def list_postings(
    session: Session,
    wanted: PostingFilter = PostingFilter(),
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[PostingRow]:
    """A page of postings, newest first, in 2 queries however deep."""
    query = _matching(wanted).order_by(LedgerPosting.id.desc()).limit(limit + 1)
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(LedgerPosting.id < last_id)
    found = session.execute(query).all()
    legs = _legs(session, [row.id for row in found[:limit]])
    rows = [_row(row, legs) for row in found]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def list_wallet_postings(
    session: Session, user_id: UUID, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[PostingRow]:
    """Every posting that touched this person's accounts, newest first, in 2 queries."""
    return list_postings(session, PostingFilter(owner_id=user_id), cursor=cursor, limit=limit)


def walk_postings(
    session: Session, wanted: PostingFilter, *, most: int, at_once: int = WALKED_AT_ONCE
) -> Iterator[PostingRow]:
    """Up to `most` postings, newest first, read in pages: for a file that may be long."""
    cursor: str | None = None
    while most > 0:
        page = list_postings(session, wanted, cursor=cursor, limit=min(most, at_once))
        yield from page.items
        most -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def get_posting(session: Session, posting_id: UUID) -> PostingRow:
    """One posting. Raises NotFound."""
    found = session.execute(_postings().where(LedgerPosting.id == posting_id)).one_or_none()
    if found is None:
        raise NotFound("posting")
    return _row(found, _legs(session, [posting_id]))


def sum_accounts(session: Session, wanted: PostingFilter | None = None) -> AccountSums:
    """What every kind of account gained or lost by the postings that match, or by all of them,
    added up by the database in one query. A filter by account picks postings, not legs: the sums
    of balanced postings come to zero."""
    query = (
        select(
            LedgerAccount.kind,
            func.sum(LedgerEntry.amount_satang).label("satang"),
            func.count().label("entries"),
            func.sum(func.sum(LedgerEntry.amount_satang)).over().label("total"),
        )
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(LedgerEntry.currency == THB)
        .group_by(LedgerAccount.kind)
    )
    if wanted is not None:
        matching = _matching(wanted).with_only_columns(LedgerPosting.id)
        query = query.where(LedgerEntry.posting_id.in_(matching))
    rows = session.execute(query).all()
    sums = {
        row.kind: AccountSum(AccountKind(row.kind), Money(int(row.satang)), row.entries)
        for row in rows
    }
    return AccountSums(
        accounts=[sums[kind] for kind in AccountKind if kind in sums],
        total=Money(int(rows[0].total) if rows else 0),
    )


def _postings() -> Select[*tuple[Any, ...]]:
    return select(
        LedgerPosting.id,
        LedgerPosting.kind,
        LedgerPosting.reference,
        LedgerPosting.subject_id,
        LedgerPosting.posted_at,
    )


def _matching(wanted: PostingFilter) -> Select[*tuple[Any, ...]]:
    query = _postings()
    if wanted.kind is not None:
        query = query.where(LedgerPosting.kind == wanted.kind)
    if wanted.day is not None:
        start, end = bounds_of_day(wanted.day)
        query = query.where(LedgerPosting.posted_at >= start, LedgerPosting.posted_at < end)
    if wanted.subjects is not None or wanted.references is not None:
        query = query.where(
            or_(
                LedgerPosting.subject_id.in_(wanted.subjects or ()),
                LedgerPosting.reference.in_(wanted.references or ()),
            )
        )
    accounts = list(_accounts(wanted))
    if accounts:
        query = query.where(
            LedgerPosting.id.in_(
                select(LedgerEntry.posting_id)
                .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
                .where(*accounts)
            )
        )
    return query


def _accounts(wanted: PostingFilter) -> Iterator[ColumnElement[bool]]:
    """What an account has to be, one leg on which makes a posting match."""
    if wanted.account is not None:
        yield LedgerAccount.kind == wanted.account
    if wanted.owner_id is not None:
        yield LedgerAccount.user_id == wanted.owner_id
    if wanted.person:
        name = wanted.person.removeprefix("@")
        yield LedgerAccount.user_id.in_(
            select(User.id).where(
                or_(
                    User.username.istartswith(name, autoescape=True),
                    User.email.istartswith(wanted.person, autoescape=True),
                    User.discord_id == wanted.person,
                )
            )
        )


def _legs(session: Session, posting_ids: Sequence[UUID]) -> Mapping[UUID, list[EntryRow]]:
    rows = session.execute(
        select(
            LedgerEntry.posting_id,
            LedgerEntry.amount_satang,
            LedgerEntry.currency,
            LedgerAccount.kind,
            LedgerAccount.user_id,
            User.handle.label("handle"),
        )
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .outerjoin(User, User.id == LedgerAccount.user_id)
        .where(LedgerEntry.posting_id.in_(posting_ids))
        .order_by(LedgerEntry.amount_satang, LedgerAccount.kind, LedgerEntry.id)
    )
    legs: dict[UUID, list[EntryRow]] = {}
    for row in rows:
        legs.setdefault(row.posting_id, []).append(
            EntryRow(
                account=AccountKind(row.kind),
                owner=row.user_id,
                owner_name=row.handle,
                amount=Money(row.amount_satang, row.currency),
            )
        )
    return legs


def _row(posting: Any, legs: Mapping[UUID, Sequence[EntryRow]]) -> PostingRow:
    return PostingRow(
        id=posting.id,
        kind=PostingKind(posting.kind),
        reference=posting.reference,
        subject_id=posting.subject_id,
        posted_at=posting.posted_at,
        entries=tuple(legs.get(posting.id, ())),
    )
