"""Many workers over one outbox: each message runs once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import requests
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jobs.outbox import sweep_outbox
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.outbox import (
    Claim,
    MessageState,
    OutboxMessage,
    claim_message,
    claim_next,
    enqueue,
    finish_message,
)
from storefront.sandbox.serve import RunningSandbox
from tests.concurrency.racing import race, race_transactions, successes_in
from tests.support.factories import Factory


def fill(database: Database, number: int) -> list[UUID]:
    with database.transaction() as session:
        written = [enqueue(session, "refresh_payment", {"n": n}) for n in range(number)]
    return [message_id for message_id in written if message_id is not None]


def test_ten_workers_run_two_hundred_messages_once_each(database: Database) -> None:
    message_ids = fill(database, 200)

    def work() -> list[UUID]:
        ran: list[UUID] = []
        while True:
            with database.transaction() as session:
                claim = claim_next(session)
            if claim is None:
                return ran
            ran.append(claim.id)
            with database.transaction() as session:
                assert finish_message(session, claim)

    runs = Counter(message_id for ran in successes_in(race([work] * 10)) for message_id in ran)

    assert runs == Counter(message_ids)
    with database.reading() as session:
        assert set(session.execute(select(OutboxMessage.state, OutboxMessage.attempts))) == {
            (MessageState.DONE, 1)
        }


def test_bells_for_one_message_at_once_are_heard_once(database: Database) -> None:
    (message_id,) = fill(database, 1)

    def hear() -> Claim | None:
        with database.transaction() as session:
            return claim_message(session, message_id) or claim_next(session)

    claims = [claim for claim in race([hear] * 12) if claim is not None]

    assert len(claims) == 1


def test_control_looking_before_claiming_runs_a_message_once_per_worker(
    database: Database,
) -> None:
    fill(database, 1)
    ran: list[object] = []

    def claim(session: Session, everybody_has_read: Barrier) -> None:
        free = session.scalar(text("SELECT id FROM outbox WHERE leased_until IS NULL LIMIT 1"))
        everybody_has_read.wait()
        session.execute(text("UPDATE outbox SET leased_until = now() + interval '20 seconds'"))
        ran.append(free)

    race_transactions(database, claim, runners=10)
    assert len(ran) == 10
    assert len(set(ran)) == 1


def test_workers_that_sweep_at_once_send_each_mail_once(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10).raise_for_status()
    product = make.product(price=baht(100))
    buyers = [make.user() for _ in range(12)]
    for user in buyers:
        make.cart(user, (product, 1))
        make.wallet(user, baht(100))
        flow.place_order(
            shop,
            user_id=user.id,
            method=PaymentMethod.BALANCE,
            expected_total=baht(100),
            idempotency_key=str(new_id()),
            locale="en",
        )

    done = race([lambda: sweep_outbox(shop, overdue=timedelta(0))] * 6)

    # A mail, the number of a receipt, and what others hear of an order and of a licence, for each.
    assert sum(successes_in(done)) == 60
    inbox = requests.get(f"{sandbox.url}/inbox.json", timeout=10).json()
    assert sorted(mail["to"] for mail in inbox) == sorted(str(user.email) for user in buyers)
