"""The inbox of webhooks for staff: what came, what became of it, and what is stuck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, cast, func, literal_column, or_, select
from sqlalchemy import String as Text
from sqlalchemy.orm import Session

from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import Payment, WebhookEvent, WebhookState
from storefront.providers.tebex import SOURCE as TEBEX

PAGE_SIZE: Final = 50
# An event is applied within seconds; one that waits longer waits for the gateway, or for people.
STUCK_AFTER: Final = timedelta(minutes=5)
_RECENT: Final = 5_000


class InboxTab(StrEnum):
    """How the inbox is divided: stuck ones are received, too."""

    RECEIVED = "received"
    STUCK = "stuck"
    APPLIED = "applied"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to show; what is left out does not restrict."""

    tab: InboxTab | None = None
    event_type: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One event with the state of the outbox message that applies it, its attempts and its last
    error. The message of an event that was applied long ago is gone."""

    id: UUID
    event_id: str
    event_type: str
    state: WebhookState
    received_at: datetime
    applied_at: datetime | None
    replays: int
    payment_id: UUID | None
    message_state: MessageState | None
    attempts: int
    last_error: str | None
    next_try_at: datetime | None
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class WebhookDossier:
    """One event whole, with the payment it is about."""

    row: InboxRow
    source: str
    replayed_at: datetime | None
    payload: dict[str, Any]
    payment: Payment | None


def list_inbox(
    session: Session,
    wanted: Wanted,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[InboxRow]:
    """One page, newest first, in one query however deep.

    A search is the beginning of an event's id, or the id, ours or the gateway's, of the payment or
    of whatever the event is about.
    """
    query = _rows(now).where(*_conditions(wanted, now)).order_by(WebhookEvent.id.desc())
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(WebhookEvent.id < last_id)
    rows = [_inbox_row(row) for row in session.execute(query.limit(limit + 1))]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def list_event_types(session: Session) -> Sequence[str]:
    """The types among the latest events, in a query that does not grow with the inbox."""
    recent = (
        select(WebhookEvent.event_type).order_by(WebhookEvent.id.desc()).limit(_RECENT).subquery()
    )
    found = select(recent.c.event_type).distinct().order_by(recent.c.event_type)
    return session.scalars(found).all()


def count_stuck(session: Session, *, now: datetime) -> int:
    """How many events wait for a person."""
    query = (
        select(func.count()).select_from(WebhookEvent).outerjoin(OutboxMessage, _is_its_message())
    )
    return session.scalar(query.where(_is_stuck(now))) or 0


def open_webhook(session: Session, webhook_id: UUID, *, now: datetime) -> WebhookDossier:
    """One event, in one query. Raises NotFound."""
    found = session.execute(
        _rows(now)
        .add_columns(WebhookEvent, Payment)
        .outerjoin(Payment, Payment.id == WebhookEvent.payment_id)
        .where(WebhookEvent.id == webhook_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("webhook")
    event: WebhookEvent = found.WebhookEvent
    return WebhookDossier(
        row=_inbox_row(found),
        source=event.source,
        replayed_at=event.replayed_at,
        payload=event.payload,
        payment=found.Payment,
    )


def _rows(now: datetime) -> Select[*tuple[Any, ...]]:
    return select(
        WebhookEvent.id,
        WebhookEvent.event_id,
        WebhookEvent.event_type,
        WebhookEvent.state,
        WebhookEvent.received_at,
        WebhookEvent.applied_at,
        WebhookEvent.replays,
        WebhookEvent.payment_id,
        OutboxMessage.state.label("message_state"),
        OutboxMessage.attempts,
        OutboxMessage.last_error,
        OutboxMessage.available_at,
        _is_stuck(now).label("is_stuck"),
    ).outerjoin(OutboxMessage, _is_its_message())


def _is_its_message() -> ColumnElement[bool]:
    # The same words as payments.service.event_key, in SQL.
    key = "webhook:" + cast(WebhookEvent.id, Text)
    replay = case(
        (WebhookEvent.replays > 0, ":replay:" + cast(WebhookEvent.replays, Text)), else_=""
    )
    return OutboxMessage.dedupe_key == key + replay


def _is_stuck(now: datetime) -> ColumnElement[bool]:
    waits_since = func.coalesce(WebhookEvent.replayed_at, WebhookEvent.received_at)
    return and_(
        WebhookEvent.state == WebhookState.RECEIVED,
        or_(
            waits_since < now - STUCK_AFTER,
            func.coalesce(OutboxMessage.state == MessageState.DEAD, False),
        ),
    )


def _conditions(wanted: Wanted, now: datetime) -> Iterator[ColumnElement[bool]]:
    if wanted.tab is InboxTab.STUCK:
        yield _is_stuck(now)
    elif wanted.tab is not None:
        yield WebhookEvent.state == wanted.tab.value
    if wanted.event_type:
        yield WebhookEvent.event_type == wanted.event_type
    if wanted.search:
        yield _matches(wanted.search)


def _matches(words: str) -> ColumnElement[bool]:
    own_id = parse_id(words)
    if own_id is not None:
        return or_(WebhookEvent.id == own_id, WebhookEvent.payment_id == own_id)
    payments = select(Payment.id).where(
        or_(Payment.gateway_payment_id == words, Payment.gateway_session_id == words)
    )
    # As it is indexed: what an event is about, whether or not that is known to be ours.
    object_id = literal_column("(webhook_events.payload #>> '{data,object,id}')", Text)
    # The same for Tebex, whose events are about transactions.
    transaction = literal_column("(webhook_events.payload #>> '{subject,transaction_id}')", Text)
    return or_(
        (WebhookEvent.source == TEBEX) & (transaction == words),
        WebhookEvent.event_id.startswith(words, autoescape=True),
        WebhookEvent.payment_id.in_(payments),
        object_id == words,
    )


def _inbox_row(row: Any) -> InboxRow:
    state = row.message_state
    return InboxRow(
        id=row.id,
        event_id=row.event_id,
        event_type=row.event_type,
        state=WebhookState(row.state),
        received_at=row.received_at,
        applied_at=row.applied_at,
        replays=row.replays,
        payment_id=row.payment_id,
        message_state=None if state is None else MessageState(state),
        attempts=row.attempts or 0,
        last_error=row.last_error,
        next_try_at=row.available_at if state == MessageState.PENDING else None,
        is_stuck=row.is_stuck,
    )
