"""The lots of one wallet, wanted from many places at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jobs.bonus import expire_bonuses, warn_of_bonus_expiry
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import LedgerPosting, PostingKind, Pot, WalletLot, WalletLotUse
from storefront.notifications.models import Notification
from storefront.wallet.adjustments import AdjustmentDraft, adjust_wallet
from storefront.wallet.bonus import claw_back_topup_bonus
from storefront.wallet.queries import find_pots
from storefront.wallet.service import pay_from_wallet
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def pay(database: Database, user: User, amount: Money, at: datetime) -> bool:
    with database.transaction() as session:
        pay_from_wallet(session, user_id=user.id, amount=amount, order_id=new_id(), now=at)
    return True


def booked(database: Database, kind: PostingKind) -> int:
    with database.reading() as session:
        return (
            session.scalar(
                select(func.count()).select_from(LedgerPosting).where(LedgerPosting.kind == kind)
            )
            or 0
        )


def test_lots_spent_from_fifty_places_pay_for_what_they_hold_in_their_order(
    database: Database, make: Factory
) -> None:
    user = make.user()
    for amount, days in ((70, 3), (40, 1), (40, 2)):
        make.bonus(user, baht(amount), expires_at=NOW + days * DAY)
    make.bonus(user, baht(500), expires_at=NOW)
    for amount in (60, 45):
        make.wallet(user, baht(amount))

    outcomes = race([partial(pay, database, user, baht(25), NOW)] * 50)

    assert len(successes_in(outcomes)) == 10
    assert codes_of(outcomes) == ["balance_too_low"] * 40
    with database.reading() as session:
        assert find_pots(session, user.id, now=NOW).total == baht(5)
        left = session.execute(
            select(WalletLot.amount_satang, WalletLot.remaining_satang)
            .where(WalletLot.remaining_satang > 0)
            .order_by(WalletLot.amount_satang)
        ).all()
        used = session.execute(
            select(WalletLot.pot, func.sum(WalletLotUse.amount_satang))
            .join(WalletLot, WalletLot.id == WalletLotUse.lot_id)
            .group_by(WalletLot.pot)
        ).all()
    assert [tuple(row) for row in left] == [(4_500, 500), (50_000, 50_000)]
    assert {row[0]: int(row[1]) for row in used} == {Pot.BONUS: 15_000, Pot.PAID: 10_000}


def test_control_lots_read_without_the_lock_of_their_account_are_spent_twice(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE loose_lots AS SELECT 1 AS id, 100 AS remaining"))
        session.execute(text("CREATE TABLE loose_uses AS SELECT 1 AS id, 0 AS taken"))

    def spend(session: Session, everybody_has_read: Barrier) -> None:
        left = session.scalar(text("SELECT remaining FROM loose_lots"))
        everybody_has_read.wait()
        if left >= 60:
            session.execute(text("UPDATE loose_lots SET remaining = :rest"), {"rest": left - 60})
            session.execute(text("UPDATE loose_uses SET taken = taken + 60"))

    race_transactions(database, spend, runners=8)
    with database.reading() as session:
        left, taken = session.execute(
            text("SELECT remaining, taken FROM loose_lots, loose_uses")
        ).one()
    assert (left, taken) == (40, 480)


def test_bonus_that_expires_while_it_is_spent_is_spent_or_expires_never_both(
    shop: Shop, make: Factory
) -> None:
    user = make.user()
    make.bonus(user, baht(100), expires_at=NOW)
    then = dataclasses.replace(shop, clock=fixed_clock(NOW))
    just_before = NOW - timedelta(seconds=1)
    purchases = [partial(pay, shop.database, user, baht(10), just_before)] * 12
    jobs = [partial(expire_bonuses, then)] * 4

    calls: list[Callable[[], object]] = [*purchases[:6], *jobs, *purchases[6:]]
    outcomes = race(calls)

    bought = len(successes_in(outcomes[:6])) + len(successes_in(outcomes[10:]))
    assert set(codes_of(outcomes)) <= {"balance_too_low"}
    assert bought <= 10
    assert booked(shop.database, PostingKind.PURCHASE) == bought
    with shop.database.reading() as session:
        expired = session.scalar(
            text(
                "SELECT coalesce(sum(u.amount_satang), 0) FROM wallet_lot_uses u"
                " JOIN ledger_postings p ON p.id = u.posting_id WHERE p.kind = 'bonus_expiry'"
            )
        )
        pots = find_pots(session, user.id, now=NOW)
    assert expired == 10_000 - bought * 1_000
    assert (pots.bonus, pots.expired) == (Money(0), Money(0))
    assert booked(shop.database, PostingKind.BONUS_EXPIRY) == (1 if expired else 0)


def test_a_clawback_and_purchases_at_once_share_what_is_left(
    database: Database, make: Factory
) -> None:
    user = make.user()
    topup = make.topup(user, baht(1000), bonus=baht(100), now=NOW)
    pay(database, user, baht(1), NOW)

    def claw_back(key: str) -> Money:
        with database.transaction() as session:
            done = claw_back_topup_bonus(
                session, topup.id, refunded=baht(500), reference=key, now=NOW
            )
        return done.taken + done.shortfall

    calls: list[Callable[[], object]] = [partial(pay, database, user, baht(10), NOW)] * 8
    calls += [partial(claw_back, key) for key in ("re_1", "re_1", "re_2")]
    outcomes = race(calls)

    assert codes_of(outcomes) == []
    assert outcomes[8:] == [baht(50)] * 3
    assert booked(database, PostingKind.PURCHASE) == 9
    with database.reading() as session:
        assert find_pots(session, user.id, now=NOW).bonus == Money(0)


def test_one_adjustment_form_sent_from_many_tabs_is_applied_once(
    database: Database, make: Factory
) -> None:
    user, staff = make.user(), make.user(role="admin")

    def adjust() -> object:
        with database.transaction() as session:
            return adjust_wallet(
                session,
                user.id,
                AdjustmentDraft(pot=Pot.PAID, amount=baht(10), reason="Once"),
                actor_id=staff.id,
                idempotency_key="one-form-one-key",
                now=NOW,
            )

    outcomes = race([adjust] * 10)

    assert len(set(successes_in(outcomes))) == 1
    assert codes_of(outcomes) == []
    with database.reading() as session:
        assert find_pots(session, user.id).paid == baht(10)


def test_two_people_of_staff_who_take_the_last_baht_leave_zero(
    database: Database, make: Factory
) -> None:
    user, staff = make.user(), make.user(role="admin")
    make.wallet(user, baht(10))

    def take(key: str) -> object:
        with database.transaction() as session:
            return adjust_wallet(
                session,
                user.id,
                AdjustmentDraft(pot=Pot.PAID, amount=baht(-10), reason="Chargeback"),
                actor_id=staff.id,
                idempotency_key=key,
                now=NOW,
            )

    outcomes = race([partial(take, f"form-number-{n:04d}") for n in range(6)])
    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["pot_too_low"] * 5


def test_owners_are_told_once_by_many_schedulers_at_once(shop: Shop, make: Factory) -> None:
    for _ in range(5):
        make.topup(make.user(), baht(100), bonus=baht(10), days=4, now=NOW)
    late = dataclasses.replace(shop, clock=fixed_clock(NOW + 3 * DAY))

    outcomes = race([partial(warn_of_bonus_expiry, late)] * 4)

    assert sum(successes_in(outcomes)) == 5
    with shop.database.reading() as session:
        told = session.scalar(select(func.count()).where(Notification.event == "bonus_expires"))
    assert told == 5
