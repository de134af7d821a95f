"""Reads of the ledger for staff: postings as they were booked, every leg of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from storefront.kit.ids import parse_id
from storefront.kit.money import Money, total_of
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.ledger.models import LedgerAccount, LedgerEntry, LedgerPosting

PAGE_SIZE: Final = 15


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One leg: a positive amount is a credit. `owner` is set for wallets."""

    account: str
    owner: UUID | None
    amount: Money


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One movement of value with all its legs."""

    id: UUID
    kind: str
    reference: str
    subject_id: UUID | None
    posted_at: datetime
    entries: tuple[EntryRow, ...]

    @property
    def balance(self) -> Money:
        """What the entries add up to: it has to be zero."""
        return total_of(entry.amount for entry in self.entries)


def list_wallet_postings(
    session: Session, user_id: UUID, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[PostingRow]:
    """Every posting that touched this person's wallet, newest first, in 3 queries."""
    touched = (
        select(LedgerEntry.posting_id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(LedgerAccount.user_id == user_id)
    )
    query = (
        select(LedgerPosting)
        .where(LedgerPosting.id.in_(touched))
        .options(selectinload(LedgerPosting.entries).options(joinedload(LedgerEntry.account)))
        .order_by(LedgerPosting.id.desc())
        .limit(limit + 1)
    )
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    if last_id is not None:
        query = query.where(LedgerPosting.id < last_id)
    found = session.scalars(query).all()
    items = tuple(_row(posting) for posting in found[:limit])
    return Page(items, encode_cursor(str(items[-1].id)) if len(found) > limit else None)


def _row(posting: LedgerPosting) -> PostingRow:
    return PostingRow(
        id=posting.id,
        kind=posting.kind,
        reference=posting.reference,
        subject_id=posting.subject_id,
        posted_at=posting.posted_at,
        entries=tuple(
            EntryRow(entry.account.kind, entry.account.user_id, entry.amount)
            for entry in sorted(posting.entries, key=lambda one: one.amount_satang)
        ),
    )
