"""Announcing facts and what becomes of their deliveries. Who writes to an endpoint and to its
deliveries locks the endpoint first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.state import Moved
from storefront.outbox import enqueue
from storefront.outgoing.models import (
    DELIVERY_MACHINE,
    OPEN_STATES,
    DeliveryAction,
    DeliveryState,
    EventName,
    OffReason,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)

MOST_AT_ONCE: Final = 1_000
PLANNED_AT_ONCE: Final = 200


def announce(
    session: Session,
    event: EventName,
    *,
    subject_id: UUID,
    data: Mapping[str, Any],
    fact: str = "",
) -> None:
    """Tell every endpoint that wants to know, once the caller's transaction is committed.

    `data` is a picture of the moment as JSON: ids, states and amounts in satang; never a key or a
    secret, of people no more than ids. `fact` tells apart what can happen to one subject several
    times, like the id of a refund. Idempotent by event and fact.
    """
    written = session.scalar(
        insert(OutgoingEvent)
        .values(
            id=new_id(),
            name=event,
            subject_id=subject_id,
            dedupe_key=f"{event}:{fact or subject_id}",
            data=dict(data),
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(OutgoingEvent.id)
    )
    if written is not None:
        enqueue(
            session,
            "fan_out_outgoing",
            {"event_id": str(written)},
            dedupe_key=f"fan_out_outgoing:{written}",
        )


def fan_out(session: Session, event_id: UUID, *, now: datetime) -> int:
    """One delivery for each endpoint that subscribed; how many. Locks the event, then the
    endpoints against being deleted; idempotent.

    An endpoint that the shop switched off for failing gets deliveries that are given up already,
    so that they can be sent once it is back; one that is off for another reason gets none.
    """
    event = session.scalar(
        select(OutgoingEvent).where(OutgoingEvent.id == event_id).with_for_update()
    )
    if event is None or event.is_fanned_out:
        return 0
    event.is_fanned_out = True
    endpoints = session.scalars(
        select(OutgoingEndpoint)
        .where(
            OutgoingEndpoint.events.contains([event.name]),
            OutgoingEndpoint.enabled | (OutgoingEndpoint.off_reason == OffReason.FAILING),
        )
        .order_by(OutgoingEndpoint.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    for endpoint in endpoints:
        add_delivery(session, endpoint, event_id, now=now)
    return len(endpoints)


def add_delivery(
    session: Session, endpoint: OutgoingEndpoint, event_id: UUID, *, now: datetime
) -> UUID:
    """A delivery of an event to an endpoint, due now. One to an endpoint in trouble waits for its
    turn (`plan_deliveries`)."""
    delivery = OutgoingDelivery(
        id=new_id(),
        endpoint_id=endpoint.id,
        event_id=event_id,
        state=DeliveryState.PENDING if endpoint.enabled else DeliveryState.GIVEN_UP,
        due_at=now if endpoint.enabled else None,
        settled_at=None if endpoint.enabled else now,
        claim=0,
    )
    session.add(delivery)
    session.flush()
    if endpoint.enabled and endpoint.failing_since is None:
        _enqueue(session, delivery.id, claim=0, now=now)
    return delivery.id


def plan_deliveries(session: Session, *, now: datetime) -> int:
    """Hand what is due to the worker; how many. Of an endpoint in trouble one at a time, so that a
    server that hangs costs ten seconds now and then, and not ten for everything that waits.

    Safe to run at any time: a delivery is enqueued once a minute at most, and made by one at a
    time (`attempts.claim_attempt`). What somebody makes right now is left out: enqueued too soon,
    it would have used up its minute.
    """
    place = (
        func.row_number()
        .over(
            partition_by=OutgoingDelivery.endpoint_id,
            order_by=(OutgoingDelivery.due_at, OutgoingDelivery.id),
        )
        .label("place")
    )
    held = aliased(OutgoingDelivery)
    is_busy = (
        select(held.id)
        .where(held.endpoint_id == OutgoingDelivery.endpoint_id, held.claimed_until > now)
        .exists()
    )
    due = (
        select(
            OutgoingDelivery.id,
            OutgoingDelivery.claim,
            OutgoingEndpoint.failing_since,
            is_busy.label("is_busy"),
            place,
        )
        .join(OutgoingEndpoint, OutgoingEndpoint.id == OutgoingDelivery.endpoint_id)
        .where(
            OutgoingDelivery.state.in_(OPEN_STATES),
            OutgoingDelivery.due_at <= now,
            OutgoingDelivery.claimed_until.is_(None) | (OutgoingDelivery.claimed_until <= now),
            OutgoingEndpoint.enabled,
        )
        .subquery()
    )
    is_healthy = due.c.failing_since.is_(None)
    found = session.execute(
        select(due.c.id, due.c.claim)
        .where(is_healthy | ((due.c.place == 1) & ~due.c.is_busy))
        .order_by(due.c.place)
        .limit(PLANNED_AT_ONCE)
    ).all()
    for row in found:
        _enqueue(session, row.id, claim=row.claim, now=now)
    return len(found)


def replay_deliveries(session: Session, delivery_ids: Sequence[UUID], *, now: datetime) -> int:
    """Send these again under the ids they had, with all their attempts; how many. What waits
    anyway, and what belongs to an endpoint that is off, is left out. Locks endpoints, then
    deliveries, in the order of their ids: of two at once the second finds it done."""
    rows = select(OutgoingDelivery.endpoint_id).where(OutgoingDelivery.id.in_(delivery_ids))
    endpoints = {
        endpoint.id: endpoint
        for endpoint in session.scalars(
            select(OutgoingEndpoint)
            .where(OutgoingEndpoint.id.in_(rows), OutgoingEndpoint.enabled)
            .order_by(OutgoingEndpoint.id)
            .with_for_update(key_share=True)
        )
    }
    found = session.scalars(
        select(OutgoingDelivery)
        .where(OutgoingDelivery.id.in_(delivery_ids), OutgoingDelivery.endpoint_id.in_(endpoints))
        .order_by(OutgoingDelivery.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return sum(_replay(session, one, endpoints[one.endpoint_id], now=now) for one in found)


def replay_delivery(session: Session, delivery_id: UUID, *, now: datetime) -> None:
    """The same for one, and saying why not: raises NotFound `delivery`, Conflict `endpoint_off`
    or `delivery_waits`."""
    found = session.execute(
        select(OutgoingEndpoint.enabled)
        .join(OutgoingDelivery, OutgoingDelivery.endpoint_id == OutgoingEndpoint.id)
        .where(OutgoingDelivery.id == delivery_id)
    ).one_or_none()
    if found is None:
        raise NotFound("delivery")
    if not found.enabled:
        raise Conflict("endpoint_off")
    if not replay_deliveries(session, [delivery_id], now=now):
        raise Conflict("delivery_waits")


def replay_given_up(session: Session, endpoint_id: UUID, *, since: datetime, now: datetime) -> int:
    """Send everything again that was given up of what came since then, the oldest first, up to
    1,000; how many. Raises NotFound `endpoint`, Conflict `endpoint_off`."""
    enabled = session.scalar(
        select(OutgoingEndpoint.enabled).where(OutgoingEndpoint.id == endpoint_id)
    )
    if enabled is None:
        raise NotFound("endpoint")
    if not enabled:
        raise Conflict("endpoint_off")
    wanted = session.scalars(
        select(OutgoingDelivery.id)
        .where(
            OutgoingDelivery.endpoint_id == endpoint_id,
            OutgoingDelivery.state == DeliveryState.GIVEN_UP,
            OutgoingDelivery.created_at >= since,
        )
        .order_by(OutgoingDelivery.id)
        .limit(MOST_AT_ONCE)
    ).all()
    return replay_deliveries(session, wanted, now=now)


def give_up_open(session: Session, endpoint_id: UUID, *, now: datetime) -> None:
    """What waits for a locked endpoint that was switched off is given up; it can be replayed."""
    session.execute(
        update(OutgoingDelivery)
        .where(OutgoingDelivery.endpoint_id == endpoint_id, OutgoingDelivery.state.in_(OPEN_STATES))
        .values(state=DeliveryState.GIVEN_UP, due_at=None, settled_at=now)
        .execution_options(synchronize_session=False)
    )


def move_delivery(delivery: OutgoingDelivery, action: DeliveryAction) -> bool:
    """Move a locked delivery; False where the action means nothing (any more)."""
    outcome = DELIVERY_MACHINE.next_state(DeliveryState(delivery.state), action)
    if not isinstance(outcome, Moved):
        return False
    delivery.state = outcome.state
    return True


def _replay(
    session: Session, delivery: OutgoingDelivery, endpoint: OutgoingEndpoint, *, now: datetime
) -> bool:
    if not move_delivery(delivery, DeliveryAction.REPLAY):
        return False
    delivery.attempts = 0
    delivery.replays += 1
    delivery.due_at = now
    delivery.settled_at = None
    session.flush()
    if endpoint.failing_since is None:
        _enqueue(session, delivery.id, claim=delivery.claim, now=now)
    return True


def _enqueue(session: Session, delivery_id: UUID, *, claim: int, now: datetime) -> None:
    minute = int(now.timestamp()) // 60
    enqueue(
        session,
        "send_outgoing",
        {"delivery_id": str(delivery_id)},
        dedupe_key=f"send_outgoing:{delivery_id}:{claim}:{minute}",
    )
