"""Tables of how licences are used: the servers that hold a slot, the addresses an owner allowed,
what was asked, what happened, and what looks wrong."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import CIDR, INET
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class LicenseSlot(Base):
    """A game server that runs on a licence now. `position` counts from 1 to the licence's slots, so
    that the key of the table itself allows no server more, however many ask at once (K3).

    `network` is the server's address: IPv4 exactly, IPv6 by its /64. Freeing a slot deletes the
    row; what became of it stands in the licence's events.
    """

    __tablename__ = "license_slots"
    __table_args__ = (
        UniqueConstraint("license_id", "network"),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("last_seen_at >= bound_at", name="seen_since_bound"),
        Index("ix_license_slots_network", "network"),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    network: Mapped[Network] = mapped_column(CIDR)
    server_id: Mapped[str | None] = mapped_column(String(64))
    resource: Mapped[str] = mapped_column(String(64), server_default="")
    version: Mapped[str] = mapped_column(String(40), server_default="")
    bound_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LicenseAddress(Identified, Base):
    """An address or block that the owner of a licence in mode `list` allows. An empty list allows
    nobody."""

    __tablename__ = "license_addresses"
    __table_args__ = (UniqueConstraint("license_id", "network"),)

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    network: Mapped[Network] = mapped_column(CIDR)
    note: Mapped[str] = mapped_column(String(80), server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LicenseCheck(Identified, Base):
    """One question of a game server and its verdict; written in batches, kept for 90 days. Without
    a licence where the key is unknown; `key_hint` is then what was typed, four symbols of it."""

    __tablename__ = "license_checks"
    __table_args__ = (
        Index("ix_license_checks_license", "license_id", "id"),
        Index("ix_license_checks_address", "address", "id"),
    )

    license_id: Mapped[UUID | None] = mapped_column(ForeignKey("licenses.id"))
    key_hint: Mapped[str] = mapped_column(String(4), server_default="")
    code: Mapped[str] = mapped_column(String(24))
    address: Mapped[Address] = mapped_column(INET)
    product: Mapped[str] = mapped_column(String(80), server_default="")
    resource: Mapped[str] = mapped_column(String(64), server_default="")
    version: Mapped[str] = mapped_column(String(40), server_default="")
    server_id: Mapped[str | None] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(10), server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LicenseEvent(Identified, Base):
    """One step in the life of a licence: what, who, when, and the facts. `actor` is `system`,
    `server`, `user:<id>` or `staff:<id>`."""

    __tablename__ = "license_events"
    __table_args__ = (Index("ix_license_events_license", "license_id", "id"),)

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    action: Mapped[str] = mapped_column(String(30))
    actor: Mapped[str] = mapped_column(String(60))
    detail: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FlagState(StrEnum):
    """What staff made of a suspicion."""

    OPEN = "open"
    DISMISSED = "dismissed"
    ACTED_ON = "acted_on"


class LicenseFlag(Identified, Base):
    """Something about a licence that looks wrong, with its evidence; one open flag per kind."""

    __tablename__ = "license_flags"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('many_networks', 'more_live_than_slots', 'products_never_together')",
            name="kind",
        ),
        CheckConstraint("state IN ('open', 'dismissed', 'acted_on')", name="state"),
        Index(
            "uq_license_flags_open",
            "license_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_license_flags_state", "state", "id"),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    kind: Mapped[str] = mapped_column(String(30))
    evidence: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10), default=FlagState.OPEN)
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
