"""Lots: what came in, until when, and in which order it is spent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from storefront.accounts.models import User
from storefront.db import Database
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.lots import Left, take_in_order
from storefront.ledger.models import AccountKind, PostingKind, Pot, WalletLot, WalletLotUse
from storefront.ledger.service import Leg, post_entries
from storefront.wallet.queries import find_balance, find_pots, list_lots
from storefront.wallet.service import pay_from_wallet
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def pay(database: Database, user: User, amount: Money, *, at: datetime | None = None) -> UUID:
    order_id = new_id()
    with database.transaction() as session:
        pay_from_wallet(session, user_id=user.id, amount=amount, order_id=order_id, now=at)
    return order_id


def remaining(database: Database, user: User, at: datetime) -> Sequence[tuple[str, int]]:
    with database.reading() as session:
        return [
            (lot.pot.value, lot.remaining.satang // 100)
            for lot in list_lots(session, user.id, now=at)
        ]


def test_bonus_goes_first_the_soonest_to_expire_before_the_others_then_paid_money(
    database: Database, make: Factory
) -> None:
    user = make.user()
    make.wallet(user, baht(100))
    make.wallet(user, baht(50))
    make.bonus(user, baht(10))
    make.bonus(user, baht(20), expires_at=NOW + 40 * DAY)
    make.bonus(user, baht(30), expires_at=NOW + 20 * DAY)

    seen = []
    for amount in (10, 25, 15, 20, 90, 50):
        pay(database, user, baht(amount), at=NOW)
        seen.append(remaining(database, user, NOW))

    assert seen == [
        [("bonus", 20), ("bonus", 20), ("bonus", 10), ("paid", 100), ("paid", 50)],
        [("bonus", 15), ("bonus", 10), ("paid", 100), ("paid", 50)],
        [("bonus", 10), ("paid", 100), ("paid", 50)],
        [("paid", 90), ("paid", 50)],
        [("paid", 50)],
        [],
    ]


def test_a_purchase_says_from_which_lots_it_was_paid(database: Database, make: Factory) -> None:
    user = make.user()
    make.wallet(user, baht(100))
    make.bonus(user, baht(30))
    order_id = pay(database, user, baht(70))
    with database.reading() as session:
        uses = session.execute(
            select(WalletLot.pot, WalletLotUse.amount_satang)
            .join(WalletLot, WalletLot.id == WalletLotUse.lot_id)
            .order_by(WalletLotUse.amount_satang)
        ).all()
        reference = session.scalar(
            text("SELECT reference FROM ledger_postings WHERE id = :id"),
            {"id": session.scalar(select(WalletLotUse.posting_id).limit(1))},
        )
    assert [tuple(use) for use in uses] == [(Pot.BONUS, 3_000), (Pot.PAID, 4_000)]
    assert reference == f"order:{order_id}"


def test_bonus_cannot_be_spent_from_the_moment_it_expires_booked_out_or_not(
    database: Database, make: Factory
) -> None:
    user = make.user()
    end = NOW + DAY
    make.wallet(user, baht(5))
    make.bonus(user, baht(10), expires_at=end)
    just_before = end - timedelta(microseconds=1)
    with database.reading() as session:
        assert find_balance(session, user.id, now=just_before) == baht(15)
        assert find_balance(session, user.id, now=end) == baht(5)
        pots = find_pots(session, user.id, now=end)
        assert (pots.paid, pots.bonus, pots.expired) == (baht(5), baht(0), baht(10))

    with pytest.raises(Conflict, match="hold"):
        pay(database, user, baht(6), at=end)
    pay(database, user, baht(15), at=just_before)

    with database.reading() as session:
        assert find_balance(session, user.id, now=just_before) == Money(0)


def test_what_expired_is_skipped_and_the_rest_pays(database: Database, make: Factory) -> None:
    user = make.user()
    make.wallet(user, baht(100))
    make.bonus(user, baht(10), expires_at=NOW)
    make.bonus(user, baht(10), expires_at=NOW + DAY)
    pay(database, user, baht(20), at=NOW)
    with database.reading() as session:
        pots = find_pots(session, user.id, now=NOW)
    assert (pots.paid, pots.bonus, pots.expired) == (baht(90), baht(0), baht(10))


def test_no_posting_can_spend_expired_bonus_whoever_makes_it(
    database: Database, make: Factory
) -> None:
    user = make.user()
    make.bonus(user, baht(10), expires_at=NOW)
    with pytest.raises(Conflict), database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference="a way around",
            legs=[
                Leg(AccountKind.WALLET_BONUS, baht(-1), user.id),
                Leg(AccountKind.SALES, baht(1)),
            ],
            now=NOW,
        )


def test_a_balance_cannot_be_moved_past_its_lots(database: Database, make: Factory) -> None:
    user = make.user()
    make.wallet(user, baht(10))
    for statement in (
        "UPDATE ledger_accounts SET balance_satang = 500 WHERE user_id IS NOT NULL",
        "UPDATE wallet_lots SET remaining_satang = 500",
    ):
        with (
            pytest.raises(IntegrityError, match="do not hold its balance"),
            database.transaction() as session,
        ):
            session.execute(text(statement))


@pytest.mark.parametrize(
    ("kind", "amount", "extra"),
    [
        (AccountKind.WALLET_PAID, baht(1), {"expires_at": NOW}),
        (AccountKind.WALLET_BONUS, baht(-1), {"expires_at": NOW}),
        (AccountKind.WALLET_BONUS, baht(1), {"lot_id": new_id()}),
        (AccountKind.SALES, baht(-1), {"lot_id": new_id()}),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused(kind: AccountKind, amount: Money, extra) -> None:
    with pytest.raises(ValueError, match="only"):
        Leg(kind, amount, new_id(), **extra)


@given(st.lists(st.integers(1, 1000), max_size=8), st.integers(1, 5000))
def test_taking_in_order_takes_what_is_wanted_or_all(held: list[int], wanted: int) -> None:
    lots = [Left(new_id(), satang) for satang in held]
    takings = take_in_order(lots, wanted)
    assert sum(one.taken for one in takings) == min(wanted, sum(held))
    assert [one.lot_id for one in takings] == [lot.lot_id for lot in lots[: len(takings)]]
    assert all(one.stays == 0 for one in takings[:-1])
    assert all(one.taken > 0 <= one.stays for one in takings)
