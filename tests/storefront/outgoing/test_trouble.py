"""Endpoints in trouble: probed one at a time, switched off in the end, told of once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from jobs import outgoing as jobs
from jobs.mail import send_mail
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.notifications.models import Notification
from storefront.outbox import LEASE, RENEW_EVERY, OutboxMessage
from storefront.outgoing.attempts import claim_attempt, record_attempt
from storefront.outgoing.endpoints import (
    switch_endpoint,
)
from storefront.outgoing.models import (
    DeliveryState,
    EventName,
    OffReason,
)
from storefront.outgoing.rules import MOST_ATTEMPTS, must_switch_off
from storefront.outgoing.service import (
    plan_deliveries,
    replay_given_up,
)
from storefront.providers.courier import Answer
from tests.storefront.outgoing.conftest import Hands
from tests.support.receiving import (
    Receiver,
    add_endpoint,
    attempts_of,
    delivery_of,
    endpoint_of,
    tell,
)

RELEASED = EventName.RELEASE_PUBLISHED


def send(shop: Shop, delivery_id: UUID) -> None:
    jobs.send(shop, {"delivery_id": str(delivery_id)})


def exhaust(shop: Shop, hands: Hands, delivery_id: UUID) -> None:
    """Let every attempt of a delivery be made, each when it is due."""
    for _ in range(MOST_ATTEMPTS):
        send(shop, delivery_id)
        due_at = delivery_of(shop, delivery_id).due_at
        if due_at is None:
            return
        hands.now = due_at


def planned(shop: Shop) -> list[str]:
    """Which deliveries the worker was told of since the last question."""
    with shop.database.transaction() as session:
        rows = session.scalars(
            select(OutboxMessage).where(OutboxMessage.task == "send_outgoing")
        ).all()
        found = [row.payload["delivery_id"] for row in rows]
        for row in rows:
            session.delete(row)
    return found


def test_an_endpoint_that_takes_nothing_for_three_days_is_switched_off_and_one_mail_says_so(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(timed, owner, receiver.url)
    first = tell(timed, RELEASED, subject_id=new_id())[0]
    second = tell(timed, RELEASED, subject_id=new_id())[0]
    receiver.answers(status=503)

    exhaust(timed, hands, first)

    endpoint = endpoint_of(timed, endpoint_id)
    assert (endpoint.enabled, endpoint.off_reason) == (False, OffReason.FAILING)
    assert delivery_of(timed, first).state == DeliveryState.GIVEN_UP
    assert delivery_of(timed, second).state == DeliveryState.GIVEN_UP, "nothing waits for it"
    with timed.database.reading() as session:
        [notice] = session.scalars(select(Notification)).all()
        [mail] = session.scalars(select(OutboxMessage).where(OutboxMessage.task == "send_mail"))
    assert notice.user_id == owner.id
    send_mail(timed, mail.payload)
    exhaust(timed, hands, second)
    assert len(attempts_of(timed, first)) == MOST_ATTEMPTS
    assert attempts_of(timed, second) == []


def test_one_delivery_given_up_switches_nothing_off_while_others_come_through(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(timed, owner, receiver.url)
    poison = tell(timed, RELEASED, subject_id=new_id())[0]
    for _ in range(MOST_ATTEMPTS):
        receiver.answers(status=400, times=1)
        send(timed, poison)
        fine = tell(timed, RELEASED, subject_id=new_id())[0]
        send(timed, fine)
        hands.now = delivery_of(timed, poison).due_at or hands.now

    assert delivery_of(timed, poison).state == DeliveryState.GIVEN_UP
    endpoint = endpoint_of(timed, endpoint_id)
    assert (endpoint.enabled, endpoint.failures) == (True, 0)


def test_the_rule_of_switching_off_asks_for_days_and_for_attempts(hands: Hands) -> None:
    long_ago, lately = hands.now - timedelta(days=3), hands.now - timedelta(days=2)

    assert must_switch_off(failing_since=long_ago, failures=MOST_ATTEMPTS, now=hands.now)
    assert not must_switch_off(failing_since=lately, failures=100, now=hands.now)
    assert not must_switch_off(failing_since=long_ago, failures=MOST_ATTEMPTS - 1, now=hands.now)
    assert not must_switch_off(failing_since=None, failures=0, now=hands.now)


def test_gone_switches_off_at_once(shop: Shop, owner: User, receiver: Receiver) -> None:
    endpoint_id = add_endpoint(shop, owner, receiver.url)
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    receiver.answers(status=410)

    send(shop, delivery_id)

    assert endpoint_of(shop, endpoint_id).off_reason == OffReason.GONE
    assert delivery_of(shop, delivery_id).state == DeliveryState.GIVEN_UP
    assert tell(shop, RELEASED, subject_id=new_id()) == [], "it wants to hear no more"


def test_of_a_switch_off_everybody_hears_when_who_made_the_endpoint_has_left(
    shop: Shop, owner: User, receiver: Receiver, make
) -> None:
    add_endpoint(shop, owner, receiver.url)
    other = make.user(role="admin")
    with shop.database.transaction() as session:
        session.get_one(User, owner.id).role = "customer"
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    receiver.answers(status=410)

    send(shop, delivery_id)

    with shop.database.reading() as session:
        assert session.scalars(select(Notification.user_id)).all() == [other.id]


def test_what_happened_while_it_was_off_for_failing_can_be_sent_afterwards(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(timed, owner, receiver.url)
    first = tell(timed, RELEASED, subject_id=new_id())[0]
    receiver.answers(status=503)
    exhaust(timed, hands, first)
    [missed] = tell(timed, RELEASED, subject_id=new_id())
    assert delivery_of(timed, missed).state == DeliveryState.GIVEN_UP

    receiver.answers(status=200)
    with timed.database.transaction() as session:
        switch_endpoint(session, endpoint_id, enabled=True, actor_id=owner.id, now=hands.now)
    with timed.database.transaction() as session:
        long_ago = hands.now - timedelta(days=30)
        assert replay_given_up(session, endpoint_id, since=long_ago, now=hands.now) == 2
    receiver.forget()
    for one in (first, missed):
        send(timed, one)
        assert delivery_of(timed, one).state == DeliveryState.SUCCEEDED
    assert len(receiver.messages()) == 2


def test_a_worker_that_dies_between_sending_and_recording_sends_again_under_the_same_id(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("storefront.outgoing.flow.record_attempt", die)
        with pytest.raises(SystemExit):
            send(timed, delivery_id)
    send(timed, delivery_id)
    assert len(receiver.messages()) == 1, "the one who died may still be at it"
    hands.turn(timedelta(seconds=31))
    send(timed, delivery_id)

    first, second = receiver.messages()
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    cut_off, good = attempts_of(timed, delivery_id)
    assert (cut_off.duration_ms, good.status) == (None, 204)
    assert delivery_of(timed, delivery_id).state == DeliveryState.SUCCEEDED


def test_what_a_killed_worker_had_is_free_when_its_message_is_and_planned_no_sooner(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    """A plan made too soon would have used up the delivery's minute on nothing."""
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    with timed.database.transaction() as session:
        assert claim_attempt(session, delivery_id, now=hands.now) is not None
    planned(timed)

    assert jobs.plan_due(timed) == 0
    assert planned(timed) == []

    hands.turn(LEASE - RENEW_EVERY)
    assert jobs.plan_due(timed) == 1
    send(timed, delivery_id)
    assert delivery_of(timed, delivery_id).state == DeliveryState.SUCCEEDED


