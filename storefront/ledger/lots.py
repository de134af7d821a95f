"""The lots of a wallet: what came in when, how long it lasts, and in which order it is spent.

Called by `post_entries` alone, which has locked the account: so every movement of a wallet passes
through its lots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.orm import Session

from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.models import Pot, WalletLot, WalletLotUse


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a lot, in satang."""

    lot_id: UUID
    satang: int


@dataclass(frozen=True, slots=True)
class Taking:
    """What is taken out of a lot, and what stays in it, in satang."""

    lot_id: UUID
    taken: int
    stays: int


# The stated order of spending inside a pot: what expires soonest first, then the oldest first.
# Between the pots, bonus comes before paid money (see `wallet.rules.split_spending`).
SPENDING_ORDER = (
    WalletLot.expires_at.asc().nulls_last(),
    WalletLot.created_at,
    WalletLot.id,
)


def is_spendable(now: datetime | None) -> ColumnElement[bool]:
    """A lot with something left that has not expired at `now`, or at the database's time. At the
    very moment of its expiry a lot is spent no more."""
    return (WalletLot.remaining_satang > 0) & or_(
        WalletLot.expires_at.is_(None), WalletLot.expires_at > (now or func.now())
    )


def is_expired(now: datetime | None) -> ColumnElement[bool]:
    """The opposite: something is left, but its time is over."""
    return (WalletLot.remaining_satang > 0) & (WalletLot.expires_at <= (now or func.now()))


def open_lot(
    session: Session,
    *,
    account_id: UUID,
    pot: Pot,
    posting_id: UUID,
    amount: Money,
    expires_at: datetime | None,
    now: datetime | None,
) -> None:
    """Write down what came in; the account is locked by the caller."""
    session.execute(
        insert(WalletLot).values(
            id=new_id(),
            account_id=account_id,
            pot=pot,
            posting_id=posting_id,
            amount_satang=amount.satang,
            remaining_satang=amount.satang,
            expires_at=expires_at,
            created_at=now or func.now(),
        )
    )


def use_lots(
    session: Session,
    *,
    account_id: UUID,
    posting_id: UUID,
    amount: Money,
    lot_id: UUID | None,
    now: datetime | None,
) -> None:
    """Take a positive amount out of the account's lots in the order of spending, or out of one
    lot alone, expired or not. The account is locked by the caller. Raises Conflict
    `balance_too_low` when what may be taken is not enough."""
    wanted = is_spendable(now) if lot_id is None else WalletLot.id == lot_id
    rows = session.execute(
        select(WalletLot.id, WalletLot.remaining_satang)
        .where(WalletLot.account_id == account_id, WalletLot.remaining_satang > 0, wanted)
        .order_by(*SPENDING_ORDER)
    )
    takings = take_in_order((Left(row[0], row[1]) for row in rows), amount.satang)
    if sum(taking.taken for taking in takings) < amount.satang:
        raise Conflict("balance_too_low", "the lots that may be spent do not hold enough")
    session.execute(
        update(WalletLot),
        [{"id": one.lot_id, "remaining_satang": one.stays} for one in takings],
        execution_options={"synchronize_session": None},
    )
    session.execute(
        insert(WalletLotUse),
        [
            {
                "id": new_id(),
                "posting_id": posting_id,
                "lot_id": one.lot_id,
                "amount_satang": one.taken,
            }
            for one in takings
        ],
    )


def return_to_lots(session: Session, *, account_id: UUID, taken_by: UUID, amount: Money) -> None:
    """Put a positive amount back into the lots of this account that the posting `taken_by` took
    it out of, the longest-lived first, each with the end it had. The account is locked by the
    caller. Raises ValueError for more than that posting took and was not put back yet."""
    uses = session.execute(
        select(
            WalletLotUse.id,
            WalletLotUse.lot_id,
            (WalletLotUse.amount_satang - WalletLotUse.returned_satang).label("out"),
        )
        .join(WalletLot, WalletLot.id == WalletLotUse.lot_id)
        .where(WalletLotUse.posting_id == taken_by, WalletLot.account_id == account_id)
        .order_by(
            WalletLot.expires_at.desc().nulls_first(),
            WalletLot.created_at.desc(),
            WalletLot.id.desc(),
        )
    ).all()
    lot_of = {use.id: use.lot_id for use in uses}
    returns = take_in_order((Left(use.id, use.out) for use in uses if use.out), amount.satang)
    if sum(one.taken for one in returns) < amount.satang:
        raise ValueError("more is put back than was taken")
    for one in returns:
        session.execute(
            update(WalletLotUse)
            .where(WalletLotUse.id == one.lot_id)
            .values(returned_satang=WalletLotUse.returned_satang + one.taken)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(WalletLot)
            .where(WalletLot.id == lot_of[one.lot_id])
            .values(remaining_satang=WalletLot.remaining_satang + one.taken)
            .execution_options(synchronize_session=False)
        )


def take_in_order(lots: Iterable[Left], satang: int) -> Sequence[Taking]:
    """Take from the first lot what it has, the rest from the next, until it is enough; less when
    they do not hold as much."""
    takings = []
    missing = satang
    for lot in lots:
        if missing <= 0:
            break
        taken = min(lot.satang, missing)
        missing -= taken
        takings.append(Taking(lot.lot_id, taken, lot.satang - taken))
    return takings
