"""Changes to guests: opened with an order, mailed their links, forgotten when they left nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import AuditEntry, Role, User
from storefront.accounts.queries import hash_token
from storefront.accounts.service import open_session, record_audit
from storefront.catalog.models import StockAlert
from storefront.errors import Conflict, DomainError, Kind, NotFound
from storefront.guests.adoption import MOVED
from storefront.guests.models import GuestLink, GuestRecovery
from storefront.guests.queries import find_link
from storefront.guests.rules import (
    DEAD_LINKS_KEPT,
    GUEST_NAME,
    GUEST_USERNAME,
    IDLE_GUESTS_KEPT,
    LINK_LIFETIME,
    RECOVERIES_KEPT,
    RECOVERY_PAUSE,
    LinkState,
)
from storefront.kit.ids import new_id, new_token
from storefront.ledger.models import LedgerAccount
from storefront.notifications.models import Notification
from storefront.notifications.service import queue_mail
from storefront.orders.models import Order
from storefront.wallet.models import WalletAdjustment

BATCH: Final = 500


def open_guest(session: Session, *, key: str, email: str, locale: str) -> User:
    """Make the guest of one form, or find the one this form made before; never by the address.

    Locks the row; idempotent by key, and a second caller at the same time waits for the first.
    Raises DomainError `banned`, Conflict `guest_moved` when everything went to a member since.
    """
    session.execute(
        insert(User)
        .values(
            id=new_id(),
            is_guest=True,
            guest_key=key,
            username=GUEST_USERNAME,
            display_name=GUEST_NAME,
            email=email,
            email_verified=False,
            role=Role.CUSTOMER,
            locale=locale,
        )
        .on_conflict_do_nothing(index_elements=["guest_key"])
    )
    guest = session.scalars(
        select(User).where(User.guest_key == key).with_for_update(key_share=True)
    ).one()
    _check_open(guest)
    return guest


def issue_link(session: Session, guest_id: UUID, *, email: str, now: datetime) -> str:
    """A new personal link for a mail to this guest; returns its token, which is kept nowhere."""
    token = new_token()
    session.add(
        GuestLink(
            id=new_id(),
            user_id=guest_id,
            token_hash=hash_token(token),
            email=email,
            created_at=now,
            expires_at=now + LINK_LIFETIME,
        )
    )
    return token


def open_by_link(
    session: Session, token: str, *, user_agent: str, address: str, now: datetime
) -> tuple[UUID, str]:
    """Sign a browser in as the guest of a link: the guest's id, and the token for the cookie.

    The link stays good until it ends: the mail is all the guest has. Who opened it reads that
    mailbox, so the address counts as verified. Locks the guest. Raises NotFound `guest_link`, or
    Conflict `guest_link_expired` and the like for one that is not good.
    """
    link = find_link(session, token, now=now)
    if link.state is LinkState.UNKNOWN or link.guest_id is None:
        raise NotFound("guest_link")
    if link.state is not LinkState.GOOD:
        raise Conflict(f"guest_link_{link.state}")
    guest = _lock_guest(session, link.guest_id)
    session.execute(
        update(GuestLink).where(GuestLink.token_hash == hash_token(token)).values(last_used_at=now)
    )
    if guest.email == link.email:
        guest.email_verified = True
    return guest.id, open_session(
        session, guest.id, user_agent=user_agent, address=address, now=now
    )


def revoke_links(session: Session, guest_id: UUID, *, now: datetime) -> None:
    """Make every link mailed so far worthless. Locks the guest, so a link that is being opened is
    opened before or not at all; idempotent."""
    guest = _lock_guest(session, guest_id)
    _revoke(session, guest.id, now=now)
    record_audit(
        session, actor_id=guest.id, action="revoke_guest_links", subject=("user", guest.id)
    )


def change_email(session: Session, guest_id: UUID, email: str, *, now: datetime) -> None:
    """Another address for a guest who mistyped the first one.

    Whoever got mail there loses the links; what is mailed about any order from now on goes to the
    new address, and the links go there at once. Locks the guest, then the orders. Raises NotFound
    `guest` for a member.
    """
    guest = _lock_guest(session, guest_id)
    if guest.email == email:
        return
    guest.email = email
    guest.email_verified = False
    session.execute(
        update(Order)
        .where(Order.user_id == guest.id)
        .values(email=email)
        .execution_options(synchronize_session=False)
    )
    _revoke(session, guest.id, now=now)
    ask_for_links(session, email, locale=guest.locale, now=now)


def ask_for_links(session: Session, email: str, *, locale: str, now: datetime) -> None:
    """Queue one mail with the links of every guest who has this address.

    Whether there is any is found out when the mail is written, so that asking takes as long and
    says the same for every address. At most one mail in five minutes for an address: one
    statement, so of many requests at once one is counted.
    """
    asked = insert(GuestRecovery).values(id=new_id(), email=email, locale=locale, asked_at=now)
    due = session.scalar(
        asked.on_conflict_do_update(
            index_elements=[GuestRecovery.email],
            set_={
                "id": asked.excluded.id,
                "locale": asked.excluded.locale,
                "asked_at": asked.excluded.asked_at,
            },
            where=GuestRecovery.asked_at <= now - RECOVERY_PAUSE,
        ).returning(GuestRecovery.id)
    )
    if due is not None:
        queue_mail(session, event="guest_links", subject_id=due)


def forget_guests(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Delete guests who left nothing: no order, no money, no trace in the books, for 30 days.
    Returns how many. Links and requests past their time go as well. Safe to repeat."""
    session.execute(delete(GuestLink).where(GuestLink.expires_at < now - DEAD_LINKS_KEPT))
    session.execute(delete(GuestRecovery).where(GuestRecovery.asked_at < now - RECOVERIES_KEPT))
    long_ago = now - IDLE_GUESTS_KEPT
    # Notices and wishes go with a guest, like sign-ins, links and cart.
    owned = [column for column in MOVED if column.class_ not in (Notification, StockAlert)]
    kept_by = (*owned, WalletAdjustment.user_id, LedgerAccount.user_id)
    gone = session.scalars(
        select(User.id)
        .where(
            User.is_guest,
            User.created_at < long_ago,
            or_(User.merged_at.is_(None), User.merged_at < long_ago),
            *(~select(column).where(column == User.id).exists() for column in kept_by),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    # What they did was to sign in; that goes with them.
    session.execute(delete(AuditEntry).where(AuditEntry.actor_id.in_(gone)))
    session.execute(delete(User).where(User.id.in_(gone)))
    return len(gone)


def _lock_guest(session: Session, guest_id: UUID) -> User:
    guest = session.scalar(
        select(User)
        .where(User.id == guest_id, User.is_guest)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if guest is None:
        raise NotFound("guest")
    _check_open(guest)
    return guest


def _check_open(guest: User) -> None:
    if guest.banned_at is not None:
        raise DomainError("banned", Kind.FORBIDDEN)
    if guest.merged_into is not None:
        raise Conflict("guest_moved", f"{guest.id} was adopted")


def _revoke(session: Session, guest_id: UUID, *, now: datetime) -> None:
    session.execute(
        update(GuestLink)
        .where(GuestLink.user_id == guest_id, GuestLink.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
