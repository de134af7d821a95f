"""Changes to purchases made at Tebex.

Locks, always in this order: the person (shared), the purchase, its licences. An event may give a
purchase to somebody, and whoever signs in may take one: both hold the person first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from storefront.accounts.service import hold_person
from storefront.errors import Conflict, DomainError, Kind, NotFound
from storefront.kit.state import Moved
from storefront.licenses.endings import bring_back, revoke_purchase, suspend_purchase
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import LicenseSource
from storefront.notifications.service import notify
from storefront.tebex.delivery import deliver_keys, knows_package
from storefront.tebex.mailing import queue_claim_mail
from storefront.tebex.models import (
    PURCHASE_MACHINE,
    PurchaseAction,
    PurchaseState,
    TebexDispute,
    TebexPurchase,
)
from storefront.tebex.rules import Facts, Standing, facts_of, next_action

log = structlog.get_logger()
LICENCES_PATH: Final = "/account/licenses"
# What somebody reads when keys are refused because of the purchase.
_REFUSED: Final = {
    Standing.UNPAID: "tebex_not_paid",
    Standing.DISPUTED: "tebex_disputed",
    Standing.ENDED: "tebex_ended",
}


def claim_purchase(
    session: Session, purchase_id: UUID, *, user_id: UUID, vault: KeyVault, now: datetime
) -> int:
    """Give a purchase to a person, and its keys; returns how many keys are new.

    That they may have it is for the caller to know: they hold a link that was mailed to the
    purchase's address, or an account with its Discord id or verified e-mail. Idempotent for one
    person. Locks the person, shared, and the purchase, so that of two at once the second reads
    what the first did. Raises NotFound `tebex_purchase`, Conflict `tebex_claimed`, `tebex_ended`,
    `tebex_disputed` or `tebex_not_paid`, DomainError `banned`.
    """
    person = hold_person(session, user_id)
    if person.banned_at is not None:
        raise DomainError("banned", Kind.FORBIDDEN)
    purchase = lock_purchase(session, purchase_id)
    standing = facts_of(purchase).standing
    if purchase.user_id not in (None, user_id):
        raise Conflict("tebex_claimed", f"{purchase_id} has an owner")
    if standing is not Standing.GOOD:
        raise Conflict(_REFUSED[standing], f"{purchase_id} is {standing}")
    return give(session, purchase, user_id, vault=vault, now=now)


def claim_matching(
    session: Session, user_id: UUID, *, vault: KeyVault, now: datetime
) -> Sequence[UUID]:
    """Give a member every purchase that waits for their Discord account or for their e-mail
    address, if Discord says that it is verified; never a guest, whose address is only typed.
    Returns the purchases. Locks the person, then the purchases by id."""
    person = hold_person(session, user_id)
    if person.is_guest or person.banned_at is not None:
        return ()
    mine = TebexPurchase.discord_id == person.discord_id
    if person.email and person.email_verified:
        mine |= TebexPurchase.email == person.email.lower()
    found = session.scalars(
        select(TebexPurchase)
        .where(
            mine,
            TebexPurchase.state == PurchaseState.WAITING,
            TebexPurchase.paid_at.is_not(None),
            TebexPurchase.dispute != TebexDispute.OPEN,
        )
        .order_by(TebexPurchase.id)
        .with_for_update()
        .options(selectinload(TebexPurchase.lines))
        .execution_options(populate_existing=True)
    ).all()
    for purchase in found:
        give(session, purchase, user_id, vault=vault, now=now)
    return [purchase.id for purchase in found]


def apply_again(session: Session, purchase_id: UUID, *, vault: KeyVault, now: datetime) -> int:
    """Make the keys that are missing because a package was unknown, for a purchase that somebody
    has; for one that waits, queue the claim mail. Returns how many keys are new. Idempotent; locks
    the purchase. Raises NotFound `tebex_purchase`."""
    purchase = lock_purchase(session, purchase_id)
    if facts_of(purchase).standing is not Standing.GOOD:
        return 0
    if purchase.user_id is None:
        _queue_mail_for(session, purchase, now=now)
        return 0
    return deliver_keys(session, purchase, vault=vault, now=now)


def lock_purchase(session: Session, purchase_id: UUID) -> TebexPurchase:
    """Load a purchase with its lines under a row lock. Raises NotFound `tebex_purchase`."""
    purchase = session.scalar(
        select(TebexPurchase)
        .where(TebexPurchase.id == purchase_id)
        .with_for_update()
        .options(selectinload(TebexPurchase.lines))
        .execution_options(populate_existing=True)
    )
    if purchase is None:
        raise NotFound("tebex_purchase")
    return purchase


def is_claimable(purchase: TebexPurchase) -> bool:
    """Whether somebody may claim it now."""
    return purchase.state == PurchaseState.WAITING and facts_of(purchase).standing is Standing.GOOD


def cause_of(purchase_id: UUID) -> str:
    """The mark of licences that the fate of this purchase suspended or ended."""
    return f"tebex:{purchase_id}"


def write_facts(purchase: TebexPurchase, facts: Facts) -> None:
    """Give a locked purchase these facts, and the state that follows from them."""
    purchase.paid_at, purchase.refunded_at = facts.paid_at, facts.refunded_at
    purchase.dispute, purchase.dispute_at = facts.dispute, facts.dispute_at
    action = next_action(
        PurchaseState(purchase.state), facts, is_owned=purchase.user_id is not None
    )
    if action is not None:
        _move(purchase, action)


def _move(purchase: TebexPurchase, action: PurchaseAction) -> None:
    """Move a locked purchase. Raises Conflict `tebex_claimed` for what is not possible."""
    outcome = PURCHASE_MACHINE.next_state(PurchaseState(purchase.state), action)
    if not isinstance(outcome, Moved):
        raise Conflict("tebex_claimed", f"{purchase.id} cannot {action} from {purchase.state}")
    purchase.state = outcome.state


def give(
    session: Session, purchase: TebexPurchase, user_id: UUID, *, vault: KeyVault, now: datetime
) -> int:
    """Give a locked purchase that can be claimed to a person, and its keys; how many are new."""
    if purchase.user_id is None:
        _move(purchase, PurchaseAction.CLAIM)
        purchase.user_id = user_id
        purchase.claimed_at = now
        tell(session, purchase, "tebex_claimed", now=now)
    return deliver_keys(session, purchase, vault=vault, now=now)


def follow_standing(
    session: Session, purchase: TebexPurchase, standing: Standing, *, now: datetime
) -> None:
    """Do what a change of a purchase's fate does to its licences, and who hears of it."""
    cause, reference = cause_of(purchase.id), purchase.transaction_id
    match standing:
        case Standing.ENDED:
            revoke_purchase(session, LicenseSource.TEBEX, reference, cause=cause)
            tell(session, purchase, "tebex_ended", now=now)
        case Standing.DISPUTED:
            # A lost dispute that is open again was revoked, and is again what it was before.
            bring_back(session, cause=cause)
            suspend_purchase(session, LicenseSource.TEBEX, reference, cause=cause)
            tell(session, purchase, "tebex_disputed", now=now)
        case Standing.GOOD:
            bring_back(session, cause=cause)
            if purchase.state == PurchaseState.WAITING:
                _queue_mail_for(session, purchase, now=now)
        case Standing.UNPAID:
            log.info("tebex_dispute_before_payment", purchase_id=str(purchase.id))


def _queue_mail_for(session: Session, purchase: TebexPurchase, *, now: datetime) -> None:
    """A seller's Tebex store may sell other things as well: nobody is written to about those."""
    if purchase.email and knows_package(session, purchase.id):
        queue_claim_mail(session, purchase.email, locale=purchase.locale, now=now)


def tell(
    session: Session, purchase: TebexPurchase, event: str, *, fact: str = "", now: datetime
) -> None:
    """Tell who has a purchase what became of it, once per `fact`; nobody while it waits."""
    if purchase.user_id is None:
        return
    notify(
        session,
        purchase.user_id,
        type="order",
        event=event,
        context={"reference": purchase.transaction_id},
        path=LICENCES_PATH,
        # A purchase may be disputed and won again: each change is told once.
        dedupe_key=f"{event}:{purchase.id}:{fact or purchase.dispute_at or ''}",
        now=now,
    )