def test_an_answer_that_was_lost_is_a_failure_that_comes_again(
    timed: Shop, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    receiver.answers(hang_up=True)

    send(timed, delivery_id)

    assert delivery_of(timed, delivery_id).state == DeliveryState.FAILED
    assert attempts_of(timed, delivery_id)[0].error in ("not_http", "broken")


def test_of_an_endpoint_in_trouble_one_delivery_at_a_time_is_planned(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    ids = [tell(timed, RELEASED, subject_id=new_id())[0] for _ in range(3)]
    receiver.answers(status=500, times=1)
    send(timed, ids[0])
    planned(timed)
    hands.turn(timedelta(minutes=1))

    assert jobs.plan_due(timed) == 1
    [chosen] = planned(timed)
    with timed.database.transaction() as session:
        assert claim_attempt(session, UUID(chosen), now=hands.now) is not None
    assert jobs.plan_due(timed) == 0, "one is under way"
    hands.turn(timedelta(minutes=2))
    send(timed, UUID(chosen))
    assert jobs.plan_due(timed) == 2, "it is well again: everything that waits goes"


def test_what_is_due_is_handed_to_the_worker_once_a_minute_however_often_one_looks(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    planned(timed)
    hands.turn(timedelta(minutes=5))

    for _ in range(3):
        with timed.database.transaction() as session:
            plan_deliveries(session, now=hands.now)

    assert planned(timed) == [str(delivery_id)]


def test_whoever_lost_a_claim_writes_its_attempt_down_and_changes_nothing_else(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    with timed.database.transaction() as session:
        slow = claim_attempt(session, delivery_id, now=hands.now)
    hands.turn(timedelta(seconds=31))
    send(timed, delivery_id)
    assert slow is not None

    with timed.database.transaction() as session:
        record_attempt(session, slow, Answer(status=410), now=hands.now)

    assert delivery_of(timed, delivery_id).state == DeliveryState.SUCCEEDED
    assert endpoint_of(timed, endpoint_id).enabled
    assert [one.status for one in attempts_of(timed, delivery_id)] == [410, 204]
