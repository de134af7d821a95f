"""Which servers may run a licence: the first that ask (mode `auto`), or those on a list that its
owner keeps by hand (mode `list`). In either mode no more servers run at once than there are slots.

An emptied list allows nobody. The licence's row is locked throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Network
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.errors import Conflict, Invalid
from storefront.kit.ids import new_id
from storefront.licenses.actors import Actor, lock_license, record_change
from storefront.licenses.addresses import network_of, parse_network
from storefront.licenses.models import AddressMode, License, LicenseStatus
from storefront.licenses.moves import free_outside, list_slots, make_room
from storefront.licenses.rules import MOST_ADDRESSES, SHORTEST_V4, SHORTEST_V6
from storefront.licenses.usage_models import Address, LicenseAddress, Network

LONGEST_ADDRESS_NOTE: Final = 80
_AUDIT: Final = "change_license_addresses"


def list_addresses(session: Session, license_id: UUID) -> Sequence[LicenseAddress]:
    """The addresses that stand on a licence's list, the oldest first."""
    return session.scalars(
        select(LicenseAddress)
        .where(LicenseAddress.license_id == license_id)
        .order_by(LicenseAddress.id)
    ).all()


def allow_address(
    session: Session,
    license_id: UUID,
    address: Address,
    *,
    instead_of: Network | None = None,
    accepts_cost: bool = True,
    by: Actor,
    now: datetime,
) -> None:
    """Let the server of this address run from its next check on: it is put on the list in mode
    `list`, and gets a slot, if need be that of the server `instead_of` or of the one that was idle
    longest.

    Of an owner it counts as a move only where it takes the slot of a server that is live.
    Idempotent. Raises NotFound, also of `slot`; Conflict `license_is_revoked`, `list_full`, and
    `would_count` where it is a move whose cost was not accepted; DomainError `no_move_left`.
    """
    license = _lock(session, license_id, by=by)
    if license.address_mode == AddressMode.LIST:
        listed = [entry.network for entry in list_addresses(session, license_id)]
        if not any(_covers(network, network_of(address)) for network in listed):
            _put_on_list(session, license, network_of(address), note="", by=by)
    make_room(
        session,
        license,
        address,
        instead_of=instead_of,
        accepts_cost=accepts_cost,
        by=by,
        now=now,
    )


def list_address(
    session: Session, license_id: UUID, text: str, *, note: str = "", by: Actor
) -> None:
    """Put an address or a block on the list of a licence, at most 20 of IPv4 /24 and IPv6 /48 or
    smaller. It gets a slot when its server asks. Idempotent. Raises NotFound, Invalid `bad_address`
    or `address_too_wide`, Conflict `license_is_revoked`, `not_by_list` or `list_full`."""
    network = parse_network(text)
    if network.prefixlen < (SHORTEST_V4 if isinstance(network, IPv4Network) else SHORTEST_V6):
        raise Invalid("address_too_wide", f"/{network.prefixlen}")
    license = _lock(session, license_id, by=by)
    if license.address_mode != AddressMode.LIST:
        raise Conflict("not_by_list")
    _put_on_list(session, license, network, note=note.strip()[:LONGEST_ADDRESS_NOTE], by=by)


def remove_address(
    session: Session, license_id: UUID, *, address_id: UUID, by: Actor, now: datetime
) -> None:
    """Take an address off the list, and the slots of servers that nothing else on it allows. Of an
    owner it counts as a move where one of them is live. Idempotent. Raises NotFound, Conflict
    `license_is_revoked`, DomainError `no_move_left`."""
    license = _lock(session, license_id, by=by)
    listed = list_addresses(session, license_id)
    gone = next((entry for entry in listed if entry.id == address_id), None)
    if gone is None:
        return
    kept = [entry.network for entry in listed if entry is not gone]
    slots = [
        slot
        for slot in list_slots(session, license_id)
        if _covers(gone.network, slot.network)
        and not any(_covers(network, slot.network) for network in kept)
    ]
    counts = free_outside(session, license, slots, by=by, now=now)
    session.execute(delete(LicenseAddress).where(LicenseAddress.id == address_id))
    detail = {
        "address": str(gone.network),
        "counts": counts,
        "freed": [str(slot.network) for slot in slots],
    }
    record_change(session, license_id, "address_removed", by=by, audit=_AUDIT, detail=detail)


def set_address_mode(session: Session, license_id: UUID, mode: AddressMode, *, by: Actor) -> None:
    """Choose how servers are let in. A list that begins holds the servers that have a slot now, so
    that none of them stops; one that ends is forgotten. Idempotent. Raises NotFound, Conflict
    `license_is_revoked`."""
    license = _lock(session, license_id, by=by)
    if license.address_mode == mode:
        return
    license.address_mode = mode
    if mode is AddressMode.LIST:
        for slot in list_slots(session, license_id):
            _insert(session, license_id, slot.network, note=slot.resource)
    else:
        session.execute(delete(LicenseAddress).where(LicenseAddress.license_id == license_id))
    detail = {"mode": str(mode)}
    record_change(session, license_id, "mode_changed", by=by, audit=_AUDIT, detail=detail)


def _lock(session: Session, license_id: UUID, *, by: Actor) -> License:
    license = lock_license(session, license_id, by=by)
    if license.status == LicenseStatus.REVOKED:
        raise Conflict("license_is_revoked")
    return license


def _put_on_list(
    session: Session, license: License, network: Network, *, note: str, by: Actor
) -> None:
    count = select(func.count()).where(LicenseAddress.license_id == license.id)
    known = session.scalar(count.where(LicenseAddress.network == network))
    if known:
        return
    if (session.scalar(count) or 0) >= MOST_ADDRESSES:
        raise Conflict("list_full")
    _insert(session, license.id, network, note=note)
    detail = {"address": str(network)}
    record_change(session, license.id, "address_listed", by=by, audit=_AUDIT, detail=detail)


def _insert(session: Session, license_id: UUID, network: Network, *, note: str) -> None:
    session.execute(
        insert(LicenseAddress)
        .values(id=new_id(), license_id=license_id, network=network, note=note)
        .on_conflict_do_nothing(index_elements=["license_id", "network"])
    )


def _covers(wide: Network, narrow: Network) -> bool:
    return wide.version == narrow.version and narrow.subnet_of(wide)  # type: ignore[arg-type]
