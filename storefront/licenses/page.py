"""What the page of a licence shows its owner: servers, addresses, last checks and the diary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.licenses.addresses import network_of
from storefront.licenses.allowing import list_addresses
from storefront.licenses.budgets import find_budgets
from storefront.licenses.gift_queries import WaitingOffer, find_standing
from storefront.licenses.models import AddressMode, License, LicenseStatus
from storefront.licenses.moves import Room, list_slots, plan_room
from storefront.licenses.queries import LicenseRow, get_license_row
from storefront.licenses.rules import MoveBudget, is_live
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
    offer: WaitingOffer | None
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


def open_page(session: Session, license_id: UUID, *, user_id: UUID, now: datetime) -> LicensePage:
    """The page of a licence for its owner, in seven queries. What was before it came as a gift is
    not shown. Raises NotFound for anybody else's."""
    license, row = get_license_row(session, license_id, user_id=user_id, now=now)
    slots = list_slots(session, license_id)
    addresses = list_addresses(session, license_id)
    gifts = find_standing(session, license_id, now=now)
    budgets = find_budgets(session, license_id, now=now)
    return LicensePage(
        row=row,
        mode=AddressMode(license.address_mode),
        slots=[_slot(slot, now) for slot in slots],
        addresses=addresses,
        budget=budgets.moves,
        rotations_left=budgets.rotations_left,
        room=_room(license, slots, now),
        checks=_checks(session, license, slots, addresses, since=gifts.owned_since),
        events=_events(session, license, user_id, since=gifts.owned_since),
        offer=gifts.offer,
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
