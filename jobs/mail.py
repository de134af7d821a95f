"""Writing and sending mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.guests.service import issue_link
from storefront.mails import compose_mail, find_claim_readers, find_guest_readers
from storefront.notifications.models import SentMail
from storefront.notifications.service import record_sent_mail
from storefront.tebex.mailing import CLAIM_MAIL, issue_claim_link


def send_mail(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Send the mail for an event, once.

    The proof is written after the mail server said yes. A crash in that very moment sends the
    mail again under the same Message-ID, which receiving servers treat as one mail; the other
    way round a mail could be lost. Raises MailUnavailable, after which it is tried again.
    """
    event, subject_id = str(payload["event"]), UUID(payload["subject_id"])
    dedupe_key = f"{event}:{subject_id}"
    with shop.database.reading() as reader:
        if _was_sent(reader, dedupe_key):
            return
        guests = find_guest_readers(reader, event=event, subject_id=subject_id)
        buyers = _claims_in(reader, event, subject_id)
    links, claims = _issue_links(shop, guests), _issue_claims(shop, buyers)
    with shop.database.reading() as reader:
        mail = compose_mail(
            reader,
            shop.settings,
            event=event,
            subject_id=subject_id,
            links=links,
            claims=claims,
        )
    if mail is None:
        return
    shop.mailer.send(mail)
    with shop.database.transaction() as session:
        record_sent_mail(
            session,
            dedupe_key=dedupe_key,
            recipient=mail.to,
            event=event,
            message_id=mail.message_id,
        )


def _issue_links(shop: Shop, guests: Mapping[UUID, str]) -> Mapping[UUID, str]:
    """A token for each guest. A mail that is tried again has new ones: those of an attempt that
    failed lie in no mailbox, or in one whose owner may use them."""
    if not guests:
        return {}
    with shop.database.transaction() as session:
        return {
            guest_id: issue_link(session, guest_id, email=email, now=shop.clock())
            for guest_id, email in guests.items()
        }


def _claims_in(session: Session, event: str, subject_id: UUID) -> Mapping[UUID, str]:
    if event != CLAIM_MAIL:
        return {}
    return find_claim_readers(session, event=event, subject_id=subject_id)


def _issue_claims(shop: Shop, buyers: Mapping[UUID, str]) -> Mapping[UUID, str]:
    """A token for each purchase, like those for guests."""
    if not buyers:
        return {}
    with shop.database.transaction() as session:
        return {
            purchase_id: issue_claim_link(session, purchase_id, email=email, now=shop.clock())
            for purchase_id, email in buyers.items()
        }


def _was_sent(session: Session, dedupe_key: str) -> bool:
    return session.get(SentMail, dedupe_key) is not None
