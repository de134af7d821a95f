"""Outgoing webhooks for staff: endpoints with how they do, deliveries with their attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.outgoing.attempts import good_secrets, write_body
from storefront.outgoing.models import (
    OPEN_STATES,
    DeliveryState,
    OutgoingAttempt,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)

PAGE_SIZE: Final = 50
LAST: Final = 10
# Counting all of a long log for a list would cost more than it says.
COUNTED_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint; the counts are of the last seven days."""

    endpoint: OutgoingEndpoint
    succeeded: int
    waiting: int
    given_up: int


@dataclass(frozen=True, slots=True)
class LogSize:
    """The deliveries of one endpoint, and those of them that still wait."""

    deliveries: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedDeliveries:
    """What to show; what is left out does not restrict."""

    state: DeliveryState | None = None
    event: str = ""
    endpoint_id: UUID | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One event on its way to one endpoint, with how the last attempt went."""

    id: UUID
    event: str
    message_id: str
    url: str
    endpoint_id: UUID
    state: DeliveryState
    attempts: int
    replays: int
    created_at: datetime
    due_at: datetime | None
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class DeliveryDossier:
    """One delivery whole. `body` is what is sent, byte for byte."""

    row: DeliveryRow
    endpoint: OutgoingEndpoint
    event: OutgoingEvent
    body: str
    signatures: int
    attempts: Sequence[OutgoingAttempt]


def list_endpoints(session: Session) -> Sequence[EndpointRow]:
    """Every endpoint, the oldest first; one query."""
    recent = OutgoingDelivery.created_at > func.now() - COUNTED_FOR

    def count(*states: DeliveryState) -> ColumnElement[int]:
        return func.count().filter(OutgoingDelivery.state.in_(states))

    rows = session.execute(
        select(
            OutgoingEndpoint,
            count(DeliveryState.SUCCEEDED),
            count(DeliveryState.PENDING, DeliveryState.FAILED),
            count(DeliveryState.GIVEN_UP),
        )
        .outerjoin(OutgoingDelivery, (OutgoingDelivery.endpoint_id == OutgoingEndpoint.id) & recent)
        .group_by(OutgoingEndpoint.id)
        .order_by(OutgoingEndpoint.id)
    )
    return [EndpointRow(*row) for row in rows]


def find_endpoint(session: Session, endpoint_id: UUID) -> OutgoingEndpoint:
    """One endpoint, read anew. Raises NotFound."""
    endpoint = session.scalar(
        select(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == endpoint_id)
        .execution_options(populate_existing=True)
    )
    if endpoint is None:
        raise NotFound("endpoint")
    return endpoint


def count_deliveries(session: Session, endpoint_id: UUID) -> LogSize:
    """How long the log of one endpoint is, and how much of it waits."""
    is_open = OutgoingDelivery.state.in_(OPEN_STATES)
    row = session.execute(
        select(func.count(), func.count().filter(is_open)).where(
            OutgoingDelivery.endpoint_id == endpoint_id
        )
    ).one()
    return LogSize(*row)


def list_last_deliveries(session: Session, endpoint_id: UUID) -> Sequence[DeliveryRow]:
    """The last ten of one endpoint."""
    wanted = WantedDeliveries(endpoint_id=endpoint_id)
    return list_deliveries(session, wanted, limit=LAST).items


def list_deliveries(
    session: Session,
    wanted: WantedDeliveries,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[DeliveryRow]:
    """One page, newest first, in one query however deep."""
    query = _rows().where(*_conditions(wanted)).order_by(OutgoingDelivery.id.desc())
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(OutgoingDelivery.id < last_id)
    rows = [_delivery_row(row) for row in session.execute(query.limit(limit + 1))]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def open_delivery(session: Session, delivery_id: UUID, *, now: datetime) -> DeliveryDossier:
    """One delivery with every attempt, the newest first, in 2 queries. Raises NotFound."""
    row = session.execute(
        _rows()
        .add_columns(OutgoingEndpoint, OutgoingEvent)
        .where(OutgoingDelivery.id == delivery_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("delivery")
    event: OutgoingEvent = row.OutgoingEvent
    attempts = session.scalars(
        select(OutgoingAttempt)
        .where(OutgoingAttempt.delivery_id == delivery_id)
        .order_by(OutgoingAttempt.number.desc())
        .limit(100)
    ).all()
    return DeliveryDossier(
        row=_delivery_row(row),
        endpoint=row.OutgoingEndpoint,
        event=event,
        body=write_body(event.name, event.occurred_at, event.data).decode(),
        signatures=len(good_secrets(row.OutgoingEndpoint, now=now)),
        attempts=attempts,
    )


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(
            OutgoingDelivery.id,
            OutgoingEvent.name,
            OutgoingEvent.id.label("event_id"),
            OutgoingEndpoint.url,
            OutgoingDelivery.endpoint_id,
            OutgoingDelivery.state,
            OutgoingDelivery.attempts,
            OutgoingDelivery.replays,
            OutgoingDelivery.created_at,
            OutgoingDelivery.due_at,
            OutgoingAttempt.status,
            OutgoingAttempt.error,
        )
        .join(OutgoingEvent, OutgoingEvent.id == OutgoingDelivery.event_id)
        .join(OutgoingEndpoint, OutgoingEndpoint.id == OutgoingDelivery.endpoint_id)
        .outerjoin(
            OutgoingAttempt,
            (OutgoingAttempt.delivery_id == OutgoingDelivery.id)
            & (OutgoingAttempt.number == OutgoingDelivery.claim),
        )
    )


def _conditions(wanted: WantedDeliveries) -> Iterator[ColumnElement[bool]]:
    if wanted.state is not None:
        yield OutgoingDelivery.state == wanted.state
    if wanted.event:
        yield OutgoingEvent.name == wanted.event
    if wanted.endpoint_id is not None:
        yield OutgoingDelivery.endpoint_id == wanted.endpoint_id
    if wanted.subject:
        # As receivers know it, or the id of the order, licence or release it is about.
        known = parse_id(wanted.subject.removeprefix("msg_"))
        yield (OutgoingEvent.id == known) | (OutgoingEvent.subject_id == known)


def _delivery_row(row: Any) -> DeliveryRow:
    return DeliveryRow(
        id=row.id,
        event=row.name,
        message_id=f"msg_{row.event_id.hex}",
        url=row.url,
        endpoint_id=row.endpoint_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        replays=row.replays,
        created_at=row.created_at,
        due_at=row.due_at,
        status=row.status,
        error=row.error or "",
    )
