"""Many schedulers and impatient staff at once: one run, and every fee booked once."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Barrier
from uuid import UUID

import requests
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.ledger.models import LedgerEntry, LedgerPosting
from storefront.outbox import OutboxMessage
from storefront.reconciliation.flow import reconcile, start_nightly
from storefront.reconciliation.models import GatewayMovement, ReconciliationRun
from storefront.reconciliation.movements import book_next_fees
from storefront.reconciliation.service import start_run
from storefront.sandbox.serve import RunningSandbox
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory

RUNNERS = 10


def count(
    database: Database, model: type[ReconciliationRun | OutboxMessage | LedgerPosting]
) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_of_ten_schedulers_at_once_one_begins_the_night(shop: Shop) -> None:
    begun = successes_in(race([partial(start_nightly, shop)] * RUNNERS))

    assert len([one for one in begun if one is not None]) == 1
    assert count(shop.database, ReconciliationRun) == 1
    assert count(shop.database, OutboxMessage) == 1
    assert start_nightly(shop) is None


def test_of_ten_impatient_people_one_begins_a_run(shop: Shop, make: Factory) -> None:
    staff = make.user(role="admin").id

    def begin() -> UUID:
        with shop.database.transaction() as session:
            return start_run(session, actor_id=staff, now=shop.clock())

    outcomes = race([begin] * RUNNERS)

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["reconciliation_running"] * (RUNNERS - 1)
    assert count(shop.database, ReconciliationRun) == 1


def test_control_without_the_unique_index_everybody_begins_one(shop: Shop, make: Factory) -> None:
    staff = make.user(role="admin").id
    with shop.database.transaction() as session:
        session.execute(text("DROP INDEX uq_reconciliation_runs_one_running"))

    def begin(session: Session, everybody_has_read: Barrier) -> None:
        running = session.scalar(select(func.count()).select_from(ReconciliationRun))
        everybody_has_read.wait()
        if not running:
            start_run(session, actor_id=staff, now=shop.clock())

    race_transactions(shop.database, begin, runners=RUNNERS)
    assert count(shop.database, ReconciliationRun) == RUNNERS


def add_movements(database: Database, amount: int) -> None:
    with database.transaction() as session:
        session.add_all(
            GatewayMovement(
                id=f"txn_{n}",
                kind="fee",
                amount_satang=-100,
                fee_satang=0,
                cost_satang=100,
                currency="THB",
                created_at=func.now(),
            )
            for n in range(amount)
        )


def test_ten_workers_at_once_book_every_fee_once(shop: Shop) -> None:
    add_movements(shop.database, 60)

    def book() -> int:
        with shop.database.transaction() as session:
            return book_next_fees(session, now=shop.clock())

    race([book] * RUNNERS)

    assert count(shop.database, LedgerPosting) == 60
    with shop.database.reading() as session:
        assert session.scalar(select(func.sum(LedgerEntry.amount_satang))) == 0
        unbooked = select(func.count()).where(GatewayMovement.posting_id.is_(None))
        assert session.scalar(unbooked) == 0


def test_control_booking_without_lock_and_unique_reference_books_fees_again(shop: Shop) -> None:
    add_movements(shop.database, 5)
    with shop.database.transaction() as session:
        session.execute(text("CREATE TABLE naive_fees (movement text)"))

    def book(session: Session, everybody_has_read: Barrier) -> None:
        unbooked = session.scalars(
            text("SELECT id FROM gateway_movements WHERE posting_id IS NULL")
        ).all()
        everybody_has_read.wait()
        for movement in unbooked:
            session.execute(text("INSERT INTO naive_fees VALUES (:m)"), {"m": movement})

    race_transactions(shop.database, book, runners=4)
    with shop.database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM naive_fees")) == 20


def test_two_workers_with_the_same_run_do_its_work_once(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    # Other tests were paid at the same gateway.
    requests.post(f"{sandbox.url}/control/stripe/forget", timeout=10).raise_for_status()
    make.wallet(make.user(), make.product().variants[0].price)
    add_movements(shop.database, 30)
    run_id = start_nightly(shop)
    assert run_id is not None

    def work() -> None:
        # As the outbox does with a worker that waited too long for the other's lock.
        for _ in range(20):
            with suppress(OperationalError):
                reconcile(shop, run_id)
                return

    race([work] * 2)

    with shop.database.reading() as session:
        run = session.get_one(ReconciliationRun, run_id)
        fees = session.scalar(select(func.count()).where(LedgerPosting.kind == "gateway_fee"))
    assert (run.state, run.fees_booked, fees) == ("clean", 30, 30)
