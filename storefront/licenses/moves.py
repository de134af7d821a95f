"""Servers leave their slots by hand: one is removed, all are reset, or one makes room for another.

An owner who takes a slot from a server that asked within the last 24 hours makes a move, and
moves are few: else a key for two servers would serve twenty in turns. Idle slots are free to take,
as they move by themselves. Staff move whatever they like, and it does not count. The licence's row
is locked throughout, so of two moves at once the second sees the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.errors import Conflict, DomainError, Kind, NotFound
from storefront.licenses.actors import Actor, Owner, lock_license, record_change
from storefront.licenses.addresses import network_of
from storefront.licenses.budgets import COUNTS, find_budget
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.rules import is_live
from storefront.licenses.usage_models import Address, LicenseSlot, Network


@dataclass(frozen=True, slots=True)
class Room:
    """What allowing an address would do: nothing more than binding it, or taking `takes` away from
    its server, which `counts` as a move when that is live."""

    takes: LicenseSlot | None
    counts: bool


def list_slots(session: Session, license_id: UUID) -> Sequence[LicenseSlot]:
    """The servers that hold a slot, in the order of their places."""
    return session.scalars(
        select(LicenseSlot)
        .where(LicenseSlot.license_id == license_id)
        .order_by(LicenseSlot.position)
        .execution_options(populate_existing=True)
    ).all()


def free_slot(
    session: Session, license_id: UUID, *, network: Network, by: Actor, now: datetime
) -> None:
    """Take the slot of one server away; it binds another at its next check if there is one.

    Idempotent: a server without a slot is left alone. Raises NotFound, Conflict
    `license_is_revoked`, and for owners DomainError `no_move_left` where the server is live.
    """
    license = lock_license(session, license_id, by=by)
    _check_movable(license)
    slot = _slot_of(list_slots(session, license_id), network)
    if slot is None:
        return
    counts = _count(session, license, [slot], by=by, now=now)
    _remove(session, [slot])
    _record(session, license, "slot_freed", by=by, audit="free_slot", counts=counts, slots=[slot])


def reset_slots(session: Session, license_id: UUID, *, by: Actor, now: datetime) -> int:
    """Take the slots of all servers away; returns how many there were, and does nothing at all
    when there was none.

    Of an owner it always counts as a move. Raises NotFound, Conflict `license_is_revoked`,
    DomainError `no_move_left`.
    """
    license = lock_license(session, license_id, by=by)
    _check_movable(license)
    slots = list_slots(session, license_id)
    if not slots:
        return 0
    counts = isinstance(by, Owner)
    if counts:
        _check_budget(session, license, now=now)
    _remove(session, slots)
    _record(session, license, "slots_reset", by=by, audit="reset_slots", counts=counts, slots=slots)
    return len(slots)


def plan_room(
    license: License,
    slots: Sequence[LicenseSlot],
    network: Network,
    *,
    instead_of: Network | None = None,
    now: datetime,
) -> Room:
    """What binding this network takes: the page says it before it is done. `instead_of` chooses the
    server that has to go, else it is the one that was idle longest. Raises NotFound `slot` for a
    choice that holds none (any more)."""
    if _slot_of(slots, network) is not None or len(slots) < license.slots:
        return Room(None, counts=False)
    chosen = (
        min(slots, key=lambda slot: (slot.last_seen_at, slot.position))
        if instead_of is None
        else _slot_of(slots, instead_of)
    )
    if chosen is None:
        raise NotFound("slot")
    return Room(chosen, counts=is_live(chosen.last_seen_at, now=now))


def make_room(
    session: Session,
    license: License,
    address: Address,
    *,
    instead_of: Network | None,
    accepts_cost: bool,
    by: Actor,
    now: datetime,
) -> None:
    """Bind a server's address to a locked licence, in place of another where all slots are taken.
    Idempotent. Raises as `free_slot`, NotFound `slot`, and Conflict `would_count` where it would
    count as a move that nobody agreed to."""
    network = network_of(address)
    slots = list_slots(session, license.id)
    if _slot_of(slots, network) is not None:
        return
    room = plan_room(license, slots, network, instead_of=instead_of, now=now)
    taken = [] if room.takes is None else [room.takes]
    counts = _count(session, license, taken, by=by, now=now)
    if counts and not accepts_cost:
        raise Conflict("would_count")
    _remove(session, taken)
    used = {slot.position for slot in slots if slot is not room.takes}
    place = next(n for n in range(1, license.slots + 1) if n not in used)
    # A check of that very server may bind it in the same moment: then it has its slot.
    session.execute(
        insert(LicenseSlot)
        .values(
            license_id=license.id,
            position=place,
            network=network,
            bound_at=now,
            last_seen_at=now,
        )
        .on_conflict_do_nothing()
    )
    _record(
        session,
        license,
        "address_allowed",
        by=by,
        audit="allow_address",
        counts=counts,
        slots=taken,
        address=str(address),
    )


def free_outside(
    session: Session, license: License, slots: Sequence[LicenseSlot], *, by: Actor, now: datetime
) -> bool:
    """Take these slots of a locked licence away because their servers are allowed no longer;
    whether it counts as a move. The caller records it. Raises DomainError `no_move_left`."""
    counts = _count(session, license, slots, by=by, now=now)
    _remove(session, slots)
    return counts


def _check_movable(license: License) -> None:
    if license.status == LicenseStatus.REVOKED:
        raise Conflict("license_is_revoked")


def _count(
    session: Session, license: License, slots: Sequence[LicenseSlot], *, by: Actor, now: datetime
) -> bool:
    counts = isinstance(by, Owner) and any(is_live(slot.last_seen_at, now=now) for slot in slots)
    if counts:
        _check_budget(session, license, now=now)
    return counts


def _check_budget(session: Session, license: License, *, now: datetime) -> None:
    if not find_budget(session, license.id, now=now).is_free:
        raise DomainError("no_move_left", Kind.TOO_MANY)


def _remove(session: Session, slots: Sequence[LicenseSlot]) -> None:
    if slots:
        session.execute(
            delete(LicenseSlot)
            .where(
                LicenseSlot.license_id == slots[0].license_id,
                LicenseSlot.network.in_([slot.network for slot in slots]),
            )
            .execution_options(synchronize_session=False)
        )
        for slot in slots:
            session.expunge(slot)


def _record(
    session: Session,
    license: License,
    action: str,
    *,
    by: Actor,
    audit: str,
    counts: bool,
    slots: Sequence[LicenseSlot],
    **more: Any,
) -> None:
    detail = {COUNTS: counts, "freed": [str(slot.network) for slot in slots], **more}
    record_change(session, license.id, action, by=by, audit=audit, detail=detail)


def _slot_of(slots: Sequence[LicenseSlot], network: Network) -> LicenseSlot | None:
    return next((slot for slot in slots if slot.network == network), None)
