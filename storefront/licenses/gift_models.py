"""The table of licences that are on their way to another account."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified
from storefront.kit.state import Machine


class GiftState(StrEnum):
    """Where a gift stands. Being too old is a fact of time: see `LicenseGift.expires_at`."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class GiftAction(StrEnum):
    """What giver and receiver can do."""

    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


GIFT_MACHINE: Machine[GiftState, GiftAction] = Machine(
    {
        GiftAction.ACCEPT: {GiftState.PENDING: GiftState.ACCEPTED},
        GiftAction.DECLINE: {GiftState.PENDING: GiftState.DECLINED},
        GiftAction.WITHDRAW: {GiftState.PENDING: GiftState.WITHDRAWN},
    }
)


class LicenseGift(Identified, Base):
    """A licence offered to another account: `recipient` is the Discord name or the e-mail address,
    in small letters, by which the receiver is known once they accept. Until then the giver keeps
    the licence, and a licence is offered to one at a time."""

    __tablename__ = "license_gifts"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'accepted', 'declined', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'pending') = (closed_at IS NULL)", name="closed"),
        CheckConstraint("state <> 'accepted' OR receiver_id IS NOT NULL", name="accepted_by"),
        CheckConstraint("receiver_id IS NULL OR receiver_id <> giver_id", name="to_another"),
        CheckConstraint("recipient = lower(recipient) AND recipient <> ''", name="recipient"),
        Index(
            "uq_license_gifts_pending",
            "license_id",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_license_gifts_recipient", "recipient", postgresql_where=text("state = 'pending'")
        ),
        Index("ix_license_gifts_license", "license_id", "id"),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    giver_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    recipient: Mapped[str] = mapped_column(String(254))
    receiver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(String(10), default=GiftState.PENDING)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
