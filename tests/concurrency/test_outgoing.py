"""Two workers at one delivery, two people at one secret, two jobs at one person's roles."""

from __future__ import annotations

from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jobs import outgoing as jobs
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.discord_roles.service import claim_member
from storefront.kit.ids import new_id
from storefront.outgoing.attempts import claim_attempt
from storefront.outgoing.endpoints import show_secret
from storefront.outgoing.models import EventName, OutgoingAttempt, OutgoingDelivery
from storefront.outgoing.service import fan_out, replay_deliveries
from storefront.sandbox.serve import RunningSandbox
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory
from tests.support.receiving import Receiver, add_endpoint, tell

RUNNERS = 8


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def receiver(sandbox: RunningSandbox):
    running = Receiver(sandbox)
    running.forget()
    yield running
    running.forget()


@pytest.fixture
def delivery_id(shop: Shop, owner: User, receiver: Receiver) -> UUID:
    add_endpoint(shop, owner, receiver.url)
    return tell(shop, EventName.RELEASE_PUBLISHED, subject_id=new_id())[0]


def test_of_many_workers_at_one_delivery_one_sends_it(
    shop: Shop, receiver: Receiver, delivery_id: UUID
) -> None:
    receiver.answers(delay_ms=200)

    race([lambda: jobs.send(shop, {"delivery_id": str(delivery_id)})] * RUNNERS)

    assert len(receiver.messages()) == 1


def test_control_who_looks_before_claiming_sends_it_as_often_as_there_are_workers(
    shop: Shop, delivery_id: UUID
) -> None:
    def naive(session: Session, everybody_has_read: Barrier) -> None:
        delivery = session.get_one(OutgoingDelivery, delivery_id)
        is_free = delivery.claimed_until is None
        everybody_has_read.wait()
        if is_free:
            session.add(
                OutgoingAttempt(
                    delivery_id=delivery_id,
                    number=new_id().int % 10**9,
                    started_at=shop.clock(),
                )
            )

    race_transactions(shop.database, naive, runners=RUNNERS)

    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OutgoingAttempt)) == RUNNERS


def test_of_many_claims_one_is_given(shop: Shop, delivery_id: UUID) -> None:
    def claim() -> int:
        with shop.database.transaction() as session:
            parcel = claim_attempt(session, delivery_id, now=shop.clock())
            return parcel.claim if parcel else 0

    assert sorted(successes_in(race([claim] * RUNNERS))) == [0] * (RUNNERS - 1) + [1]


def test_of_many_fan_outs_one_makes_the_deliveries(
    shop: Shop, owner: User, receiver: Receiver, delivery_id: UUID
) -> None:
    with shop.database.transaction() as session:
        delivery = session.get_one(OutgoingDelivery, delivery_id)
        event_id = delivery.event_id
        session.delete(delivery)
        session.execute(text("UPDATE outgoing_events SET is_fanned_out = false"))

    def fan() -> int:
        with shop.database.transaction() as session:
            return fan_out(session, event_id, now=shop.clock())

    assert sorted(successes_in(race([fan] * RUNNERS))) == [0] * (RUNNERS - 1) + [1]


def test_of_many_replays_one_counts(shop: Shop, delivery_id: UUID) -> None:
    jobs.send(shop, {"delivery_id": str(delivery_id)})

    def replay() -> int:
        with shop.database.transaction() as session:
            return replay_deliveries(session, [delivery_id], now=shop.clock())

    assert sorted(successes_in(race([replay] * RUNNERS))) == [0] * (RUNNERS - 1) + [1]


def test_control_without_the_lock_every_replay_counts(shop: Shop, delivery_id: UUID) -> None:
    jobs.send(shop, {"delivery_id": str(delivery_id)})
    counted: list[int] = []

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        state = session.scalar(
            select(OutgoingDelivery.state).where(OutgoingDelivery.id == delivery_id)
        )
        everybody_has_read.wait()
        if state == "succeeded":
            counted.append(1)

    race_transactions(shop.database, naive, runners=RUNNERS)

    assert len(counted) == RUNNERS


def test_of_many_who_want_to_see_a_secret_one_sees_it(
    shop: Shop, owner: User, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(shop, owner, receiver.url)

    def look() -> str:
        with shop.database.transaction() as session:
            return show_secret(
                session, endpoint_id, box=shop.secret_box, actor_id=owner.id, now=shop.clock()
            )

    outcomes = race([look] * RUNNERS)

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["secret_shown"] * (RUNNERS - 1)


def test_control_without_the_lock_all_see_it(shop: Shop, owner: User, receiver: Receiver) -> None:
    endpoint_id = add_endpoint(shop, owner, receiver.url)
    seen: list[str] = []

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        query = text("SELECT secret_sealed, secret_shown_at FROM outgoing_endpoints WHERE id = :id")
        row = session.execute(query, {"id": endpoint_id}).one()
        everybody_has_read.wait()
        if row.secret_shown_at is None:
            seen.append(row.secret_sealed)

    race_transactions(shop.database, naive, runners=RUNNERS)

    assert len(seen) == RUNNERS


def test_of_many_jobs_one_has_a_person(shop: Shop, make: Factory) -> None:
    person = make.user()

    def claim() -> int | None:
        with shop.database.transaction() as session:
            return claim_member(session, person.id, now=shop.clock())

    assert [one for one in race([claim] * RUNNERS) if one is not None] == [1]


def test_control_without_the_conditional_update_all_have_that_person(
    shop: Shop, make: Factory
) -> None:
    person, holders = make.user(), []

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        query = text("SELECT claimed_until FROM discord_members WHERE user_id = :id")
        held = session.scalar(query, {"id": person.id})
        everybody_has_read.wait()
        if held is None:
            holders.append(1)

    race_transactions(shop.database, naive, runners=RUNNERS)

    assert len(holders) == RUNNERS
