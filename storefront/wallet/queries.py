"""Reads about a wallet: what it can pay and what its pots hold. The balance is the ledger's;
nothing here adds money up in Python. For what happened, see `history`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from storefront.kit.money import THB, Money
from storefront.ledger.lots import SPENDING_ORDER, is_expired, is_spendable
from storefront.ledger.models import PERSONAL, WALLETS, AccountKind, LedgerAccount, Pot, WalletLot
from storefront.wallet.models import TopUp, TopUpState

SHOWN_TOP_UPS: Final = 5
SHOWN_LOTS: Final = 50


@dataclass(frozen=True, slots=True)
class Pots:
    """What a wallet can pay: money that was paid in, and money the shop gave. `expired` is bonus
    whose time is over and that the ledger holds until the next run of the expiry job: it is in no
    other figure, and nobody can spend it. `debt` is what its owner owes the shop: while it is not
    zero the wallet is frozen."""

    paid: Money
    bonus: Money
    expired: Money = Money(0)
    debt: Money = Money(0)

    @property
    def total(self) -> Money:
        """What the wallet can pay."""
        return self.paid + self.bonus


@dataclass(frozen=True, slots=True)
class LotRow:
    """One lot with something left."""

    id: UUID
    pot: Pot
    amount: Money
    remaining: Money
    created_at: datetime
    expires_at: datetime | None


def find_balance(session: Session, user_id: UUID, *, now: datetime | None = None) -> Money:
    """What this person's wallet can pay at `now`, or at the database's time; zero before the
    first top-up."""
    return Money(int(session.scalar(select(balance_of(user_id, now=now))) or 0))


def balance_of(user_id: UUID, *, now: datetime | None = None) -> ScalarSelect[Any]:
    """The same figure, in satang, as part of a larger query: both pots of `find_pots` together."""
    return (
        select(func.coalesce(func.sum(LedgerAccount.balance_satang - _expired(now)), 0))
        .where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.kind.in_(WALLETS),
            LedgerAccount.currency == THB,
        )
        .scalar_subquery()
    )


def find_pots(session: Session, user_id: UUID, *, now: datetime | None = None) -> Pots:
    """Both pots of the wallet at `now`, or at the database's time, in one query.

    What can be paid is the ledger's balance less what has expired: the same figure on which
    `service.pay_from_wallet` decides.
    """
    rows = session.execute(
        select(
            LedgerAccount.kind, LedgerAccount.balance_satang, _expired(now).label("expired")
        ).where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.kind.in_(PERSONAL),
            LedgerAccount.currency == THB,
        )
    )
    held = {row.kind: (row.balance_satang or 0, int(row.expired)) for row in rows}
    paid, _ = held.get(AccountKind.WALLET_PAID, (0, 0))
    bonus, expired_bonus = held.get(AccountKind.WALLET_BONUS, (0, 0))
    debt, _ = held.get(AccountKind.DEBT, (0, 0))
    return Pots(
        paid=Money(paid),
        bonus=Money(bonus - expired_bonus),
        expired=Money(expired_bonus),
        debt=Money(-debt),
    )


def list_lots(
    session: Session, user_id: UUID, *, now: datetime | None = None, limit: int = SHOWN_LOTS
) -> Sequence[LotRow]:
    """What can be spent, in the order in which it will be: bonus first, the soonest to expire
    first, then paid money, the oldest first."""
    rows = session.execute(
        select(
            WalletLot.id,
            WalletLot.pot,
            WalletLot.amount_satang,
            WalletLot.remaining_satang,
            WalletLot.created_at,
            WalletLot.expires_at,
        )
        .join(LedgerAccount, LedgerAccount.id == WalletLot.account_id)
        .where(LedgerAccount.user_id == user_id, LedgerAccount.currency == THB, is_spendable(now))
        .order_by((WalletLot.pot == Pot.PAID), *SPENDING_ORDER)
        .limit(limit)
    )
    return [
        LotRow(
            id=row.id,
            pot=Pot(row.pot),
            amount=Money(row.amount_satang),
            remaining=Money(row.remaining_satang),
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]


def list_topups(session: Session, user_id: UUID, *, limit: int = SHOWN_TOP_UPS) -> Sequence[TopUp]:
    """The latest top-ups that brought no money, or not yet; the others stand in the history."""
    return session.scalars(
        select(TopUp)
        .where(TopUp.user_id == user_id, TopUp.state != TopUpState.COMPLETED)
        .order_by(TopUp.id.desc())
        .limit(limit)
    ).all()


def _expired(now: datetime | None) -> ScalarSelect[Any]:
    """What the lots of an account still hold though their time is over. Only bonus expires."""
    return (
        select(func.coalesce(func.sum(WalletLot.remaining_satang), 0))
        .where(WalletLot.account_id == LedgerAccount.id, is_expired(now))
        .correlate(LedgerAccount)
        .scalar_subquery()
    )
