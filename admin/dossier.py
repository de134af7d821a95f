"""Everything the shop knows about one order, gathered for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from storefront.accounts.models import User
from storefront.kit.money import Money, total_of
from storefront.ledger.models import LedgerEntry, LedgerPosting
from storefront.licenses.queries import LicenseRow, list_order_licenses
from storefront.notifications.models import SentMail
from storefront.orders.models import Order
from storefront.orders.queries import get_order_for_staff, list_payments
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import Payment, WebhookEvent
from storefront.refunds.models import Refund
from storefront.refunds.queries import list_order_refunds

MOST_WEBHOOKS = 50
ORDER_MAIL = "order_completed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One leg of a posting: a positive amount is a credit. `owner` is set for wallets."""

    account: str
    owner: UUID | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of value; `balance` is the sum of its entries and has to be zero."""

    kind: str
    reference: str
    posted_at: datetime
    entries: tuple[Entry, ...]

    @property
    def balance(self) -> Money:
        """What the entries add up to."""
        return total_of(entry.amount for entry in self.entries)


@dataclass(frozen=True, slots=True)
class OrderDossier:
    """One order with all that came of it. `waiting_mail` is the mail's place in the outbox while
    it is not done."""

    order: Order
    buyer: User
    payments: Sequence[Payment]
    postings: tuple[Posting, ...]
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


def _postings(session: Session, order_id: UUID) -> tuple[Posting, ...]:
    found = session.scalars(
        select(LedgerPosting)
        .where(LedgerPosting.subject_id == order_id)
        .options(selectinload(LedgerPosting.entries).options(joinedload(LedgerEntry.account)))
        .order_by(LedgerPosting.id)
    )
    return tuple(
        Posting(
            kind=posting.kind,
            reference=posting.reference,
            posted_at=posting.posted_at,
            entries=tuple(
                Entry(entry.account.kind, entry.account.user_id, entry.amount)
                for entry in posting.entries
            ),
        )
        for posting in found
    )


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
