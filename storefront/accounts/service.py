"""Changes to people and their sign-ins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import AuditEntry, Role, SignInSession, User
from storefront.accounts.queries import hash_token
from storefront.errors import DomainError, Kind, NotFound
from storefront.kit.ids import new_id, new_token
from storefront.providers.discord import Identity

SESSION_LIFETIME = timedelta(days=30)


def register_identity(
    session: Session, identity: Identity, *, admin_discord_ids: frozenset[str]
) -> User:
    """Find or create the person behind a Discord id and refresh what Discord says of them.

    Joined by the Discord id alone, never by e-mail. A person in `admin_discord_ids` becomes admin
    at the first sign-in; later changes of role by staff stand. Idempotent; two first sign-ins at
    once make one user. Raises DomainError `banned`.
    """
    is_owner = identity.discord_id in admin_discord_ids
    session.execute(
        insert(User)
        .values(
            id=new_id(),
            discord_id=identity.discord_id,
            username=identity.username,
            display_name=identity.display_name,
            email_verified=False,
            role=Role.ADMIN if is_owner else Role.CUSTOMER,
            locale=identity.locale,
        )
        .on_conflict_do_nothing(index_elements=["discord_id"])
    )
    # Not a full lock: whoever holds a payment of this person may still write rows that point at
    # them, and a guest's may have to be waited for in this very transaction.
    user = session.scalars(
        select(User).where(User.discord_id == identity.discord_id).with_for_update(key_share=True)
    ).one()
    if user.banned_at is not None:
        raise DomainError("banned", Kind.FORBIDDEN)
    user.username = identity.username
    user.display_name = identity.display_name
    user.avatar_url = identity.avatar_url
    user.email = identity.email
    user.email_verified = identity.email_verified
    return user


def open_session(
    session: Session, user_id: UUID, *, user_agent: str, address: str, now: datetime
) -> str:
    """Sign a browser in and return the token for its cookie; only its hash is stored.

    Always a new token, so one planted before the sign-in is worth nothing (ASVS 5, 7.2.4).
    """
    token = new_token()
    session.add(
        SignInSession(
            token_hash=hash_token(token),
            user_id=user_id,
            user_agent=user_agent[:200],
            address=address,
            expires_at=now + SESSION_LIFETIME,
        )
    )
    record_audit(session, actor_id=user_id, action="sign_in", subject=("user", user_id))
    return token


def hold_person(session: Session, user_id: UUID) -> User:
    """Whoever begins something new for a person keeps them from being merged into another until
    the transaction ends: the first lock of all, shared by everybody who begins something. Raises
    DomainError `sign_in_first` for a guest who was merged already."""
    user = session.scalars(
        select(User)
        .where(User.id == user_id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    ).one()
    if user.merged_into is not None:
        raise DomainError("sign_in_first", Kind.UNAUTHENTICATED, f"{user_id} was merged")
    return user


def revoke_session(session: Session, session_id: UUID, *, user_id: UUID, now: datetime) -> None:
    """End one of this person's sign-ins; idempotent. Raises NotFound for anybody else's."""
    known = session.scalar(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.user_id == user_id)
        .values(revoked_at=now)
        .returning(SignInSession.id)
    )
    if known is None:
        raise NotFound("session")
    record_audit(session, actor_id=user_id, action="sign_out", subject=("session", session_id))


def record_audit(
    session: Session,
    *,
    actor_id: UUID | None,
    action: str,
    subject: tuple[str, UUID],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write who did what, in the transaction that does it (A2)."""
    session.add(
        AuditEntry(
            actor_id=actor_id,
            action=action,
            subject_type=subject[0],
            subject_id=str(subject[1]),
            detail=dict(detail or {}),
        )
    )
