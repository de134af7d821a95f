"""Tables of the ways back for guests. The guest itself is a row of `users`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified


class GuestLink(Identified, Base):
    """A personal link that was mailed to a guest. The mail holds the token, the table only its
    SHA-256. It may be opened any number of times until it expires or is revoked: the mail is all
    the guest has. `email` is where it went, which opening it proves."""

    __tablename__ = "guest_links"
    __table_args__ = (
        CheckConstraint("expires_at > created_at", name="lifetime"),
        Index("ix_guest_links_user", "user_id"),
        Index("ix_guest_links_expires", "expires_at"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class GuestRecovery(Identified, Base):
    """Somebody asked for the links that belong to an address: one row per address, whether any
    guest has it or not, because the answer must not tell. Its id changes with every mail that is
    due, and names that mail."""

    __tablename__ = "guest_recoveries"
    __table_args__ = (
        CheckConstraint("locale IN ('th', 'en')", name="locale"),
        Index("ix_guest_recoveries_asked", "asked_at"),
    )

    email: Mapped[str] = mapped_column(String(254), unique=True)
    locale: Mapped[str] = mapped_column(String(2))
    asked_at: Mapped[datetime]
