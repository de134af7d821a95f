"""Everything the shop knows about one order, gathered for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.ledger.queries import PostingFilter, PostingRow, list_postings
from storefront.licenses.queries import LicenseRow, list_order_licenses
from storefront.notifications.models import SentMail
from storefront.orders.models import Order
from storefront.orders.queries import get_order_for_staff, list_payments
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import Payment, WebhookEvent
from storefront.refunds.models import Refund
from storefront.refunds.queries import list_order_refunds

MOST_WEBHOOKS = 50
MOST_POSTINGS = 100
ORDER_MAIL = "order_completed"


@dataclass(frozen=True, slots=True)
class OrderDossier:
    """One order with all that came of it. `waiting_mail` is the mail's place in the outbox while
    it is not done."""

    order: Order
    buyer: User
    payments: Sequence[Payment]
    postings: Sequence[PostingRow]
    refunds: Sequence[Refund]
    licenses: tuple[LicenseRow, ...]
    webhooks: Sequence[WebhookEvent]
    mails: Sequence[SentMail]
    waiting_mail: OutboxMessage | None


def open_dossier(session: Session, order_id: UUID, *, now: datetime) -> OrderDossier:
    """Gather it in at most ten queries. Raises NotFound."""
    order, buyer = get_order_for_staff(session, order_id)
    payments = list_payments(session, order.id)
    return OrderDossier(
        order=order,
        buyer=buyer,
        payments=payments,
        postings=_postings(session, order.id),
        refunds=list_order_refunds(session, order.id),
        licenses=list_order_licenses(session, order.id, now=now),
        webhooks=_webhooks(session, payments),
        mails=_mails(session, order.id),
        waiting_mail=_waiting_mail(session, order.id),
    )


def _postings(session: Session, order_id: UUID) -> Sequence[PostingRow]:
    about = PostingFilter(subjects=(order_id,))
    return list_postings(session, about, limit=MOST_POSTINGS).items[::-1]


def _webhooks(session: Session, payments: Sequence[Payment]) -> Sequence[WebhookEvent]:
    """Events that were found to be about one of the order's payments."""
    return session.scalars(
        select(WebhookEvent)
        .where(WebhookEvent.payment_id.in_([payment.id for payment in payments]))
        .order_by(WebhookEvent.id)
        .limit(MOST_WEBHOOKS)
    ).all()


def _mails(session: Session, order_id: UUID) -> Sequence[SentMail]:
    return session.scalars(
        select(SentMail)
        .where(SentMail.dedupe_key.startswith(f"{ORDER_MAIL}:{order_id}", autoescape=True))
        .order_by(SentMail.sent_at)
    ).all()


def _waiting_mail(session: Session, order_id: UUID) -> OutboxMessage | None:
    return session.scalar(
        select(OutboxMessage).where(
            OutboxMessage.dedupe_key == f"mail:{ORDER_MAIL}:{order_id}",
            OutboxMessage.state != MessageState.DONE,
        )
    )
