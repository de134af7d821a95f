"""What is taken out of lots and put back: exactly what was taken, exactly where it was taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.lots import Left, take_in_order
from storefront.ledger.models import (
    AccountKind,
    LedgerAccount,
    PostingKind,
    WalletLot,
    WalletLotUse,
)
from storefront.ledger.service import Leg, post_entries
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
LOTS = st.lists(
    st.tuples(st.integers(1, 5_000), st.none() | st.integers(1, 9)), min_size=1, max_size=5
)


@given(st.lists(st.integers(1, 1_000), max_size=8), st.integers(0, 9_000))
def test_what_is_taken_in_order_empties_one_lot_before_it_touches_the_next(
    lots: list[int], wanted: int
) -> None:
    takings = take_in_order([Left(new_id(), satang) for satang in lots], wanted)

    assert sum(one.taken for one in takings) == min(wanted, sum(lots))
    assert all(one.taken > 0 for one in takings)
    assert all(one.stays == 0 for one in takings[:-1])
    assert [one.taken + one.stays for one in takings] == lots[: len(takings)]


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lots=LOTS, data=st.data())
def test_what_comes_back_in_parts_goes_to_the_longest_lived_of_the_lots_it_came_from(
    database: Database, make: Factory, lots: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    user = make.user()
    for amount, days in lots:
        ends = NOW + timedelta(days=days) if days else None
        make.bonus(user, Money(amount), expires_at=ends)
    before = left_of(database, user)
    wanted = data.draw(st.integers(1, sum(before.values())))
    with database.transaction() as session:
        taken_by = move(session, user, Money(-wanted))
    after = left_of(database, user)
    out = {lot_id: before[lot_id] - after[lot_id] for lot_id in before}

    back = 0
    while back < wanted:
        part = data.draw(st.integers(1, wanted - back))
        with database.transaction() as session:
            move(session, user, Money(part), return_of=taken_by)
        back += part
        check_returned(database, user, out, back=back, after=after)

    assert left_of(database, user) == before
    with pytest.raises(ValueError, match="more is put back"), database.transaction() as session:
        move(session, user, Money(1), return_of=taken_by)


def check_returned(
    database: Database,
    user: User,
    out: dict[UUID, int],
    *,
    back: int,
    after: dict[UUID, int],
) -> None:
    """The lots in the order of spending are filled from the end."""
    expected = dict(after)
    for lot_id in reversed(list(out)):
        returned = min(out[lot_id], back)
        expected[lot_id] += returned
        back -= returned
    assert left_of(database, user) == expected
    with database.reading() as session:
        uses = session.scalars(select(WalletLotUse)).all()
    assert all(0 <= use.returned_satang <= use.amount_satang for use in uses)


def left_of(database: Database, user: User) -> dict[UUID, int]:
    """What is left of each lot, in the order of spending."""
    with database.reading() as session:
        rows = session.execute(
            select(WalletLot.id, WalletLot.remaining_satang)
            .join(LedgerAccount, LedgerAccount.id == WalletLot.account_id)
            .where(LedgerAccount.user_id == user.id)
            .order_by(WalletLot.expires_at.asc().nulls_last(), WalletLot.created_at, WalletLot.id)
        ).all()
    return {row[0]: row[1] for row in rows}


def move(
    session: Session, user: User, amount: Money, *, return_of: UUID | None = None
) -> UUID | None:
    """Take out of the bonus pot, or put back; as a refund, which may do both."""
    return post_entries(
        session,
        kind=PostingKind.REFUND,
        reference=f"test:{new_id()}",
        legs=[
            Leg(AccountKind.REFUNDS, -amount),
            Leg(AccountKind.WALLET_BONUS, amount, user.id, return_of=return_of),
        ],
        now=NOW,
    )
