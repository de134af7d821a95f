"""Tables of outgoing webhooks and the state machine of a delivery."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.state import Machine


class EventName(StrEnum):
    """What can be told. A name always comes with the same fields (docs/webhooks-out.md)."""

    ORDER_COMPLETED = "order.completed"
    ORDER_REFUNDED = "order.refunded"
    ORDER_DISPUTED = "order.disputed"
    LICENSE_ISSUED = "license.issued"
    LICENSE_RENEWED = "license.renewed"
    LICENSE_EXTENDED = "license.extended"
    LICENSE_SUSPENDED = "license.suspended"
    LICENSE_RESTORED = "license.restored"
    LICENSE_REVOKED = "license.revoked"
    LICENSE_EXPIRED = "license.expired"
    LICENSE_ROTATED = "license.rotated"
    LICENSE_GIVEN = "license.given"
    LICENSE_SLOT_MOVED = "license.slot_moved"
    RELEASE_PUBLISHED = "release.published"
    PING = "ping"


# A ping is about nothing: staff send it to one endpoint, and nobody subscribes.
SUBSCRIBABLE: Final = tuple(name for name in EventName if name is not EventName.PING)


class OffReason(StrEnum):
    """Why an endpoint is off."""

    STAFF = "staff"
    GONE = "gone"
    FAILING = "failing"


class DeliveryState(StrEnum):
    """Where a delivery stands: not tried so far, failed and to be tried again, or over."""

    PENDING = "pending"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    GIVEN_UP = "given_up"


OPEN_STATES: Final = (DeliveryState.PENDING, DeliveryState.FAILED)


class DeliveryAction(StrEnum):
    """What can happen to a delivery."""

    SUCCEED = "succeed"
    FAIL = "fail"
    GIVE_UP = "give_up"
    REPLAY = "replay"


_OPEN = {one: one for one in OPEN_STATES}
DELIVERY_MACHINE: Final[Machine[DeliveryState, DeliveryAction]] = Machine(
    {
        DeliveryAction.SUCCEED: dict.fromkeys(_OPEN, DeliveryState.SUCCEEDED),
        DeliveryAction.FAIL: dict.fromkeys(_OPEN, DeliveryState.FAILED),
        DeliveryAction.GIVE_UP: dict.fromkeys(_OPEN, DeliveryState.GIVEN_UP),
        # Staff may send again what came through: the receiver may have lost it.
        DeliveryAction.REPLAY: dict.fromkeys(
            (DeliveryState.FAILED, DeliveryState.SUCCEEDED, DeliveryState.GIVEN_UP),
            DeliveryState.PENDING,
        ),
    }
)


class OutgoingEndpoint(Identified, Base):
    """Somebody's server that wants to hear. Its secret is kept sealed and shown once; while it is
    being rotated the one before is good, too, until `old_secret_until`.

    `failing_since` and `failures` count attempts that failed since the last good one. While there
    are any, one delivery at a time is tried. `revision` tells two people who edit apart.
    """

    __tablename__ = "outgoing_endpoints"
    __table_args__ = (
        CheckConstraint("off_reason IN ('staff', 'gone', 'failing')", name="off_reason"),
        CheckConstraint(
            "enabled = (off_reason IS NULL) AND enabled = (off_at IS NULL)", name="off_says_why"
        ),
        CheckConstraint(
            "(old_secret_sealed IS NULL) = (old_secret_until IS NULL)", name="old_secret"
        ),
        CheckConstraint("(failures = 0) = (failing_since IS NULL)", name="failing"),
        CheckConstraint("failures >= 0", name="failures"),
    )

    url: Mapped[str] = mapped_column(String(500))
    description: Mapped[str] = mapped_column(String(200), server_default="")
    events: Mapped[list[str]]
    secret_sealed: Mapped[str]
    secret_shown_at: Mapped[datetime | None]
    old_secret_sealed: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=true())
    off_reason: Mapped[str | None] = mapped_column(String(10))
    off_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int] = mapped_column(server_default="1")
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OutgoingEvent(Identified, Base):
    """A fact as it was when it happened: no key, no secret, of people no more than ids."""

    __tablename__ = "outgoing_events"

    name: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID] = mapped_column(index=True)
    dedupe_key: Mapped[str] = mapped_column(String(120), unique=True)
    data: Mapped[dict[str, Any]]
    is_fanned_out: Mapped[bool] = mapped_column(server_default=false())
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def message_id(self) -> str:
        """What its receiver knows it by: the same in every attempt and every replay."""
        return f"msg_{self.id.hex}"


class OutgoingDelivery(Identified, Base):
    """One event on its way to one endpoint. `attempts` counts those of this round, a replay begins
    another. Whoever makes an attempt holds it until `claimed_until`; `claim` fences."""

    __tablename__ = "outgoing_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        CheckConstraint("state IN ('pending', 'failed', 'succeeded', 'given_up')", name="state"),
        CheckConstraint(
            "(state IN ('pending', 'failed')) = (due_at IS NOT NULL)", name="open_is_due"
        ),
        CheckConstraint("attempts >= 0 AND claim >= attempts AND replays >= 0", name="counters"),
        Index(
            "ix_outgoing_deliveries_due",
            "due_at",
            postgresql_where=text("state IN ('pending', 'failed')"),
        ),
        Index("ix_outgoing_deliveries_endpoint", "endpoint_id", "id"),
        Index("ix_outgoing_deliveries_event", "event_id"),
    )

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("outgoing_endpoints.id"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("outgoing_events.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(10), server_default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(server_default="0")
    replays: Mapped[int] = mapped_column(server_default="0")
    claim: Mapped[int] = mapped_column(server_default="0")
    claimed_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[datetime | None]

    event: Mapped[OutgoingEvent] = relationship(lazy="raise")
    endpoint: Mapped[OutgoingEndpoint] = relationship(lazy="raise")


class OutgoingAttempt(Base):
    """One attempt, written before it is made: one that never ends was cut off by a crash."""

    __tablename__ = "outgoing_attempts"

    delivery_id: Mapped[UUID] = mapped_column(
        ForeignKey("outgoing_deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    status: Mapped[int | None]
    error: Mapped[str] = mapped_column(String(30), server_default="")
    duration_ms: Mapped[int | None]
    answer: Mapped[str] = mapped_column(Text, server_default="")
