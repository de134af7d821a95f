"""Bonus that is given with a top-up, expires, and goes back with a refund."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from jobs.bonus import expire_bonuses, warn_of_bonus_expiry
from jobs.schedule import SCHEDULE
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.errors import Conflict, DomainError, NotFound
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerAccount, LedgerEntry, LedgerPosting
from storefront.ledger.models import PostingKind as Kind
from storefront.notifications.models import Notification
from storefront.wallet.bonus import claw_back_topup_bonus
from storefront.wallet.models import TopUp, TopUpState
from storefront.wallet.queries import Pots, find_pots
from storefront.wallet.rules import Clawback
from storefront.wallet.service import (
    credit_topup,
    hold_wallet,
    pay_from_wallet,
    release_wallet,
)
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def at(shop: Shop, moment: datetime) -> Shop:
    return dataclasses.replace(shop, clock=fixed_clock(moment))


def pots_of(database: Database, user: User, moment: datetime) -> Pots:
    with database.reading() as session:
        return find_pots(session, user.id, now=moment)


def booked(database: Database, kind: Kind) -> int:
    with database.reading() as session:
        return (
            session.scalar(
                select(func.count()).select_from(LedgerPosting).where(LedgerPosting.kind == kind)
            )
            or 0
        )


def notices(database: Database, event: str) -> list[dict[str, object]]:
    with database.reading() as session:
        return list(
            session.scalars(
                select(Notification.context)
                .where(Notification.event == event)
                .order_by(Notification.id)
            )
        )


def test_a_top_up_books_paid_money_and_bonus_in_one_posting(
    database: Database, make: Factory
) -> None:
    user = make.user()
    make.topup(user, baht(500), bonus=baht(50), days=30, now=NOW)
    with database.reading() as session:
        legs = {
            row.kind: row.amount_satang
            for row in session.execute(
                select(LedgerAccount.kind, LedgerEntry.amount_satang).join(
                    LedgerAccount, LedgerAccount.id == LedgerEntry.account_id
                )
            )
        }
    assert legs == {
        AccountKind.GATEWAY: -50_000,
        AccountKind.WALLET_PAID: 50_000,
        AccountKind.BONUS_EXPENSE: -5_000,
        AccountKind.WALLET_BONUS: 5_000,
    }
    assert booked(database, Kind.TOPUP) == 1
    assert pots_of(database, user, NOW + 30 * DAY - timedelta(seconds=1)).bonus == baht(50)
    assert pots_of(database, user, NOW + 30 * DAY).bonus == Money(0)


def test_the_same_payment_heard_of_again_gives_nothing_more(
    database: Database, make: Factory
) -> None:
    user = make.user()
    topup = make.topup(user, baht(500), bonus=baht(50), now=NOW)
    with database.transaction() as session:
        credit_topup(session, topup.id, gateway_payment_id=f"pi_{topup.id.hex}", now=NOW + DAY)
    assert pots_of(database, user, NOW).total == baht(550)


def test_expired_bonus_is_booked_out_once_and_the_rest_stays(shop: Shop, make: Factory) -> None:
    user, other = make.user(), make.user()
    make.wallet(user, baht(7))
    make.bonus(user, baht(10), expires_at=NOW)
    make.bonus(user, baht(20), expires_at=NOW + DAY)
    make.bonus(user, baht(30))
    make.bonus(other, baht(5), expires_at=NOW)

    assert expire_bonuses(at(shop, NOW - timedelta(seconds=1))) == 0
    assert expire_bonuses(at(shop, NOW)) == 2
    assert expire_bonuses(at(shop, NOW)) == 0

    assert booked(shop.database, Kind.BONUS_EXPIRY) == 2
    assert pots_of(shop.database, user, NOW) == Pots(baht(7), baht(50), Money(0))
    assert pots_of(shop.database, other, NOW) == Pots(Money(0), Money(0), Money(0))


def test_bonus_that_comes_back_after_its_lot_has_expired_is_booked_out_too(
    shop: Shop, make: Factory
) -> None:
    """It was held for an order that was closed after its day: without this it lies in the books
    for ever, and the job finds its owner first every minute."""
    user, orders = make.user(), (new_id(), new_id())
    make.bonus(user, baht(10), expires_at=NOW)
    for order_id, part in zip(orders, (baht(3), baht(4)), strict=True):
        with shop.database.transaction() as session:
            hold_wallet(session, user_id=user.id, amount=part, order_id=order_id, now=NOW - DAY)
    expire_bonuses(at(shop, NOW))

    for order_id in orders:
        with shop.database.transaction() as session:
            release_wallet(session, user_id=user.id, order_id=order_id, now=NOW + DAY)
        assert expire_bonuses(at(shop, NOW + DAY)) == 1
        assert expire_bonuses(at(shop, NOW + DAY)) == 0

    assert booked(shop.database, Kind.BONUS_EXPIRY) == 3
    assert pots_of(shop.database, user, NOW) == Pots(Money(0), Money(0), Money(0))


def test_what_was_spent_of_a_lot_does_not_expire_again(shop: Shop, make: Factory) -> None:
    user = make.user()
    make.bonus(user, baht(10), expires_at=NOW)
    with shop.database.transaction() as session:
        pay_from_wallet(session, user_id=user.id, amount=baht(4), order_id=new_id(), now=NOW - DAY)
    expire_bonuses(at(shop, NOW))
    with shop.database.reading() as session:
        expired = session.scalar(
            select(LedgerEntry.amount_satang)
            .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
            .where(LedgerPosting.kind == Kind.BONUS_EXPIRY, LedgerEntry.amount_satang > 0)
        )
    assert expired == 600


def test_owners_are_told_once_a_week_before_and_late_for_a_short_life(
    shop: Shop, make: Factory
) -> None:
    user = make.user()
    make.topup(user, baht(500), bonus=baht(50), days=30, now=NOW)
    make.topup(user, baht(500), bonus=baht(4), days=4, now=NOW)
    told = [
        warn_of_bonus_expiry(at(shop, NOW + hours * timedelta(hours=1)))
        for hours in (0, 47, 48, 49, 22 * 24, 23 * 24, 24 * 24, 31 * 24)
    ]
    assert told == [0, 0, 1, 0, 0, 1, 0, 0]
    assert [notice["amount_satang"] for notice in notices(shop.database, "bonus_expires")] == [
        400,
        5_000,
    ]


def test_bonus_that_was_spent_is_not_warned_of(shop: Shop, make: Factory) -> None:
    user = make.user()
    make.topup(user, baht(500), bonus=baht(50), days=10, now=NOW)
    with shop.database.transaction() as session:
        pay_from_wallet(session, user_id=user.id, amount=baht(50), order_id=new_id(), now=NOW)
    assert warn_of_bonus_expiry(at(shop, NOW + 9 * DAY)) == 0


def test_both_jobs_stand_in_the_schedule() -> None:
    runs = {entry.name: entry.run for entry in SCHEDULE}
    assert runs["expire_bonuses"] is expire_bonuses
    assert runs["warn_of_bonus_expiry"] is warn_of_bonus_expiry


def claw_back(database: Database, topup: TopUp, refunded: Money, key: str = "re_1") -> Clawback:
    with database.transaction() as session:
        return claw_back_topup_bonus(
            session, topup.id, refunded=refunded, reference=key, now=NOW + DAY
        )


def test_a_refund_takes_the_bonus_of_that_top_up_and_of_no_other(
    database: Database, make: Factory
) -> None:
    user = make.user()
    topup = make.topup(user, baht(1000), bonus=baht(100), now=NOW)
    make.bonus(user, baht(500))
    with database.transaction() as session:
        # This top-up's bonus is the older one, so it is spent first.
        pay_from_wallet(session, user_id=user.id, amount=baht(70), order_id=new_id(), now=NOW)

    assert claw_back(database, topup, baht(500)) == Clawback(baht(30), baht(20))
    assert claw_back(database, topup, baht(500)) == Clawback(baht(30), baht(20))
    assert claw_back(database, topup, baht(500), "re_2") == Clawback(Money(0), baht(50))

    assert pots_of(database, user, NOW + DAY).bonus == baht(500)
    assert booked(database, Kind.BONUS_CLAWBACK) == 1


def test_bonus_that_expired_is_no_shortfall(shop: Shop, make: Factory) -> None:
    topup = make.topup(make.user(), baht(1000), bonus=baht(100), days=1, now=NOW)
    expire_bonuses(at(shop, NOW + DAY))
    assert claw_back(shop.database, topup, baht(1000)) == Clawback(Money(0), Money(0))


@pytest.mark.parametrize(
    ("refunded", "key", "code"),
    [
        (baht(501), "re_2", "refund_too_large"),
        (Money(0), "re_2", "refund_too_large"),
        (baht(400), "re_1", "key_reused"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(
    database: Database, make: Factory, refunded: Money, key: str, code: str
) -> None:
    topup = make.topup(make.user(), baht(1000), bonus=baht(100), now=NOW)
    claw_back(database, topup, baht(500))
    with pytest.raises(Conflict) as refused:
        claw_back(database, topup, refunded, key)
    assert refused.value.code == code


def test_only_a_credited_top_up_can_be_clawed_back(database: Database, make: Factory) -> None:
    user = make.user()
    with database.transaction() as session:
        topup = TopUp(
            id=new_id(),
            user_id=user.id,
            idempotency_key=str(new_id()),
            state=TopUpState.PENDING,
            amount_satang=50_000,
            currency="THB",
        )
        session.add(topup)
    codes = []
    for chosen in (topup, TopUp(id=new_id())):
        with pytest.raises(DomainError) as refused:
            claw_back(database, chosen, baht(1))
        codes.append((type(refused.value), refused.value.code))
    assert codes == [(Conflict, "topup_not_credited"), (NotFound, "topup_not_found")]
