"""Everything that touches one person's money, at once and for some seconds: nobody may wait for
each other in a circle."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from storefront.bootstrap import Shop
from storefront.checkout.flow import cancel_order
from storefront.db import Database
from storefront.errors import DomainError
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerAccount, Pot
from storefront.orders.models import PaymentMethod
from storefront.providers.payments import DisputeStatus, PayBy, RefundStatus
from storefront.refunds.models import Destination, LicenseRule
from storefront.wallet.service import pay_from_wallet
from tests.concurrency.racing import race
from tests.storefront.money.books import TILL_INVARIANTS, check_settled
from tests.support.bank import Attempt
from tests.support.factories import Factory
from tests.support.invariants import check_invariants
from tests.support.till import Till

SECONDS = 4
SEED = 20261128


class Crowd:
    """What one person, staff, the bank and the jobs do with one wallet; each is a thread."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.buyer = till.buyers[0]
        self.done: Counter[str] = Counter()

    def spend(self, dice: random.Random) -> None:
        with self.till.shop.database.transaction() as session:
            pay_from_wallet(
                session,
                user_id=self.buyer.id,
                amount=baht(dice.randint(1, 30)),
                order_id=new_id(),
                now=self.till.now,
            )

    def order(self, dice: random.Random) -> None:
        """The only one with the cart: by wallet, or by wallet and card, which is paid, declined or
        called off; often with the code that a refund gives back."""
        method = dice.choice((PaymentMethod.BALANCE, PaymentMethod.STRIPE))
        before = len(self.till.orders())
        self.till.order(
            self.buyer, [(1, 1)], method=method, code=dice.choice((None, "TWENTY")), wallet_share=50
        )
        if method is PaymentMethod.BALANCE or len(self.till.orders()) == before:
            return
        order = self.till.orders()[-1]
        if dice.random() < 0.4:
            cancel_order(self.till.shop, order.id, user_id=self.buyer.id)
        else:
            self.till.bank.pay(self._attempts(order_id=order.id)[-1])

    def give_orders_back(self, dice: random.Random) -> None:
        paid = [one for one in self.till.orders() if one.completed_at and one.total > one.refunded]
        if paid:
            to = dice.choice(tuple(Destination))
            self.till.refund_order(
                dice.choice(paid), [dice.choice((50, 100))], to, LicenseRule.REVOKE
            )

    def top_up(self, dice: random.Random) -> None:
        package = dice.choice((None, *self.till.packages))
        self.till.top_up(self.buyer, baht(200), pay_by=PayBy.CARD, package=package)
        payment = self.till.payments()[-1]
        if payment.gateway_session_id:
            self.till.bank.pay(self.till.bank.attempt(payment.gateway_session_id))
            self.till.come_back(payment)

    def give_top_ups_back(self, dice: random.Random) -> None:
        payments = [one for one in self.till.payments() if one.paid_at and one.refundable]
        if payments:
            self.till.refund_payment(dice.choice(payments[-6:]), dice.choice((30, 100)))

    def bank(self, dice: random.Random) -> None:
        """Disputes, decides, sends refunds back."""
        paid = [one for one in self._attempts() if one.captured]
        if not paid:
            return
        attempt = dice.choice(paid[-8:])
        if attempt.refunds and dice.random() < 0.5:
            status = dice.choice((RefundStatus.SUCCEEDED, RefundStatus.FAILED))
            self.till.bank.settle_refund(attempt, dice.randint(0, 3), status)
        elif not self.till.bank.dispute(attempt, attempt.captured):
            self.till.bank.decide(attempt, dice.choice((DisputeStatus.WON, DisputeStatus.LOST)))

    def post(self, dice: random.Random) -> None:
        if self.till.bank.events:
            self.till.deliver(dice.randrange(len(self.till.bank.events)))

    def adjust(self, dice: random.Random) -> None:
        amount = Money(dice.choice((-777, 777, 5_000)))
        self.till.adjust(self.buyer, dice.choice(tuple(Pot)), amount, days=dice.choice((None, 1)))

    def jobs(self, dice: random.Random) -> None:
        dice.choice((self.till.sweep, self.till.expire_bonus))()

    def _attempts(self, order_id: UUID | None = None) -> list[Attempt]:
        wanted = {str(one.id) for one in self.till.payments() if order_id in (None, one.subject_id)}
        return [one for one in list(self.till.bank.attempts) if one.request.payment_id in wanted]


@pytest.fixture
def crowd(shop: Shop) -> Iterator[Crowd]:
    till = Till(shop)
    till.make.wallet(till.buyers[0], baht(500))
    yield Crowd(till)
    till.bank.lose_next = []
    for _ in range(2):
        for index in till.undelivered():
            till.deliver(index)
        till.sweep()
    check_settled(till)
    check_invariants(till.shop.database, till_invariants())


def till_invariants() -> dict[str, str]:
    """Without those of accounts that this test fills by itself."""
    own = ("account of sales", "account of adjustments")
    return {name: query for name, query in TILL_INVARIANTS.items() if not any(map(name.count, own))}


def test_one_wallet_wanted_by_everybody_at_once_never_deadlocks(crowd: Crowd) -> None:
    things: list[Callable[[random.Random], None]] = [
        crowd.spend,
        crowd.order,
        crowd.give_orders_back,
        crowd.top_up,
        crowd.give_top_ups_back,
        crowd.bank,
        crowd.post,
        crowd.post,
        crowd.adjust,
        crowd.jobs,
    ]
    ends = time.monotonic() + SECONDS

    def keep_doing(index: int) -> list[str]:
        dice = random.Random(f"{SEED} {index}")
        trouble = []
        while time.monotonic() < ends:
            try:
                things[index](dice)
                crowd.done[things[index].__name__] += 1
            except DomainError:
                crowd.done["refused"] += 1
            except OperationalError as error:
                # A lock that is not had in three seconds tells of a slow machine, not of a circle.
                if not isinstance(error.orig, LockNotAvailable):
                    trouble.append(f"{things[index].__name__}: {error}")
        return trouble

    with ThreadPoolExecutor(len(things)) as pool:
        trouble = [met for some in pool.map(keep_doing, range(len(things))) for met in some]

    assert trouble == []
    assert all(crowd.done[thing.__name__] for thing in things), crowd.done


def test_control_two_who_lock_the_pots_of_one_wallet_crosswise_deadlock(
    database: Database, make: Factory
) -> None:
    user = make.user()
    make.wallet(user, baht(1))
    make.bonus(user, baht(1))
    each_holds_one = Barrier(2, timeout=10)

    def lock(*kinds: AccountKind) -> str:
        try:
            with database.transaction() as session:
                for position, kind in enumerate(kinds):
                    session.execute(
                        select(LedgerAccount.id)
                        .where(LedgerAccount.user_id == user.id, LedgerAccount.kind == kind)
                        .with_for_update()
                    )
                    if position == 0:
                        each_holds_one.wait()
        except OperationalError as error:
            return type(error.orig).__name__
        return "done"

    pots = (AccountKind.WALLET_PAID, AccountKind.WALLET_BONUS)
    outcomes = race([lambda: lock(*pots), lambda: lock(*reversed(pots))])
    assert sorted(map(str, outcomes)) == ["DeadlockDetected", "done"]
