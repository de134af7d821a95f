"""What the page of a licence shows its owner: servers, addresses, last checks and the diary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.errors import NotFound
from storefront.licenses.addresses import network_of
from storefront.licenses.allowing import list_addresses
from storefront.licenses.gifts import GiftRow, find_offer, find_owned_since
from storefront.licenses.models import AddressMode, License, LicenseStatus
from storefront.licenses.moves import Room, find_budget, list_slots, plan_room
from storefront.licenses.queries import LicenseRow, find_license
from storefront.licenses.rules import ROTATIONS, MoveBudget, is_live
from storefront.licenses.service import count_rotations
from storefront.licenses.usage_models import (
    Address,
    LicenseAddress,
    LicenseCheck,
    LicenseEvent,
    LicenseSlot,
    Network,
)

CHECKS_SHOWN: Final = 20
EVENTS_SHOWN: Final = 30
# What is between staff, and what is no step of the licence.
_HIDDEN_EVENTS: Final = ("noted",)
# What the owner can do something about from the page.
_MENDED_BY_ALLOWING: Final = frozenset({"IP_NOT_ALLOWED", "IP_SLOTS_FULL"})


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A server that holds a slot; taking it away counts as a move while it `is_live`."""

    position: int
    network: Network
    address: str
    server_id: str | None
    resource: str
    version: str
    bound_at: datetime
    last_seen_at: datetime
    is_live: bool


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One question of a server and the answer it got. `can_allow` when the owner can let this
    address in now."""

    code: str
    address: Address
    product: str
    resource: str
    version: str
    server_id: str | None
    event: str
    at: datetime
    can_allow: bool

    @property
    def is_good(self) -> bool:
        """Whether the server may run."""
        return self.code == "VALID"


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the diary. `who` is `system`, `server`, `staff`, `you`, or `other` for an earlier
    owner."""

    action: str
    who: str
    detail: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LicensePage:
    """Everything on the page. `room` is what allowing one more address would take."""

    row: LicenseRow
    mode: AddressMode
    slots: Sequence[SlotRow]
    addresses: Sequence[LicenseAddress]
    budget: MoveBudget
    rotations_left: int
    room: Room | None
    checks: Sequence[CheckRow]
    events: Sequence[EventRow]
    offer: GiftRow | None
    is_held: bool

    @property
    def can_change(self) -> bool:
        """Whether servers and addresses can be changed at all."""
        return self.row.status is not LicenseStatus.REVOKED

    @property
    def can_rotate(self) -> bool:
        """Whether its owner can have a new key now."""
        is_open = self.row.status in (LicenseStatus.ACTIVE, LicenseStatus.EXPIRED)
        return is_open and self.rotations_left > 0


def get_license(session: Session, license_id: UUID, *, user_id: UUID) -> License:
    """The licence of this owner. Raises NotFound for anybody else's."""
    license = session.scalar(
        select(License)
        .where(License.id == license_id, License.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    if license is None:
        raise NotFound("license")
    return license


def open_page(session: Session, license_id: UUID, *, user_id: UUID, now: datetime) -> LicensePage:
    """The page of a licence for its owner, in at most ten queries. What was before it came as a
    gift is not shown. Raises NotFound for anybody else's."""
    license = get_license(session, license_id, user_id=user_id)
    row = find_license(session, license_id, now=now)
    slots = list_slots(session, license_id)
    addresses = list_addresses(session, license_id)
    since = find_owned_since(session, license_id)
    return LicensePage(
        row=row,
        mode=AddressMode(license.address_mode),
        slots=[_slot(slot, now) for slot in slots],
        addresses=addresses,
        budget=find_budget(session, license_id, now=now),
        rotations_left=max(0, ROTATIONS - count_rotations(session, license_id, now=now)),
        room=_room(license, slots, now),
        checks=_checks(session, license, slots, addresses, since=since),
        events=_events(session, license, user_id, since=since),
        offer=find_offer(session, license_id, now=now),
        is_held=license.cause is not None,
    )


def plan_for(
    session: Session, license: License, address: Address, *, now: datetime
) -> tuple[Room, Sequence[SlotRow]]:
    """What allowing this address takes, and the servers that could go instead."""
    slots = list_slots(session, license.id)
    room = plan_room(license, slots, network_of(address), now=now)
    return room, [_slot(slot, now) for slot in slots]


def address_text(network: Network) -> str:
    """A network as people write it: a single IPv4 address without its /32."""
    is_single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_single else str(network)


def _slot(slot: LicenseSlot, now: datetime) -> SlotRow:
    return SlotRow(
        position=slot.position,
        network=slot.network,
        address=address_text(slot.network),
        server_id=slot.server_id,
        resource=slot.resource,
        version=slot.version,
        bound_at=slot.bound_at,
        last_seen_at=slot.last_seen_at,
        is_live=is_live(slot.last_seen_at, now=now),
    )


def _room(license: License, slots: Sequence[LicenseSlot], now: datetime) -> Room | None:
    if license.status == LicenseStatus.REVOKED:
        return None
    if len(slots) < license.slots:
        return Room(None, counts=False)
    idlest = min(slots, key=lambda slot: (slot.last_seen_at, slot.position))
    return Room(idlest, counts=is_live(idlest.last_seen_at, now=now))


def _checks(
    session: Session,
    license: License,
    slots: Sequence[LicenseSlot],
    addresses: Sequence[LicenseAddress],
    *,
    since: datetime | None,
) -> Sequence[CheckRow]:
    query = select(LicenseCheck).where(LicenseCheck.license_id == license.id)
    if since is not None:
        query = query.where(LicenseCheck.created_at >= since)
    found = session.scalars(query.order_by(LicenseCheck.id.desc()).limit(CHECKS_SHOWN)).all()
    bound = {slot.network for slot in slots}
    listed = [entry.network for entry in addresses]
    is_list = license.address_mode == AddressMode.LIST
    rows = []
    for check in found:
        network = network_of(check.address)
        is_in = network in bound and (
            not is_list
            or any(network.version == one.version and network.subnet_of(one) for one in listed)  # type: ignore[arg-type]
        )
        rows.append(
            CheckRow(
                code=check.code,
                address=check.address,
                product=check.product,
                resource=check.resource,
                version=check.version,
                server_id=check.server_id,
                event=check.event,
                at=check.created_at,
                can_allow=check.code in _MENDED_BY_ALLOWING
                and not is_in
                and license.status != LicenseStatus.REVOKED,
            )
        )
    return rows


def _events(
    session: Session, license: License, user_id: UUID, *, since: datetime | None
) -> Sequence[EventRow]:
    query = select(LicenseEvent).where(
        LicenseEvent.license_id == license.id, LicenseEvent.action.not_in(_HIDDEN_EVENTS)
    )
    if since is not None:
        query = query.where(LicenseEvent.created_at >= since)
    found = session.scalars(query.order_by(LicenseEvent.id.desc()).limit(EVENTS_SHOWN))
    return [
        EventRow(event.action, _who(event.actor, user_id), event.detail, event.created_at)
        for event in found
    ]


def _who(actor: str, user_id: UUID) -> str:
    kind, _, person = actor.partition(":")
    if kind == "user":
        return "you" if person == str(user_id) else "other"
    return kind
