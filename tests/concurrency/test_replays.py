"""Staff who have the same thing done again at the same moment."""

from __future__ import annotations

from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.outbox import MessageState, OutboxMessage, enqueue, retry_message
from storefront.payments.models import WebhookEvent
from storefront.payments.service import APPLY_WEBHOOK, receive_event, replay_event
from storefront.providers.payments import GatewayEvent
from tests.concurrency.racing import (
    codes_of,
    race,
    race_transactions,
    slow_down_updates,
    successes_in,
)
from tests.support.factories import Factory, SignIn

RUNNERS = 10


@pytest.fixture
def admin(make: Factory) -> User:
    return make.user(role="admin")


def take_in(database: Database, event_id: str = "evt_1") -> UUID:
    event = GatewayEvent(event_id=event_id, event_type="x", payload={"id": event_id})
    with database.transaction() as session:
        receive_event(session, source="stripe", event=event)
        return session.scalars(
            select(WebhookEvent.id).where(WebhookEvent.event_id == event_id)
        ).one()


def replays_of(database: Database, webhook_id: UUID) -> tuple[int, int]:
    """How often the event says it was replayed, and how many messages that made."""
    with database.reading() as session:
        messages = session.scalar(
            select(func.count()).where(OutboxMessage.dedupe_key.like("webhook:%:replay:%"))
        )
        return session.get_one(WebhookEvent, webhook_id).replays, messages or 0


def test_of_ten_replays_at_once_each_is_counted_and_each_is_work(shop: Shop, admin: User) -> None:
    webhook_id = take_in(shop.database)

    def replay() -> None:
        with shop.database.transaction() as session:
            replay_event(session, webhook_id, actor_id=admin.id, now=shop.clock())

    assert race([replay] * RUNNERS) == [None] * RUNNERS
    assert replays_of(shop.database, webhook_id) == (RUNNERS, RUNNERS)


def test_control_without_the_lock_ten_replays_are_one(database: Database) -> None:
    webhook_id = take_in(database)

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        row = {"id": webhook_id}
        replays = session.scalar(text("SELECT replays FROM webhook_events WHERE id = :id"), row)
        everybody_has_read.wait()
        session.execute(
            text("UPDATE webhook_events SET replays = :n, replayed_at = now() WHERE id = :id"),
            row | {"n": (replays or 0) + 1},
        )
        enqueue(session, APPLY_WEBHOOK, {}, dedupe_key=f"webhook:x:replay:{(replays or 0) + 1}")

    race_transactions(database, naive, runners=RUNNERS)

    assert replays_of(database, webhook_id) == (1, 1)
    with database.transaction() as session:
        session.execute(text("UPDATE webhook_events SET replays = 0, replayed_at = NULL"))


def test_two_who_choose_the_same_events_in_another_order_both_get_them(
    shop: Shop, fresh_app: Flask, admin: User, sign_in: SignIn
) -> None:
    chosen = [str(take_in(shop.database, f"evt_{number}")) for number in range(2)]
    slow_down_updates(shop.database, "webhook_events")
    fresh_app.config["WTF_CSRF_ENABLED"] = False

    def replay(ids: list[str]) -> int:
        client = fresh_app.test_client()
        sign_in(client, admin)
        return client.post("/admin/webhooks/replays", data={"webhook": ids}).status_code

    assert race([partial(replay, chosen), partial(replay, chosen[::-1])] * 2) == [303] * 4
    for webhook_id in chosen:
        with shop.database.reading() as session:
            assert session.get_one(WebhookEvent, UUID(webhook_id)).replays == 4


def test_control_locked_in_the_order_of_choosing_they_meet_for_ever(
    shop: Shop, admin: User
) -> None:
    chosen = [take_in(shop.database, f"evt_{number}") for number in range(2)]
    both_hold_one = Barrier(2, timeout=10)

    def naive(ids: list[UUID]) -> str:
        try:
            with shop.database.transaction() as session:
                replay_event(session, ids[0], actor_id=admin.id, now=shop.clock())
                session.flush()
                both_hold_one.wait()
                replay_event(session, ids[1], actor_id=admin.id, now=shop.clock())
        except OperationalError as error:
            return str(error.orig)
        return "done"

    outcomes = race([partial(naive, chosen), partial(naive, chosen[::-1])])

    assert any("deadlock" in str(one) for one in outcomes), outcomes


def test_of_ten_who_run_one_task_again_one_does_and_the_others_hear_of_it(
    database: Database,
) -> None:
    with database.transaction() as session:
        message_id = enqueue(session, "index_stale", {})
        assert message_id is not None
        session.get_one(OutboxMessage, message_id).state = MessageState.DEAD

    def retry() -> UUID:
        with database.transaction() as session:
            return retry_message(session, message_id).id

    outcomes = race([retry] * RUNNERS)

    assert successes_in(outcomes) == [message_id]
    assert codes_of(outcomes) == ["task_not_dead"] * (RUNNERS - 1)


def test_control_without_the_lock_all_ten_believe_that_they_did(database: Database) -> None:
    with database.transaction() as session:
        message_id = enqueue(session, "index_stale", {})
        assert message_id is not None
        session.get_one(OutboxMessage, message_id).state = MessageState.DEAD

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        state = session.scalar(select(OutboxMessage.state).where(OutboxMessage.id == message_id))
        everybody_has_read.wait()
        if state == MessageState.DEAD:
            session.add(
                AuditEntry(action="x", subject_type="task", subject_id=str(message_id), detail={})
            )

    race_transactions(database, naive, runners=RUNNERS)

    with database.reading() as session:
        noted = session.scalar(select(func.count()).where(AuditEntry.action == "x"))
    assert noted == RUNNERS
