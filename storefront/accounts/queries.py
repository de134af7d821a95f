"""Reads about people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import Role, SignInSession, User
from storefront.accounts.rules import Permission, role_permits


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person behind a request, in the shape Flask-Login expects."""

    id: UUID
    session_id: UUID
    signed_in_at: datetime
    token: str
    username: str
    display_name: str
    avatar_url: str | None
    email: str | None
    role: Role
    is_guest: bool = False
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """What the cookie holds: the session's token, never the user's id."""
        return self.token

    @property
    def is_staff(self) -> bool:
        """Whether the back office is open to this person at all."""
        return self.role in (Role.MODERATOR, Role.ADMIN)


def find_visitor(session: Session, token: str, *, now: datetime) -> Visitor | None:
    """Who holds this token: None when it is unknown, expired, revoked, or its owner banned or, as
    a guest, merged into a member. Looked up anew on every request, so revoking and banning take
    effect at once."""
    row = session.execute(
        select(
            User.id,
            SignInSession.id.label("session_id"),
            SignInSession.created_at.label("signed_in_at"),
            User.username,
            User.display_name,
            User.avatar_url,
            User.email,
            User.role,
            User.is_guest,
        )
        .join(SignInSession, SignInSession.user_id == User.id)
        .where(
            SignInSession.token_hash == hash_token(token),
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > now,
            User.banned_at.is_(None),
            User.merged_into.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    return Visitor(
        id=row.id,
        session_id=row.session_id,
        signed_in_at=row.signed_in_at,
        token=token,
        username=row.username,
        display_name=row.display_name,
        avatar_url=row.avatar_url,
        email=row.email,
        role=Role(row.role),
        is_guest=row.is_guest,
    )


def find_staff(session: Session, permission: Permission) -> Sequence[UUID]:
    """Everybody whose role carries this permission and who is not banned: whom to tell."""
    roles = [role for role in Role if role_permits(role, permission)]
    return session.scalars(
        select(User.id).where(User.role.in_(roles), User.banned_at.is_(None)).order_by(User.id)
    ).all()


def list_sessions(session: Session, user_id: UUID, *, now: datetime) -> Sequence[SignInSession]:
    """Browsers in which this person is signed in, newest first."""
    return session.scalars(
        select(SignInSession)
        .where(
            SignInSession.user_id == user_id,
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > now,
        )
        .order_by(SignInSession.id.desc())
        .limit(50)
    ).all()


def hash_token(token: str) -> str:
    """How a token is stored: 256 random bits need no salt and no slow hash."""
    return sha256(token.encode()).hexdigest()
