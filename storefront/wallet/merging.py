"""Moving a wallet to another person: a guest's to the member they turned out to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.kit.money import Money
from storefront.ledger.lots import SPENDING_ORDER
from storefront.ledger.models import (
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    PostingKind,
    WalletLot,
    WalletLotUse,
)
from storefront.ledger.service import Leg, post_entries
from storefront.wallet.bonus import expire_bonus
from storefront.wallet.debts import lock_standing, repay_debt


def merge_wallets(session: Session, *, from_user_id: UUID, to_user_id: UUID, now: datetime) -> None:
    """Move what is left in one wallet, and what its owner owes, to another wallet.

    One posting per lot, so that each keeps its end; bonus that has expired is booked out instead.
    What is owed then is paid as far as it goes. Locks the accounts of the one who gets, then of
    the one who gives, each in the order of their ids. Idempotent: what was moved is not there any
    more, and what comes later is moved by another call.
    """
    # The other way round somebody who gives back to the old wallet for the new owner could wait
    # for us, and we for them.
    lock_standing(session, to_user_id)
    moved: list[str] = []
    for account in _lock_accounts(session, from_user_id):
        if account.kind == AccountKind.DEBT:
            moved += _move_debt(session, account, to_user_id, now=now)
            continue
        if account.kind == AccountKind.WALLET_BONUS:
            expire_bonus(session, account.id, now=now)
        moved += _move_lots(session, account, to_user_id, now=now)
    if moved:
        repay_debt(session, to_user_id, cause=moved[-1], now=now)


def _lock_accounts(session: Session, user_id: UUID) -> Sequence[LedgerAccount]:
    return session.scalars(
        select(LedgerAccount)
        .where(LedgerAccount.user_id == user_id)
        .order_by(LedgerAccount.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _move_lots(
    session: Session, account: LedgerAccount, to_user_id: UUID, *, now: datetime
) -> Iterator[str]:
    """Lot by lot; the references of what was booked."""
    kind = AccountKind(account.kind)
    # A lot can be filled again by what is given back: how often it was used names the move.
    uses = (
        select(func.count())
        .where(WalletLotUse.lot_id == WalletLot.id)
        .correlate(WalletLot)
        .scalar_subquery()
    )
    for lot, used in session.execute(
        select(WalletLot, uses)
        .where(WalletLot.account_id == account.id, WalletLot.remaining_satang > 0)
        .order_by(*SPENDING_ORDER)
        .execution_options(populate_existing=True)
    ).all():
        left = Money(lot.remaining_satang, account.currency)
        reference = f"guest:{account.user_id}:{lot.id}:{used}"
        post_entries(
            session,
            kind=PostingKind.ACCOUNT_MERGE,
            reference=reference,
            subject_id=account.user_id,
            legs=[
                Leg(kind, -left, account.user_id, lot_id=lot.id),
                Leg(kind, left, to_user_id, expires_at=lot.expires_at),
            ],
            now=now,
        )
        yield reference


def _move_debt(
    session: Session, account: LedgerAccount, to_user_id: UUID, *, now: datetime
) -> Iterator[str]:
    owed = Money(account.balance_satang or 0, account.currency)
    if not owed:
        return
    entries = session.scalar(select(func.count()).where(LedgerEntry.account_id == account.id))
    reference = f"guest:{account.user_id}:debt:{entries}"
    post_entries(
        session,
        kind=PostingKind.ACCOUNT_MERGE,
        reference=reference,
        subject_id=account.user_id,
        legs=[
            Leg(AccountKind.DEBT, -owed, account.user_id),
            Leg(AccountKind.DEBT, owed, to_user_id),
        ],
        now=now,
    )
    yield reference
