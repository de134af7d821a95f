"""A licence goes to another account: offered by its owner, taken by the other, see
docs/decisions/0018-licence-gifts.md.

The licence's row is locked before the gift's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.state import AlreadyDone, Moved
from storefront.licenses.actors import LICENSE, Owner, lock_license
from storefront.licenses.events import by_owner, record_event
from storefront.licenses.gift_models import GIFT_MACHINE, GiftAction, GiftState, LicenseGift
from storefront.licenses.gift_queries import find_offered_license, names_of
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import AddressMode, License, LicenseStatus
from storefront.licenses.notices import tell_person
from storefront.licenses.service import replace_key
from storefront.licenses.usage_models import LicenseAddress, LicenseSlot

GIFT_LIFETIME: Final = timedelta(days=7)
LONGEST_RECIPIENT: Final = 254


def give_license(
    session: Session, license_id: UUID, *, recipient: str, giver_id: UUID, now: datetime
) -> UUID:
    """Offer a licence to the account with this Discord name or verified e-mail address, for 7 days;
    returns the id of the gift. Whether there is such an account is not said: it is told if so, and
    sees the offer whenever it signs in.

    Idempotent while the same offer waits. Locks the licence. Raises NotFound, Invalid
    `bad_recipient` or `gift_to_yourself`, Conflict `guests_cannot_give`, `license_is_<status>`,
    `gift_waits` while another has been asked.
    """
    wanted = read_recipient(recipient)
    license = lock_license(session, license_id, by=Owner(giver_id))
    giver = session.get_one(User, giver_id)
    if giver.is_guest:
        raise Conflict("guests_cannot_give")
    if wanted in names_of(giver):
        raise Invalid("gift_to_yourself")
    _check_givable(license, now=now)
    waiting = _lock_waiting(session, license_id, now=now)
    if waiting is not None:
        if waiting.recipient == wanted:
            return waiting.id
        raise Conflict("gift_waits")
    gift = LicenseGift(
        id=new_id(),
        license_id=license_id,
        giver_id=giver_id,
        recipient=wanted,
        state=GiftState.PENDING,
        created_at=now,
        expires_at=now + GIFT_LIFETIME,
    )
    session.add(gift)
    _tell_receiver(session, license, gift, giver, now=now)
    return gift.id


def accept_gift(
    session: Session, gift_id: UUID, *, user_id: UUID, vault: KeyVault, now: datetime
) -> UUID:
    """Take a licence that was offered: it is this person's with a new key, and the giver's key,
    servers and list are gone with the commit. Returns the licence's id.

    That the person has signed in shortly before, so that their Discord name is the one of today,
    is for the caller to have made sure of. Idempotent for who took it. Locks the licence, then the
    gift. Raises NotFound `gift` for anybody else, Conflict `gift_over` or `license_is_<status>`.
    """
    license, gift = _lock_for(session, gift_id, user_id=user_id)
    if not _close(gift, GiftAction.ACCEPT, now=now):
        return license.id
    if license.user_id != gift.giver_id:
        raise Conflict("gift_over")
    _check_givable(license, now=now)
    gift.receiver_id = user_id
    license.user_id = user_id
    license.address_mode = AddressMode.AUTO
    replace_key(license, vault=vault, now=now)
    for model in (LicenseSlot, LicenseAddress):
        session.execute(delete(model).where(model.license_id == license.id))
    detail = {"gift_id": str(gift.id), "from": str(gift.giver_id)}
    event_id = record_event(session, license.id, "given", actor=by_owner(user_id), detail=detail)
    record_audit(
        session,
        actor_id=user_id,
        action="accept_license_gift",
        subject=(LICENSE, license.id),
        detail=detail,
    )
    tell_person(
        session,
        license,
        "gift_accepted",
        event_id=event_id,
        now=now,
        to=gift.giver_id,
        path="/account/licenses",
        context={"who": session.get_one(User, user_id).display_name},
    )
    return license.id


def decline_gift(session: Session, gift_id: UUID, *, user_id: UUID, now: datetime) -> None:
    """Refuse a licence that was offered; it stays with the giver. Idempotent. Raises NotFound
    `gift`, Conflict `gift_over`."""
    license, gift = _lock_for(session, gift_id, user_id=user_id)
    if _close(gift, GiftAction.DECLINE, now=now):
        gift.receiver_id = user_id
        record_event(session, license.id, "gift_declined", actor=by_owner(user_id))


def withdraw_gift(session: Session, license_id: UUID, *, giver_id: UUID, now: datetime) -> None:
    """Take an offer back before it was taken. Idempotent. Raises NotFound."""
    lock_license(session, license_id, by=Owner(giver_id))
    gift = _lock_waiting(session, license_id, now=now)
    if gift is not None and _close(gift, GiftAction.WITHDRAW, now=now):
        record_event(session, license_id, "gift_withdrawn", actor=by_owner(giver_id))


def read_recipient(text: str) -> str:
    """A Discord name (an @ before it is forgiven) or an e-mail address in small letters. Raises
    Invalid `bad_recipient`."""
    wanted = text.strip().removeprefix("@").lower()
    if not 2 <= len(wanted) <= LONGEST_RECIPIENT or any(symbol.isspace() for symbol in wanted):
        raise Invalid("bad_recipient")
    return wanted


def _check_givable(license: License, *, now: datetime) -> None:
    status = license.effective_status(now)
    if status is not LicenseStatus.ACTIVE:
        raise Conflict(f"license_is_{status}")


def _lock_waiting(session: Session, license_id: UUID, *, now: datetime) -> LicenseGift | None:
    """The offer of a locked licence that waits; one whose time is over is closed on the way."""
    gift = session.scalar(
        select(LicenseGift)
        .where(LicenseGift.license_id == license_id, LicenseGift.state == GiftState.PENDING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if gift is None or gift.expires_at > now:
        return gift
    gift.state = GiftState.WITHDRAWN
    gift.closed_at = now
    session.flush()
    return None


def _lock_for(session: Session, gift_id: UUID, *, user_id: UUID) -> tuple[License, LicenseGift]:
    """Licence and gift, for whom it was offered or who took it."""
    found = find_offered_license(session, gift_id, user_id)
    if found is None:
        raise NotFound("gift")
    license = lock_license(session, found)
    gift = session.scalars(
        select(LicenseGift)
        .where(LicenseGift.id == gift_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if gift.receiver_id not in (None, user_id):
        raise NotFound("gift")
    return license, gift


def _close(gift: LicenseGift, action: GiftAction, *, now: datetime) -> bool:
    outcome = GIFT_MACHINE.next_state(GiftState(gift.state), action)
    if isinstance(outcome, AlreadyDone):
        return False
    if not isinstance(outcome, Moved) or gift.expires_at <= now:
        raise Conflict("gift_over")
    gift.state = outcome.state
    gift.closed_at = now
    return True


def _tell_receiver(
    session: Session, license: License, gift: LicenseGift, giver: User, *, now: datetime
) -> None:
    """Whoever has that name now. Where two have, because one of them has another since, neither is
    told: only a fresh sign-in shows who it is."""
    event_id = record_event(session, license.id, "gift_offered", actor=by_owner(giver.id))
    found = session.scalars(
        select(User.id).where(
            ~User.is_guest,
            User.banned_at.is_(None),
            or_(
                func.lower(User.username) == gift.recipient,
                and_(User.email_verified, func.lower(User.email) == gift.recipient),
            ),
        )
    ).all()
    if len(found) == 1:
        tell_person(
            session,
            license,
            "gift_waiting",
            event_id=event_id,
            now=now,
            to=found[0],
            path=f"/account/gifts/{gift.id}",
            context={"who": giver.display_name},
        )
