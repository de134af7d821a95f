"""Mails that lead a buyer from Tebex to their keys: per address, with a link per purchase."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.queries import hash_token
from storefront.kit.ids import new_id, new_token
from storefront.notifications.service import queue_mail
from storefront.tebex.models import (
    PurchaseState,
    TebexClaimLink,
    TebexClaimMail,
    TebexDispute,
    TebexPackage,
    TebexPurchase,
    TebexPurchaseLine,
)
from storefront.tebex.rules import DEAD_LINKS_KEPT, LINK_LIFETIME, MAIL_PAUSE, MAILS_KEPT

CLAIM_MAIL: Final = "tebex_claims"
MOST_PURCHASES: Final = 10


def queue_claim_mail(
    session: Session,
    email: str,
    *,
    locale: str,
    now: datetime,
    pause: timedelta = timedelta(0),
) -> None:
    """Queue one mail with a link for each purchase that waits for this address.

    Whether there is any is found out when the mail is written, so that asking takes as long and
    says the same for every address. No mail is queued within `pause` of the last one to the
    address: one statement, so of many requests at once one is counted.
    """
    asked = insert(TebexClaimMail).values(id=new_id(), email=email, locale=locale, asked_at=now)
    due = session.scalar(
        asked.on_conflict_do_update(
            index_elements=[TebexClaimMail.email],
            set_={
                "id": asked.excluded.id,
                "locale": asked.excluded.locale,
                "asked_at": asked.excluded.asked_at,
            },
            where=TebexClaimMail.asked_at <= now - pause,
        ).returning(TebexClaimMail.id)
    )
    if due is not None:
        queue_mail(session, event=CLAIM_MAIL, subject_id=due)


def ask_for_claims(session: Session, email: str, *, locale: str, now: datetime) -> None:
    """The same at a visitor's request: at most one mail in five minutes for an address."""
    queue_claim_mail(session, email, locale=locale, now=now, pause=MAIL_PAUSE)


def find_claim_mail(session: Session, mail_id: UUID) -> TebexClaimMail | None:
    """What a mail is to be about; None when another was asked for since."""
    return session.get(TebexClaimMail, mail_id)


def list_waiting(session: Session, email: str) -> Sequence[TebexPurchase]:
    """The purchases that can be claimed from this mailbox, the latest first, ten at most; of those
    of packages that are all unknown here nobody is told."""
    has_known = (
        select(TebexPurchaseLine.id)
        .where(
            TebexPurchaseLine.purchase_id == TebexPurchase.id,
            TebexPurchaseLine.package_id.in_(select(TebexPackage.package_id)),
        )
        .exists()
    )
    return session.scalars(
        select(TebexPurchase)
        .where(
            TebexPurchase.email == email,
            TebexPurchase.state == PurchaseState.WAITING,
            TebexPurchase.paid_at.is_not(None),
            TebexPurchase.dispute != TebexDispute.OPEN,
            has_known,
        )
        .order_by(TebexPurchase.id.desc())
        .limit(MOST_PURCHASES)
    ).all()


def issue_claim_link(session: Session, purchase_id: UUID, *, email: str, now: datetime) -> str:
    """A new personal link for a mail about this purchase; returns its token, which is kept
    nowhere."""
    token = new_token()
    session.add(
        TebexClaimLink(
            purchase_id=purchase_id,
            token_hash=hash_token(token),
            email=email,
            created_at=now,
            expires_at=now + LINK_LIFETIME,
        )
    )
    return token


def forget_claim_mails(session: Session, *, now: datetime) -> None:
    """Links long past their time and requests of yesterday go. Safe to repeat."""
    session.execute(delete(TebexClaimLink).where(TebexClaimLink.expires_at < now - DEAD_LINKS_KEPT))
    session.execute(delete(TebexClaimMail).where(TebexClaimMail.asked_at < now - MAILS_KEPT))
