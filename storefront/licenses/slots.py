"""The servers a licence runs on. Binding one is a single conditional insert: the keys of the table
(licence and position, licence and network) let exactly as many in as the licence has slots,
however many ask at once (K3).

What changes here writes an event in the same transaction. Owners are told of a slot that moved from
its event, later: nobody waits for that on the way of a check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, delete, select, text
from sqlalchemy.orm import Session

from storefront.licenses.events import SERVER, record_event
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseSlot, Network

IDLE: Final = timedelta(hours=24)
"""A slot that was not seen for so long gives way to a new server when all are taken."""


class Binding(StrEnum):
    """What became of a server that wants to run."""

    HELD = "held"
    BOUND = "bound"
    MOVED = "moved"
    FULL = "full"
    NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A game server as one check shows it. `server_id` is what it calls itself, if anything."""

    network: Network
    server_id: str | None = None
    resource: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A server that was seen on a slot it holds already."""

    license_id: UUID
    server: Server
    seen_at: datetime


_IS_ALLOWED = """(SELECT address_mode FROM licenses WHERE id = :license_id) = 'auto' OR EXISTS (
    SELECT 1 FROM license_addresses a WHERE a.license_id = :license_id AND a.network >>= {network})
"""
_ALLOWED = text("SELECT " + _IS_ALLOWED.format(network="CAST(:network AS cidr)"))

# Of several at once that see the same free position one gets it; the others wait for its commit,
# insert nothing, and look again.
_BIND = text(
    """
    INSERT INTO license_slots
        (license_id, position, network, server_id, resource, version, bound_at, last_seen_at)
    SELECT l.id, p, CAST(:network AS cidr), :server_id, :resource, :version, :now, :now
    FROM licenses l CROSS JOIN generate_series(1, l.slots) p
    WHERE l.id = :license_id AND NOT EXISTS (
        SELECT 1 FROM license_slots s WHERE s.license_id = l.id
            AND (s.position = p OR s.network = CAST(:network AS cidr)))
    ORDER BY p LIMIT 1
    ON CONFLICT DO NOTHING RETURNING position"""
)
_SEE = text(
    """
    UPDATE license_slots SET last_seen_at = greatest(last_seen_at, :seen_at),
        server_id = coalesce(:server_id, server_id),
        resource = coalesce(nullif(:resource, ''), resource),
        version = coalesce(nullif(:version, ''), version)
    WHERE license_id = :license_id AND network = CAST(:network AS cidr)"""
)
_FREE_POSITIONS = text(
    """
    SELECT count(*) FROM licenses l CROSS JOIN generate_series(1, l.slots) p
    WHERE l.id = :license_id AND NOT EXISTS (
        SELECT 1 FROM license_slots s WHERE s.license_id = l.id AND s.position = p)"""
)
# A server that the owner's list no longer names gives way as an idle one does.
_MOVE = text(
    f"""
    WITH idle AS (
        SELECT position, network, last_seen_at FROM license_slots s
        WHERE license_id = :license_id AND (last_seen_at <= :idle_since
            OR NOT ({_IS_ALLOWED.format(network="s.network")}))
        ORDER BY last_seen_at LIMIT 1 FOR UPDATE)
    UPDATE license_slots s SET network = CAST(:network AS cidr), server_id = :server_id,
        resource = :resource, version = :version, bound_at = :now, last_seen_at = :now
    FROM idle WHERE s.license_id = :license_id AND s.position = idle.position
    RETURNING s.position, idle.network, idle.last_seen_at"""  # noqa: S608
)


def take_slot(session: Session, license_id: UUID, server: Server, *, now: datetime) -> Binding:
    """Let a server run on a licence: on the slot it holds, on a free one, or, when all are taken,
    on one that was idle for 24 hours.

    Safe to repeat: a server that holds a slot keeps it. Locks the licence's row only where no slot
    is free. Whether the licence itself is good is for the caller to know.
    """
    names = _names(license_id, server) | {"now": now}
    if not session.scalar(_ALLOWED, names):
        return Binding.NOT_ALLOWED
    while True:
        if see_server(session, license_id, server, now=now):
            return Binding.HELD
        if (position := session.scalar(_BIND, names)) is not None:
            detail = {"position": position, "network": str(server.network)}
            record_event(session, license_id, "slot_bound", actor=SERVER, detail=detail)
            return Binding.BOUND
        if not session.scalar(_FREE_POSITIONS, names):
            return _take_idle_slot(session, license_id, server, names, now=now)


def see_server(session: Session, license_id: UUID, server: Server, *, now: datetime) -> bool:
    """Note that a server was seen; False when it holds no slot (any more)."""
    done = session.execute(_SEE, _names(license_id, server) | {"seen_at": now})
    return isinstance(done, CursorResult) and done.rowcount == 1


def see_servers(session: Session, sightings: Sequence[Sighting]) -> None:
    """Note many at once, in the order of their licences, so that two processes that do it at the
    same time cannot block each other for good."""
    rows = [
        _names(one.license_id, one.server) | {"seen_at": one.seen_at}
        for one in sorted(sightings, key=lambda one: (one.license_id, str(one.server.network)))
    ]
    if rows:
        session.execute(_SEE, rows)


def release_slot(session: Session, license_id: UUID, server: Server) -> bool:
    """Free the slot of a server that says that it stops; False when it holds none.

    Of two servers behind one address the one with another `server_id` does not stop the slot of
    the first. Idempotent.
    """
    slot = session.scalar(
        select(LicenseSlot)
        .where(LicenseSlot.license_id == license_id, LicenseSlot.network == server.network)
        .with_for_update()
    )
    if slot is None or (server.server_id and slot.server_id and server.server_id != slot.server_id):
        return False
    session.execute(
        delete(LicenseSlot)
        .where(LicenseSlot.license_id == license_id, LicenseSlot.position == slot.position)
        .execution_options(synchronize_session=False)
    )
    detail = {"position": slot.position, "network": str(server.network), "reason": "stop"}
    record_event(session, license_id, "slot_freed", actor=SERVER, detail=detail)
    return True


def _take_idle_slot(
    session: Session, license_id: UUID, server: Server, names: Mapping[str, Any], *, now: datetime
) -> Binding:
    # Two scripts of one new server at once would take two slots: one after the other, the second
    # finds what the first took.
    session.execute(
        select(License.id).where(License.id == license_id).with_for_update(key_share=True)
    )
    if see_server(session, license_id, server, now=now):
        return Binding.HELD
    moved = session.execute(_MOVE, {**names, "idle_since": now - IDLE}).one_or_none()
    if moved is None:
        return Binding.FULL
    detail = {"position": moved.position, "from": str(moved.network), "to": str(server.network)}
    record_event(session, license_id, "slot_moved", actor=SERVER, detail=detail)
    return Binding.MOVED


def _names(license_id: UUID, server: Server) -> dict[str, Any]:
    return {
        "license_id": license_id,
        "network": str(server.network),
        "server_id": server.server_id or None,
        "resource": server.resource,
        "version": server.version,
    }
