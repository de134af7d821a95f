"""An endpoint that is deleted while a worker has one of its deliveries, or makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jobs import outgoing as jobs
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.outgoing.endpoints import delete_endpoint
from storefront.outgoing.models import (
    EventName,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)
from storefront.outgoing.service import add_delivery, announce
from storefront.providers.courier import Answer
from storefront.sandbox.serve import RunningSandbox
from tests.concurrency.racing import race, race_transactions, successes_in
from tests.support.factories import Factory
from tests.support.receiving import Receiver, add_endpoint, tell

RELEASED = EventName.RELEASE_PUBLISHED
ROUNDS = 10


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def receiver(sandbox: RunningSandbox) -> Iterator[Receiver]:
    running = Receiver(sandbox)
    running.forget()
    yield running
    running.forget()


@pytest.fixture
def endpoint_id(shop: Shop, owner: User, receiver: Receiver) -> UUID:
    return add_endpoint(shop, owner, receiver.url)


def remove(shop: Shop, endpoint_id: UUID, owner: User) -> None:
    with shop.database.transaction() as session:
        delete_endpoint(session, endpoint_id, revision=1, actor_id=owner.id)


def left(shop: Shop) -> tuple[int | None, int | None]:
    with shop.database.reading() as session:
        return (
            session.scalar(select(func.count()).select_from(OutgoingEndpoint)),
            session.scalar(select(func.count()).select_from(OutgoingDelivery)),
        )


class SlowCourier:
    """Carries a message while something else happens, and fails."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile, self.carried = meanwhile, 0

    def check(self, url: str) -> None:
        """Any address will do."""

    def send(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        self.carried += 1
        self.meanwhile()
        return Answer(status=500)


def test_a_delivery_in_the_workers_hand_ends_with_its_endpoint_and_is_not_repeated(
    shop: Shop, owner: User, endpoint_id: UUID
) -> None:
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    courier = SlowCourier(lambda: remove(shop, endpoint_id, owner))
    slow = replace(shop, courier=courier)

    jobs.send(slow, {"delivery_id": str(delivery_id)})
    jobs.send(slow, {"delivery_id": str(delivery_id)})
    jobs.plan_due(slow)

    assert courier.carried == 1
    assert left(shop) == (0, 0)


def test_deleting_and_recording_an_attempt_never_wait_for_each_other(
    shop: Shop, owner: User, receiver: Receiver
) -> None:
    receiver.answers(status=500)
    for _ in range(ROUNDS):
        endpoint_id = add_endpoint(shop, owner, receiver.url)
        ids = [tell(shop, RELEASED, subject_id=new_id())[0] for _ in range(3)]
        sends = [partial(jobs.send, shop, {"delivery_id": str(one)}) for one in ids]

        outcomes = race([*sends, partial(remove, shop, endpoint_id, owner)])

        assert len(successes_in(outcomes)) == 4
        assert left(shop) == (0, 0)


def announced(shop: Shop) -> UUID:
    subject_id = new_id()
    with shop.database.transaction() as session:
        announce(session, RELEASED, subject_id=subject_id, data={})
        return session.scalars(
            select(OutgoingEvent.id).where(OutgoingEvent.subject_id == subject_id)
        ).one()


def test_deleting_and_fanning_out_give_no_delivery_without_an_endpoint(
    shop: Shop, owner: User, receiver: Receiver
) -> None:
    for _ in range(ROUNDS):
        endpoint_id, event_id = add_endpoint(shop, owner, receiver.url), announced(shop)

        outcomes = race(
            [
                partial(jobs.fan_out_event, shop, {"event_id": str(event_id)}),
                partial(remove, shop, endpoint_id, owner),
            ]
        )

        assert len(successes_in(outcomes)) == 2
        assert left(shop) == (0, 0)


def test_control_who_fans_out_without_the_lock_trips_over_the_deletion(
    shop: Shop, owner: User, endpoint_id: UUID
) -> None:
    event_id, turns = announced(shop), iter(range(2))

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        endpoint = session.get_one(OutgoingEndpoint, endpoint_id)
        turn = next(turns)
        everybody_has_read.wait()
        if turn == 0:
            session.execute(text("DELETE FROM outgoing_endpoints"))
        else:
            session.execute(text("SELECT pg_sleep(0.3)"))
            add_delivery(session, endpoint, event_id, now=shop.clock())

    with pytest.raises(IntegrityError):
        race_transactions(shop.database, naive, runners=2)
