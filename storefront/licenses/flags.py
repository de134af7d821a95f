"""Flags: suspicions that wait for staff, and what a rule of the seller makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.accounts.service import record_audit
from storefront.catalog.models import Product
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.licenses.abuse import MANY_NETWORKS, MORE_LIVE, WINDOW, Suspicion
from storefront.licenses.abuse_rules import AbuseRules
from storefront.licenses.actors import LONGEST_REASON, lock_license
from storefront.licenses.events import SYSTEM, record_event
from storefront.licenses.models import License, LicenseAction, LicenseStatus
from storefront.licenses.notices import tell_person
from storefront.licenses.states import take_action
from storefront.licenses.usage_models import FlagState, LicenseEvent, LicenseFlag

PAGE_SIZE: Final = 50
# What staff have looked at and closed is not raised again by what they saw.
QUIET_AFTER_CLOSING: Final = WINDOW
TELL_OWNER_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A flag with what it is about, for staff."""

    flag: LicenseFlag
    license: License
    product: Product
    owner: User


def raise_flag(session: Session, suspicion: Suspicion, rules: AbuseRules, *, now: datetime) -> bool:
    """Put a suspicion before staff, or bring the evidence of the open flag up to date; tell the
    owner, at most once a day, of a key in too many networks; suspend where the rules say so.
    Returns whether it is new. Locks the licence; idempotent. Raises NotFound."""
    license = lock_license(session, suspicion.license_id)
    if license.status != LicenseStatus.ACTIVE or _was_closed(session, suspicion, now=now):
        return False
    is_new = _put(session, suspicion, now=now)
    if suspicion.kind == MANY_NETWORKS:
        _tell_owner(session, license, suspicion, now=now)
    if _suspends(rules, suspicion.kind):
        _suspend(session, license, suspicion, now=now)
    return is_new


def close_flag(
    session: Session,
    flag_id: UUID,
    *,
    state: FlagState,
    actor_id: UUID,
    reason: str,
    now: datetime,
) -> None:
    """Staff have looked at a flag: `dismissed`, or `acted_on` by what they did to the licence
    besides. The same is not raised again for 24 hours. Locks the flag; idempotent. Raises NotFound
    `flag`, Invalid `reason_needed` or `bad_flag_state`, Conflict `flag_closed` where it was closed
    otherwise."""
    if state is FlagState.OPEN:
        raise Invalid("bad_flag_state")
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise Invalid("reason_needed")
    flag = session.scalar(
        select(LicenseFlag)
        .where(LicenseFlag.id == flag_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if flag is None:
        raise NotFound("flag")
    if flag.state == state:
        return
    if flag.state != FlagState.OPEN:
        raise Conflict("flag_closed", f"it was {flag.state}")
    flag.state = state
    flag.closed_at = now
    flag.closed_by = actor_id
    record_audit(
        session,
        actor_id=actor_id,
        action="close_license_flag",
        subject=("license", flag.license_id),
        detail={"reason": reason.strip(), "kind": flag.kind, "state": str(state)},
    )


def list_flags(
    session: Session,
    *,
    state: FlagState | None = FlagState.OPEN,
    kind: str = "",
    license_id: UUID | None = None,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[FlagRow]:
    """Flags, the newest first, in one query."""
    query = (
        select(LicenseFlag, License, Product, User)
        .join(License, License.id == LicenseFlag.license_id)
        .join(Product, Product.id == License.product_id)
        .join(User, User.id == License.user_id)
        .order_by(LicenseFlag.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(LicenseFlag.state == state)
    if kind:
        query = query.where(LicenseFlag.kind == kind)
    if license_id is not None:
        query = query.where(LicenseFlag.license_id == license_id)
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(LicenseFlag.id < last_id)
    rows = [FlagRow(*row) for row in session.execute(query)]
    return page_by_id(rows, limit, id_of=lambda row: row.flag.id)


def _was_closed(session: Session, suspicion: Suspicion, *, now: datetime) -> bool:
    closed = session.scalar(
        select(LicenseFlag.id)
        .where(
            LicenseFlag.license_id == suspicion.license_id,
            LicenseFlag.kind == suspicion.kind,
            LicenseFlag.closed_at > now - QUIET_AFTER_CLOSING,
        )
        .limit(1)
    )
    return closed is not None


def _put(session: Session, suspicion: Suspicion, *, now: datetime) -> bool:
    flag_id = new_id()
    written = insert(LicenseFlag).values(
        id=flag_id,
        license_id=suspicion.license_id,
        kind=suspicion.kind,
        evidence=dict(suspicion.evidence),
        state=FlagState.OPEN,
        first_seen_at=now,
        last_seen_at=now,
    )
    stands = session.scalar(
        written.on_conflict_do_update(
            index_elements=["license_id", "kind"],
            index_where=LicenseFlag.state == "open",
            set_={
                "evidence": written.excluded.evidence,
                "last_seen_at": written.excluded.last_seen_at,
            },
        ).returning(LicenseFlag.id)
    )
    return stands == flag_id


def _tell_owner(session: Session, license: License, suspicion: Suspicion, *, now: datetime) -> None:
    told = session.scalar(
        select(LicenseEvent.id)
        .where(
            LicenseEvent.license_id == license.id,
            LicenseEvent.action == "many_networks",
            LicenseEvent.created_at > now - TELL_OWNER_EVERY,
        )
        .limit(1)
    )
    if told is not None:
        return
    detail = {"count": suspicion.evidence["count"]}
    event_id = record_event(session, license.id, "many_networks", actor=SYSTEM, detail=detail)
    tell_person(
        session, license, "license_many_networks", event_id=event_id, now=now, context=detail
    )


def _suspends(rules: AbuseRules, kind: str) -> bool:
    return (kind == MANY_NETWORKS and rules.suspend_many_networks) or (
        kind == MORE_LIVE and rules.suspend_more_live
    )


def _suspend(session: Session, license: License, suspicion: Suspicion, *, now: datetime) -> None:
    """By the rule: as staff would, and the flag is dealt with."""
    if not take_action(license, LicenseAction.SUSPEND):
        return
    detail = {"rule": suspicion.kind}
    event_id = record_event(session, license.id, "suspended", actor=SYSTEM, detail=detail)
    record_audit(
        session,
        actor_id=None,
        action="suspend_license",
        subject=("license", license.id),
        detail=detail,
    )
    tell_person(session, license, "license_suspended", event_id=event_id, now=now)
    flag = session.scalars(
        select(LicenseFlag)
        .where(
            LicenseFlag.license_id == license.id,
            LicenseFlag.kind == suspicion.kind,
            LicenseFlag.state == FlagState.OPEN,
        )
        .execution_options(populate_existing=True)
    ).one()
    flag.state = FlagState.ACTED_ON
    flag.closed_at = now
