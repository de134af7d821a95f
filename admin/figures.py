"""The figures of the overview: each one is counted from the books when the page is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.kit.clock import in_shop_zone
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, LedgerAccount, LedgerEntry, LedgerPosting
from storefront.orders.models import Order
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import LIVE_STATES, Payment, WebhookEvent, WebhookState

WEEK_DAYS = 7
LATE = timedelta(minutes=2)
# Ids are in time order, so they bound a scan; the slack covers clocks that differ.
_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sales:
    """Orders and takings since a moment. `revenue` is what the ledger's sales account gained."""

    placed: int
    completed: int
    revenue: Money


@dataclass(frozen=True, slots=True)
class OpenPayments:
    """Payments that wait for their buyer or their bank."""

    count: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Queue:
    """Work written down and not yet done. `late` waits longer than it should, `dead` was given
    up after all attempts and needs a person."""

    pending: int
    late: int
    dead: int


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The gateway's last word, and how many of its words are not applied yet."""

    last_at: datetime | None
    last_type: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the overview shows, counted at `at`."""

    at: datetime
    today: Sales
    week: Sales
    payments: OpenPayments
    queue: Queue
    webhooks: Webhooks


def count_figures(session: Session, *, now: datetime) -> Figures:
    """Count everything anew, in six queries. Days begin at midnight in the shop's zone; the week
    is today and the six days before."""
    midnight = in_shop_zone(now).replace(hour=0, minute=0, second=0, microsecond=0)
    week = midnight - timedelta(days=WEEK_DAYS - 1)
    orders = _orders(session, midnight, week)
    revenue = _revenue(session, midnight, week)
    return Figures(
        at=now,
        today=Sales(orders[0], orders[1], revenue[0]),
        week=Sales(orders[2], orders[3], revenue[1]),
        payments=_payments(session),
        queue=_queue(session, now),
        webhooks=_webhooks(session),
    )


def _orders(session: Session, midnight: datetime, week: datetime) -> tuple[int, int, int, int]:
    row = session.execute(
        select(
            func.count().filter(Order.created_at >= midnight),
            func.count().filter(Order.completed_at >= midnight),
            func.count().filter(Order.created_at >= week),
            func.count().filter(Order.completed_at >= week),
        ).where(Order.id >= first_id_of(week - timedelta(days=1)))
    ).one()
    return row[0], row[1], row[2], row[3]


def _revenue(session: Session, midnight: datetime, week: datetime) -> tuple[Money, Money]:
    amount = func.sum(LedgerEntry.amount_satang)
    row = session.execute(
        select(
            func.coalesce(amount.filter(LedgerPosting.posted_at >= midnight), 0),
            func.coalesce(amount, 0),
        )
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(
            LedgerAccount.kind == AccountKind.SALES,
            LedgerEntry.id >= first_id_of(week - _SLACK),
            LedgerPosting.posted_at >= week,
        )
    ).one()
    return Money(int(row[0])), Money(int(row[1]))


def _payments(session: Session) -> OpenPayments:
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Payment.amount_satang), 0)).where(
            Payment.state.in_(LIVE_STATES)
        )
    ).one()
    return OpenPayments(row[0], Money(int(row[1])))


def _queue(session: Session, now: datetime) -> Queue:
    is_pending = OutboxMessage.state == MessageState.PENDING
    row = session.execute(
        select(
            func.count().filter(is_pending),
            func.count().filter(is_pending, OutboxMessage.available_at < now - LATE),
            func.count().filter(OutboxMessage.state == MessageState.DEAD),
        ).where(OutboxMessage.state != MessageState.DONE)
    ).one()
    return Queue(row[0], row[1], row[2])


def _webhooks(session: Session) -> Webhooks:
    last = session.execute(
        select(WebhookEvent.received_at, WebhookEvent.event_type)
        .order_by(WebhookEvent.id.desc())
        .limit(1)
    ).one_or_none()
    waiting = session.scalar(
        select(func.count()).where(WebhookEvent.state == WebhookState.RECEIVED)
    )
    return Webhooks(
        last_at=last.received_at if last else None,
        last_type=last.event_type if last else "",
        waiting=int(waiting or 0),
    )


def first_id_of(moment: datetime) -> UUID:
    """The smallest identifier that can have been made at `moment` (RFC 9562, version 7: the
    first 48 bits are milliseconds)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
