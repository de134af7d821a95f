"""The outbox: written with its cause, held under a lease, tried again, given up in the end."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update

from jobs.outbox import sweep_outbox
from storefront.bootstrap import Shop, boot
from storefront.db import Database, TransactionMisuse
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.notifications.models import SentMail
from storefront.outbox import (
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    Claim,
    MessageState,
    OutboxMessage,
    bury_exhausted,
    claim_message,
    claim_next,
    enqueue,
    fail_message,
    finish_message,
    purge_finished,
)
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def write(database: Database, task: str = "refresh_payment", **options: object) -> UUID | None:
    with database.transaction() as session:
        return enqueue(session, task, {"payment_id": "x"}, **options)  # type: ignore[arg-type]


def claim(database: Database, message_id: UUID | None = None) -> Claim | None:
    with database.transaction() as session:
        return claim_message(session, message_id) if message_id else claim_next(session)


def finish(database: Database, held: Claim) -> bool:
    with database.transaction() as session:
        return finish_message(session, held)


def fail(database: Database, held: Claim, error: str = "no luck") -> bool:
    with database.transaction() as session:
        return fail_message(session, held, error)


def read(database: Database, message_id: UUID | None) -> OutboxMessage:
    with database.reading() as session:
        return session.scalars(select(OutboxMessage).where(OutboxMessage.id == message_id)).one()


def pass_time(database: Database) -> None:
    """As if every wait and every lease were over."""
    with database.transaction() as session:
        session.execute(
            text(
                "UPDATE outbox SET available_at = now() - interval '1 hour',"
                " leased_until = leased_until - interval '1 hour'"
            )
        )


def test_a_message_is_claimed_once_and_finished_by_its_holder(database: Database) -> None:
    message_id = write(database)

    held = claim(database, message_id)

    assert held == Claim(message_id, "refresh_payment", {"payment_id": "x"}, 1)  # type: ignore[arg-type]
    assert claim(database, message_id) is None
    assert claim(database) is None
    assert finish(database, held)
    assert read(database, message_id).state == MessageState.DONE
    assert not finish(database, held)
    pass_time(database)
    assert claim(database) is None


def test_nothing_is_written_by_a_transaction_that_fails(database: Database) -> None:
    def write_and_fail() -> None:
        with database.transaction() as session:
            enqueue(session, "refresh_payment", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    with database.reading() as session:
        assert session.scalars(select(OutboxMessage)).all() == []


def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_is_fenced_off(
    database: Database,
) -> None:
    message_id = write(database)
    slow = claim(database)
    pass_time(database)

    quick = claim(database)

    assert slow is not None
    assert quick is not None
    assert (quick.id, quick.attempt) == (message_id, 2)
    assert not finish(database, slow)
    assert not fail(database, slow, "too late")
    assert read(database, message_id).state == MessageState.PENDING
    assert read(database, message_id).last_error is None
    assert finish(database, quick)


def test_a_failure_waits_twice_as_long_each_time_and_ends_after_twelve(
    database: Database,
) -> None:
    message_id = write(database)
    waits = []

    for _ in range(MAX_ATTEMPTS):
        pass_time(database)
        held = claim(database)
        assert held is not None
        before = datetime.now(UTC)
        assert fail(database, held, f"attempt {held.attempt}")
        message = read(database, message_id)
        waits.append((message.available_at - before).total_seconds())

    assert [round(wait) for wait in waits[:4]] == [2, 4, 8, 16]
    assert round(waits[10]) == LONGEST_WAIT.total_seconds()
    message = read(database, message_id)
    assert (message.state, message.last_error) == (MessageState.DEAD, f"attempt {MAX_ATTEMPTS}")
    pass_time(database)
    assert claim(database) is None


def test_a_message_is_not_claimed_while_it_waits(database: Database) -> None:
    later = write(database, not_before=datetime.now(UTC) + timedelta(minutes=5))
    failed = write(database)
    held = claim(database, failed)
    assert held is not None
    fail(database, held)

    assert claim(database) is None
    assert claim(database, later) is None
    assert claim(database, failed) is None


def test_the_same_key_is_written_once_even_after_it_was_done(database: Database) -> None:
    first = write(database, dedupe_key="only-once")

    assert write(database, dedupe_key="only-once") is None
    held = claim(database, first)
    assert held is not None
    finish(database, held)
    assert write(database, dedupe_key="only-once") is None
    assert write(database) is not None
    assert write(database) is not None


def test_the_sweep_leaves_fresh_messages_to_the_bell(database: Database) -> None:
    write(database)

    with database.transaction() as session:
        assert claim_next(session, overdue=timedelta(seconds=30)) is None
    pass_time(database)
    with database.transaction() as session:
        assert claim_next(session, overdue=timedelta(seconds=30)) is not None


def test_purging_keeps_what_is_open_fresh_or_dead(database: Database) -> None:
    done, fresh, dead, open_one = (write(database) for _ in range(4))
    for message_id in (done, fresh):
        held = claim(database, message_id)
        assert held is not None
        finish(database, held)
    with database.transaction() as session:
        session.execute(
            text("UPDATE outbox SET finished_at = now() - interval '8 days' WHERE id = :id"),
            {"id": done},
        )
        session.execute(
            text(
                "UPDATE outbox SET state = 'dead', finished_at = now() - interval '99 days'"
                " WHERE id = :id"
            ),
            {"id": dead},
        )

    with database.transaction() as session:
        assert purge_finished(session, older_than=timedelta(days=7)) == 1
    with database.reading() as session:
        assert set(session.scalars(select(OutboxMessage.id))) == {fresh, dead, open_one}


def test_a_task_that_fails_goes_back_with_its_reason_and_does_not_stop_the_others(
    shop: Shop,
) -> None:
    unknown = write(shop.database, "no_such_task")
    broken = write(shop.database)
    with shop.database.transaction() as session:
        enqueue(session, "close_overdue_order", {"order_id": str(new_id())})
        good = enqueue(session, "send_mail", {"event": "no_such_event", "subject_id": "x"})

    assert sweep_outbox(shop, overdue=timedelta(0)) == 4

    assert "KeyError" in str(read(shop.database, unknown).last_error)
    assert "ValueError" in str(read(shop.database, broken).last_error)
    assert read(shop.database, good).attempts == 1


def test_with_a_broken_bell_the_sale_commits_and_the_sweep_sends_the_mail(
    shop: Shop, make: Factory
) -> None:
    deaf = boot(dataclasses.replace(shop.settings, redis_url=NOBODY_LISTENS), pool_size=2)
    buyer = make.user()

    order = buy(deaf, make, buyer, (make.product(price=baht(100)), 1))

    with shop.database.reading() as session:
        waiting = session.scalars(select(OutboxMessage)).all()
    assert {one.task: one.state for one in waiting} == {
        "send_mail": MessageState.PENDING,
        "number_receipts": MessageState.PENDING,
        "fan_out_outgoing": MessageState.PENDING,
        "align_discord_roles": MessageState.PENDING,
    }
    assert sweep_outbox(shop, overdue=timedelta(0)) == len(waiting)
    with shop.database.reading() as session:
        sent = session.scalars(select(SentMail)).one()
    assert (sent.recipient, sent.dedupe_key) == (buyer.email, f"order_completed:{order.id}")
    deaf.database.engine.dispose()


def test_the_bell_rings_after_the_commit_with_what_was_written(database: Database) -> None:
    heard: list[list[UUID]] = []
    listening = Database(database.engine, on_enqueued=heard.append)

    with listening.transaction() as session:
        first = enqueue(session, "refresh_payment", {})
        second = enqueue(session, "refresh_payment", {}, dedupe_key="a")
        enqueue(session, "refresh_payment", {}, dedupe_key="a")
        enqueue(session, "refresh_payment", {}, not_before=datetime.now(UTC) + timedelta(hours=1))
        assert heard == []

    assert heard == [[first, second]]


def test_transactions_do_not_nest_and_readers_do_not_write(database: Database) -> None:
    def nest() -> None:
        with database.transaction(), database.transaction():
            pass

    def write_while_reading() -> None:
        with database.reading() as session:
            session.add(OutboxMessage(task="x", payload={}))
            session.flush()

    with pytest.raises(TransactionMisuse):
        nest()
    with pytest.raises(TransactionMisuse):
        write_while_reading()
    assert write(database) is not None


def test_no_outside_service_is_called_inside_a_transaction(shop: Shop) -> None:
    calls = {
        "stripe": lambda: shop.gateway.fetch_session("cs_1"),
        "s3": lambda: shop.files.has("x"),
        "discord": lambda: shop.identity.identify(code="x", verifier="y", redirect_uri="z"),
        "smtp": lambda: shop.mailer.send(None),  # type: ignore[arg-type]
    }

    for call in calls.values():
        with shop.database.transaction(), pytest.raises(TransactionMisuse):
            call()


def test_a_message_that_kills_whoever_runs_it_is_given_up(shop: Shop) -> None:
    with shop.database.transaction() as session:
        enqueue(session, "deadly", {})
    for _ in range(MAX_ATTEMPTS):
        with shop.database.transaction() as session:
            assert claim_next(session) is not None
            # The process dies here: nothing is reported, the lease runs out.
            session.execute(
                update(OutboxMessage).values(leased_until=func.now() - timedelta(seconds=1))
            )

    with shop.database.transaction() as session:
        assert claim_next(session) is None
        assert bury_exhausted(session) == 1
        assert bury_exhausted(session) == 0
    with shop.database.reading() as session:
        assert session.scalars(select(OutboxMessage.state)).one() == MessageState.DEAD
