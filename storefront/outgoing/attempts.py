"""One attempt: claimed and written down, made outside every transaction, and recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.outbox import CLAIM
from storefront.outgoing.models import (
    OPEN_STATES,
    DeliveryAction,
    OffReason,
    OutgoingAttempt,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)
from storefront.outgoing.notices import tell_of_switch_off
from storefront.outgoing.rules import GONE, must_switch_off, wait_before
from storefront.outgoing.service import give_up_open, move_delivery
from storefront.providers.courier import Answer

# Longer than an attempt can take (ten seconds in all), so that nobody takes over while one is
# under way.
HELD_FOR: Final = CLAIM


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """An attempt that was claimed, with all it takes to make it. `claim` fences."""

    delivery_id: UUID
    endpoint_id: UUID
    claim: int
    attempt: int
    url: str
    message_id: str
    body: bytes
    sealed_secrets: tuple[str, ...]


def claim_attempt(session: Session, delivery_id: UUID, *, now: datetime) -> Parcel | None:
    """Take a delivery that is due and write down that an attempt begins; None when it is not due,
    somebody else makes it, or its endpoint is off.

    A conditional update: of two workers at once exactly one gets it, and whoever dies with it
    loses it after 15 s.
    """
    is_on = (
        select(OutgoingEndpoint.id)
        .where(OutgoingEndpoint.id == OutgoingDelivery.endpoint_id, OutgoingEndpoint.enabled)
        .exists()
    )
    row = session.execute(
        update(OutgoingDelivery)
        .where(
            OutgoingDelivery.id == delivery_id,
            OutgoingDelivery.state.in_(OPEN_STATES),
            OutgoingDelivery.due_at <= now,
            OutgoingDelivery.claimed_until.is_(None) | (OutgoingDelivery.claimed_until <= now),
            is_on,
        )
        .values(
            claim=OutgoingDelivery.claim + 1,
            attempts=OutgoingDelivery.attempts + 1,
            claimed_until=now + HELD_FOR,
        )
        .returning(
            OutgoingDelivery.endpoint_id,
            OutgoingDelivery.event_id,
            OutgoingDelivery.claim,
            OutgoingDelivery.attempts,
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    session.add(OutgoingAttempt(delivery_id=delivery_id, number=row.claim, started_at=now))
    endpoint = session.get_one(OutgoingEndpoint, row.endpoint_id)
    event = session.get_one(OutgoingEvent, row.event_id)
    return Parcel(
        delivery_id=delivery_id,
        endpoint_id=endpoint.id,
        claim=row.claim,
        attempt=row.attempts,
        url=endpoint.url,
        message_id=event.message_id,
        body=write_body(event.name, event.occurred_at, event.data),
        sealed_secrets=good_secrets(endpoint, now=now),
    )


def record_attempt(session: Session, parcel: Parcel, answer: Answer, *, now: datetime) -> None:
    """Write down how an attempt went and what follows: done, another later, or given up and
    perhaps the endpoint switched off. Locks the endpoint, then the delivery. An attempt whose
    claim was taken over is written down and changes nothing else; one to an endpoint that was
    deleted meanwhile leaves nothing behind."""
    endpoint = session.scalar(
        select(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == parcel.endpoint_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if endpoint is None:
        return
    session.execute(
        update(OutgoingAttempt)
        .where(
            OutgoingAttempt.delivery_id == parcel.delivery_id,
            OutgoingAttempt.number == parcel.claim,
        )
        .values(
            status=answer.status,
            error=answer.error,
            duration_ms=answer.duration_ms,
            answer=answer.body,
        )
        .execution_options(synchronize_session=False)
    )
    delivery = session.scalar(
        select(OutgoingDelivery)
        .where(OutgoingDelivery.id == parcel.delivery_id, OutgoingDelivery.claim == parcel.claim)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if delivery is None:
        return
    delivery.claimed_until = None
    if answer.is_success:
        _succeed(endpoint, delivery, now=now)
    else:
        _fail(session, endpoint, delivery, answer, now=now)
    session.flush()


def switch_off(
    session: Session, endpoint: OutgoingEndpoint, reason: OffReason, *, now: datetime
) -> None:
    """Switch a locked endpoint off and give up what waits for it; what the shop does by itself is
    told to people."""
    endpoint.enabled = False
    endpoint.off_reason = reason
    endpoint.off_at = now
    endpoint.revision += 1
    session.flush()
    give_up_open(session, endpoint.id, now=now)
    if reason is not OffReason.STAFF:
        tell_of_switch_off(session, endpoint, alert_id=new_id(), now=now)


def write_body(name: str, occurred_at: datetime, data: dict[str, Any]) -> bytes:
    """The body as the standard recommends it, the same bytes in every attempt."""
    at = occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": name, "timestamp": at, "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def good_secrets(endpoint: OutgoingEndpoint, *, now: datetime) -> tuple[str, ...]:
    """The sealed secrets to sign with now, the newest first."""
    old, until = endpoint.old_secret_sealed, endpoint.old_secret_until
    if old is not None and until is not None and until > now:
        return endpoint.secret_sealed, old
    return (endpoint.secret_sealed,)


def _succeed(endpoint: OutgoingEndpoint, delivery: OutgoingDelivery, *, now: datetime) -> None:
    endpoint.failures, endpoint.failing_since = 0, None
    if move_delivery(delivery, DeliveryAction.SUCCEED):
        delivery.due_at, delivery.settled_at = None, now


def _fail(
    session: Session,
    endpoint: OutgoingEndpoint,
    delivery: OutgoingDelivery,
    answer: Answer,
    *,
    now: datetime,
) -> None:
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    wait = wait_before(delivery.attempts, retry_after=answer.retry_after)
    if wait is None or answer.status == GONE:
        if move_delivery(delivery, DeliveryAction.GIVE_UP):
            delivery.due_at, delivery.settled_at = None, now
    elif move_delivery(delivery, DeliveryAction.FAIL):
        delivery.due_at = now + wait
    if not endpoint.enabled:
        return
    if answer.status == GONE:
        switch_off(session, endpoint, OffReason.GONE, now=now)
    elif wait is None and must_switch_off(
        failing_since=endpoint.failing_since, failures=endpoint.failures, now=now
    ):
        switch_off(session, endpoint, OffReason.FAILING, now=now)
