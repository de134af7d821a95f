"""Posting to the ledger: the only way value moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money, total_of
from storefront.ledger.lots import open_lot, return_to_lots, use_lots
from storefront.ledger.models import (
    PERSONAL,
    WALLETS,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    PostingKind,
    Pot,
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a posting: a positive amount is a credit, a negative one a debit. Wallets and
    debts name their owner, shared accounts none. A credit of bonus may end at `expires_at`; one
    of a wallet may go back into the lots that the posting `return_of` took it out of, whoever owns
    them: a guest who took the order to a member's account since is still the owner of the lots. A
    debit of a wallet may name the one lot it takes, instead of what comes first in the order of
    spending."""

    kind: AccountKind
    amount: Money
    user_id: UUID | None = None
    expires_at: datetime | None = None
    lot_id: UUID | None = None
    return_of: UUID | None = None

    def __post_init__(self) -> None:
        is_credit = self.amount > Money(0, self.amount.currency)
        if self.expires_at and (self.kind is not AccountKind.WALLET_BONUS or not is_credit):
            raise ValueError("only bonus that is given expires")
        if self.lot_id and (self.kind not in WALLETS or is_credit):
            raise ValueError("only what leaves a wallet names its lot")
        is_debit = self.amount < Money(0, self.amount.currency)
        if self.return_of and (self.kind not in WALLETS or is_debit or self.expires_at):
            raise ValueError("only what comes back into a wallet goes to where it was taken")


def post_entries(
    session: Session,
    *,
    kind: PostingKind,
    reference: str,
    legs: Sequence[Leg],
    subject_id: UUID | None = None,
    now: datetime | None = None,
) -> UUID | None:
    """Book one balanced set of entries and move the wallets' cached balances with it.

    Booked at `now`, or at the database's time. Idempotent by (kind, reference): returns None, and
    moves nothing, when that cause was booked before; a second caller at the same time waits for
    the first to commit. Wallet rows are locked in the order of their ids, so two postings never
    wait for each other in a circle. What comes into a wallet makes a lot, what leaves it is taken
    out of lots (see `lots`). Raises ValueError for legs that do not sum to zero, Conflict
    `balance_too_low` for a wallet that would fall below zero, or below what has not expired, or
    for a debt of which more is paid than is owed.
    """
    currency = legs[0].amount.currency
    if total_of((leg.amount for leg in legs), currency):
        raise ValueError("a posting must sum to zero")
    posting_id = _insert_posting(
        session, kind=kind, reference=reference, subject_id=subject_id, now=now
    )
    if posting_id is None:
        return None
    by_account = sorted(
        ((_account_of(session, leg, currency), leg) for leg in legs if leg.amount),
        key=lambda pair: pair[0],
    )
    for account_id, leg in by_account:
        if leg.kind in PERSONAL:
            _move_balance(session, account_id, leg)
        if leg.kind in WALLETS:
            _move_lots(session, account_id, posting_id, leg, now)
    session.execute(
        insert(LedgerEntry),
        [
            {
                "id": new_id(),
                "posting_id": posting_id,
                "account_id": account_id,
                "amount_satang": leg.amount.satang,
                "currency": currency,
            }
            for account_id, leg in by_account
        ],
    )
    return posting_id


def _insert_posting(
    session: Session,
    *,
    kind: PostingKind,
    reference: str,
    subject_id: UUID | None,
    now: datetime | None,
) -> UUID | None:
    inserted: UUID | None = session.scalar(
        insert(LedgerPosting)
        .values(
            id=new_id(),
            kind=kind,
            reference=reference,
            subject_id=subject_id,
            posted_at=now or func.now(),
        )
        .on_conflict_do_nothing(index_elements=["kind", "reference"])
        .returning(LedgerPosting.id)
    )
    return inserted


def _account_of(session: Session, leg: Leg, currency: str) -> UUID:
    if leg.return_of is not None:
        taken_from = session.scalar(
            select(LedgerEntry.account_id)
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .where(
                LedgerEntry.posting_id == leg.return_of,
                LedgerEntry.amount_satang < 0,
                LedgerAccount.kind == leg.kind,
            )
        )
        if taken_from is not None:
            return taken_from
    return _open_account(session, leg, currency)


def _open_account(session: Session, leg: Leg, currency: str) -> UUID:
    if (leg.kind in PERSONAL) != (leg.user_id is not None):
        raise ValueError("wallets and debts have an owner, shared accounts have none")
    wanted = select(LedgerAccount.id).where(
        LedgerAccount.kind == leg.kind,
        LedgerAccount.user_id.is_not_distinct_from(leg.user_id),
        LedgerAccount.currency == currency,
    )
    known = session.scalar(wanted)
    if known is not None:
        return known
    session.execute(
        insert(LedgerAccount)
        .values(
            id=new_id(),
            kind=leg.kind,
            user_id=leg.user_id,
            currency=currency,
            balance_satang=0 if leg.kind in PERSONAL else None,
        )
        .on_conflict_do_nothing()
    )
    return session.scalars(wanted).one()


def _move_balance(session: Session, account_id: UUID, leg: Leg) -> None:
    after = LedgerAccount.balance_satang + leg.amount.satang
    moved = session.scalar(
        update(LedgerAccount)
        .where(
            LedgerAccount.id == account_id,
            after <= 0 if leg.kind is AccountKind.DEBT else after >= 0,
        )
        .values(balance_satang=after)
        .returning(LedgerAccount.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise Conflict("balance_too_low", f"the {leg.kind} account does not hold enough")


def _move_lots(
    session: Session, account_id: UUID, posting_id: UUID, leg: Leg, now: datetime | None
) -> None:
    if leg.return_of is not None:
        return_to_lots(session, account_id=account_id, taken_by=leg.return_of, amount=leg.amount)
        return
    if leg.amount > Money(0, leg.amount.currency):
        open_lot(
            session,
            account_id=account_id,
            pot=Pot.PAID if leg.kind is AccountKind.WALLET_PAID else Pot.BONUS,
            posting_id=posting_id,
            amount=leg.amount,
            expires_at=leg.expires_at,
            now=now,
        )
        return
    use_lots(
        session,
        account_id=account_id,
        posting_id=posting_id,
        amount=-leg.amount,
        lot_id=leg.lot_id,
        now=now,
    )
