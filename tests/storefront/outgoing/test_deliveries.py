"""From a fact to somebody's server: once where it went well, again where it did not."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from jobs import outgoing as jobs
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.state import Moved
from storefront.outgoing.cleanup import KEPT_FOR, purge_outgoing
from storefront.outgoing.endpoints import (
    EndpointDraft,
    change_endpoint,
    ping_endpoint,
    rotate_secret,
    show_secret,
)
from storefront.outgoing.models import (
    DELIVERY_MACHINE,
    DeliveryAction,
    DeliveryState,
    EventName,
    OutgoingDelivery,
    OutgoingEvent,
)
from storefront.outgoing.rules import MOST_ATTEMPTS, OVERLAP, WAITS, wait_before
from storefront.outgoing.service import (
    announce,
    replay_deliveries,
)
from tests.storefront.outgoing.conftest import Hands
from tests.support.receiving import (
    Receiver,
    add_endpoint,
    attempts_of,
    delivery_of,
    tell,
    verify,
)

RELEASED = EventName.RELEASE_PUBLISHED


def send(shop: Shop, delivery_id: UUID) -> None:
    jobs.send(shop, {"delivery_id": str(delivery_id)})


def secret_of(shop: Shop, endpoint_id: UUID, owner: User) -> str:
    with shop.database.transaction() as session:
        return show_secret(
            session, endpoint_id, box=shop.secret_box, actor_id=owner.id, now=shop.clock()
        )


def test_a_consumer_gets_a_signed_message_it_can_check(
    shop: Shop, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(shop, owner, receiver.url)
    secret = secret_of(shop, endpoint_id, owner)
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id(), release={"name": "ตลาด"})

    send(shop, delivery_id)

    [message] = receiver.messages()
    assert verify(secret, message["headers"], message["body"])
    body = json.loads(message["body"])
    assert (body["type"], body["data"]) == ("release.published", {"release": {"name": "ตลาด"}})
    assert body["timestamp"].endswith("Z")
    assert message["headers"]["content-type"] == "application/json; charset=utf-8"
    assert delivery_of(shop, delivery_id).state == DeliveryState.SUCCEEDED
    [attempt] = attempts_of(shop, delivery_id)
    assert (attempt.status, attempt.error) == (204, "")


def test_only_who_subscribed_hears_of_it(shop: Shop, owner: User, receiver: Receiver) -> None:
    add_endpoint(shop, owner, f"{receiver.url}/orders", events=(EventName.ORDER_COMPLETED,))
    wants = add_endpoint(shop, owner, f"{receiver.url}/releases", events=(RELEASED,))

    deliveries = tell(shop, RELEASED, subject_id=new_id())

    assert [delivery_of(shop, one).endpoint_id for one in deliveries] == [wants]


def test_a_fact_is_told_once_however_often_it_is_announced(
    shop: Shop, owner: User, receiver: Receiver
) -> None:
    add_endpoint(shop, owner, receiver.url)
    subject_id = new_id()

    first = tell(shop, RELEASED, subject_id=subject_id)
    again = tell(shop, RELEASED, subject_id=subject_id)
    other = tell(shop, RELEASED, subject_id=subject_id, fact="another")

    assert first == again
    assert len(first) == len(other) == 1
    assert first != other


def test_what_is_rolled_back_is_never_told(shop: Shop) -> None:
    def fall_over() -> None:
        with shop.database.transaction() as session:
            announce(session, RELEASED, subject_id=new_id(), data={})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fall_over()

    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OutgoingEvent)) == 0


def test_the_waits_are_those_of_the_standard_a_little_longer_and_end() -> None:
    waits = [wait_before(number) for number in range(1, MOST_ATTEMPTS)]

    for wait, wanted in zip(waits, WAITS, strict=True):
        assert wait is not None
        assert wanted <= wait <= wanted * 1.1
    assert sum(WAITS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert wait_before(MOST_ATTEMPTS) is None
    assert wait_before(1, retry_after=3600) == timedelta(hours=1)
    assert wait_before(5, retry_after=1) >= WAITS[4]  # type: ignore[operator]


def test_what_failed_is_tried_again_when_it_is_due_under_the_same_id(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    receiver.answers(status=500, times=1, body="out of memory")

    send(timed, delivery_id)
    send(timed, delivery_id)

    failed = delivery_of(timed, delivery_id)
    assert (failed.state, failed.attempts) == (DeliveryState.FAILED, 1), "it was not due again"
    assert failed.due_at is not None
    assert attempts_of(timed, delivery_id)[0].answer == "out of memory"
    hands.now = failed.due_at
    send(timed, delivery_id)
    assert delivery_of(timed, delivery_id).state == DeliveryState.SUCCEEDED
    first, second = receiver.messages()
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["body"] == second["body"]


def test_a_receiver_that_asks_for_patience_gets_it(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    receiver.answers(status=429, retry_after=900)

    send(timed, delivery_id)

    assert delivery_of(timed, delivery_id).due_at == hands.now + timedelta(minutes=15)


def test_a_replay_goes_out_under_the_id_it_had_with_all_its_attempts(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [delivery_id] = tell(timed, RELEASED, subject_id=new_id())
    send(timed, delivery_id)

    with timed.database.transaction() as session:
        assert replay_deliveries(session, [delivery_id], now=hands.now) == 1
    with timed.database.transaction() as session:
        assert replay_deliveries(session, [delivery_id], now=hands.now) == 0, "it waits already"
    send(timed, delivery_id)

    first, second = receiver.messages()
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    delivery = delivery_of(timed, delivery_id)
    assert (delivery.state, delivery.attempts, delivery.replays) == ("succeeded", 1, 1)


def test_for_a_day_after_a_rotation_both_secrets_are_good_and_then_only_the_new_one(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(timed, owner, receiver.url)
    old = secret_of(timed, endpoint_id, owner)
    with timed.database.transaction() as session:
        rotate_secret(session, endpoint_id, box=timed.secret_box, actor_id=owner.id, now=hands.now)
    new = secret_of(timed, endpoint_id, owner)

    send(timed, tell(timed, RELEASED, subject_id=new_id())[0])
    hands.turn(OVERLAP)
    send(timed, tell(timed, RELEASED, subject_id=new_id())[0])

    both, after = receiver.messages()
    for message, secret, good in ((both, old, True), (both, new, True), (after, new, True)):
        stamp = float(message["headers"]["webhook-timestamp"])
        assert verify(secret, message["headers"], message["body"], now=stamp) is good
    stamp = float(after["headers"]["webhook-timestamp"])
    assert not verify(old, after["headers"], after["body"], now=stamp)


def test_a_changed_address_counts_for_what_waits_already(
    shop: Shop, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(shop, owner, f"{receiver.url}/old")
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    draft = EndpointDraft(url=f"{receiver.url}/new", description="", events=(RELEASED,))
    with shop.database.transaction() as session:
        change_endpoint(
            session, endpoint_id, draft, revision=1, courier=shop.courier, actor_id=owner.id
        )

    send(shop, delivery_id)

    assert [one["path"] for one in receiver.messages()] == ["/receiver/new"]


def test_a_ping_goes_to_its_endpoint_alone(shop: Shop, owner: User, receiver: Receiver) -> None:
    add_endpoint(shop, owner, f"{receiver.url}/other")
    asked = add_endpoint(shop, owner, f"{receiver.url}/asked")
    with shop.database.transaction() as session:
        delivery_id = ping_endpoint(session, asked, actor_id=owner.id, now=shop.clock())

    send(shop, delivery_id)

    [message] = receiver.messages()
    assert (message["path"], message["type"]) == ("/receiver/asked", "ping")


def test_what_is_over_goes_after_ninety_days_and_what_waits_stays(
    timed: Shop, hands: Hands, owner: User, receiver: Receiver
) -> None:
    add_endpoint(timed, owner, receiver.url)
    [done] = tell(timed, RELEASED, subject_id=new_id())
    send(timed, done)
    [waits] = tell(timed, RELEASED, subject_id=new_id())

    with timed.database.transaction() as session:
        assert purge_outgoing(session, now=hands.now + KEPT_FOR - timedelta(days=1)) == 0
        assert purge_outgoing(session, now=hands.now + KEPT_FOR + timedelta(days=1)) == 1

    with timed.database.reading() as session:
        assert session.scalars(select(OutgoingDelivery.id)).all() == [waits]


@pytest.mark.parametrize("state", DeliveryState)
@pytest.mark.parametrize("action", DeliveryAction)
def test_every_state_knows_what_each_action_means(
    state: DeliveryState, action: DeliveryAction
) -> None:
    is_open = state in (DeliveryState.PENDING, DeliveryState.FAILED)
    moves = isinstance(DELIVERY_MACHINE.next_state(state, action), Moved)

    assert moves == (
        state is not DeliveryState.PENDING if action is DeliveryAction.REPLAY else is_open
    )
