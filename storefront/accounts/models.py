"""Tables of people and of what they did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    case,
    false,
    func,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified


class Role(StrEnum):
    """What a person may do; permissions hang on roles (see rules.py)."""

    CUSTOMER = "customer"
    MODERATOR = "moderator"
    ADMIN = "admin"


class User(Identified, Base):
    """A person who signed in. Joined to Discord by its id, never by e-mail (RFC 9700, 4.16).

    A guest is one without a way to sign in, who bought with an e-mail address alone: `guest_key`
    ties the row to the form that made it. Once everything of theirs was moved to a member,
    `merged_into` says to whom, and the guest is closed.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('customer', 'moderator', 'admin')", name="role"),
        CheckConstraint("locale IN ('th', 'en')", name="locale"),
        CheckConstraint(
            "is_guest = (discord_id IS NULL) AND is_guest = (guest_key IS NOT NULL)", name="guest"
        ),
        CheckConstraint("NOT is_guest OR email IS NOT NULL", name="guest_email"),
        CheckConstraint("NOT is_guest OR role = 'customer'", name="guest_is_no_staff"),
        CheckConstraint(
            "(merged_into IS NULL) = (merged_at IS NULL) AND (merged_into IS NULL OR is_guest)",
            name="merged",
        ),
        Index("ix_users_guest_email", "email", postgresql_where=text("is_guest")),
        Index("ix_users_merged", "merged_at", postgresql_where=text("merged_into IS NOT NULL")),
    )

    discord_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    username: Mapped[str] = mapped_column(String(64))
    display_name: Mapped[str] = mapped_column(String(64))
    avatar_url: Mapped[str | None] = mapped_column(String(300))
    email: Mapped[str | None] = mapped_column(String(254))
    email_verified: Mapped[bool] = mapped_column(default=False)
    role: Mapped[str] = mapped_column(String(16), default=Role.CUSTOMER)
    locale: Mapped[str] = mapped_column(String(2), default="th")
    banned_at: Mapped[datetime | None]
    is_guest: Mapped[bool] = mapped_column(default=False, server_default=false())
    guest_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    merged_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def is_staff(self) -> bool:
        """Whether the back office is open to this person at all."""
        return self.role in (Role.MODERATOR, Role.ADMIN)

    @hybrid_property
    def handle(self) -> str:
        """What staff tell a person by: @name at Discord, or the address of a guest."""
        return (self.email or "") if self.is_guest else f"@{self.username}"

    @handle.inplace.expression
    @classmethod
    def _handle(cls) -> ColumnElement[str]:
        return case((cls.is_guest, cls.email), else_=func.concat("@", cls.username))


class SignInSession(Identified, Base):
    """One browser that is signed in. The cookie holds a token, the table only its SHA-256, so a
    leaked table signs nobody in, and sign-out is true on the server (OWASP ASVS 5, 7.4.1)."""

    __tablename__ = "sign_in_sessions"
    __table_args__ = (Index("ix_sign_in_sessions_user_id", "user_id"),)

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")


class AuditEntry(Identified, Base):
    """Who did what to which thing: sign-ins and every staff change, in the same transaction."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_subject", "subject_type", "subject_id"),
        Index("ix_audit_entries_actor", "actor_id", "id"),
    )

    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str] = mapped_column(String(60))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(60))
    detail: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
