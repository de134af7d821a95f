"""Reads about Discord roles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from storefront.accounts.models import User
from storefront.catalog.models import Category, Product
from storefront.discord_roles.models import (
    DiscordMember,
    DiscordRoleGrant,
    DiscordRoleRule,
    GrantState,
    MemberProblem,
    Scope,
)
from storefront.discord_roles.rules import Holding, Rule
from storefront.licenses.models import License, LicenseStatus

SHOWN: Final = 100


def list_rules(session: Session) -> Sequence[DiscordRoleRule]:
    """Every rule that counts, with what it is about."""
    return session.scalars(
        select(DiscordRoleRule)
        .where(DiscordRoleRule.removed_at.is_(None))
        .options(joinedload(DiscordRoleRule.category), joinedload(DiscordRoleRule.product))
        .order_by(DiscordRoleRule.id)
    ).all()


def read_rules(session: Session) -> list[Rule]:
    """The same as values."""
    rows = session.execute(
        select(
            DiscordRoleRule.scope,
            func.coalesce(DiscordRoleRule.category_id, DiscordRoleRule.product_id),
            DiscordRoleRule.role_id,
        ).where(DiscordRoleRule.removed_at.is_(None))
    )
    return [Rule(Scope(scope), target, role_id) for scope, target, role_id in rows]


def find_holdings(session: Session, user_id: UUID, *, now: datetime) -> list[Holding]:
    """What somebody has good licences of at `now`, in 2 queries."""
    rows = session.execute(
        select(Product.id, Product.category_id)
        .join(License, License.product_id == Product.id)
        .where(
            License.user_id == user_id,
            License.status == LicenseStatus.ACTIVE,
            or_(License.expires_at.is_(None), License.expires_at > now),
        )
        .distinct()
    ).all()
    if not rows:
        return []
    shelves = session.execute(select(Category.id, Category.parent_id))
    parents = {row.id: row.parent_id for row in shelves}
    return [
        Holding(product_id, frozenset(_chain(category_id, parents)))
        for product_id, category_id in rows
    ]


def find_grants(session: Session, user_id: UUID) -> dict[str, GrantState]:
    """What the shop gave somebody, by the id of the role."""
    rows = session.execute(
        select(DiscordRoleGrant.role_id, DiscordRoleGrant.state).where(
            DiscordRoleGrant.user_id == user_id
        )
    )
    return {role_id: GrantState(state) for role_id, state in rows}


def find_stale(session: Session, *, since: datetime, limit: int) -> Sequence[UUID]:
    """At whose roles the sweep did not look since then: of everybody with a Discord account who
    has, or had, a licence or a role."""
    concerned = or_(
        select(License.id).where(License.user_id == User.id).exists(),
        select(DiscordRoleGrant.role_id).where(DiscordRoleGrant.user_id == User.id).exists(),
    )
    return session.scalars(
        select(User.id)
        .outerjoin(DiscordMember, DiscordMember.user_id == User.id)
        .where(
            User.discord_id.is_not(None),
            concerned,
            or_(DiscordMember.planned_at.is_(None), DiscordMember.planned_at < since),
        )
        .order_by(DiscordMember.planned_at.nulls_first(), User.id)
        .limit(limit)
    ).all()


def last_change(session: Session) -> datetime | None:
    """When a rule was last made, changed or removed."""
    return session.scalar(select(func.max(DiscordRoleRule.changed_at)))


def count_grants(session: Session) -> dict[str, int]:
    """How many people have each role from the shop."""
    rows = session.execute(
        select(DiscordRoleGrant.role_id, func.count().label("people"))
        .where(DiscordRoleGrant.state == GrantState.GRANTED)
        .group_by(DiscordRoleGrant.role_id)
    )
    return {row.role_id: row.people for row in rows}


def list_problems(session: Session) -> Sequence[tuple[User, MemberProblem]]:
    """The first hundred people who do not have what they should have, and why."""
    rows = session.execute(
        select(User, func.coalesce(DiscordMember.problem, ""))
        .join(DiscordMember, DiscordMember.user_id == User.id)
        .where(DiscordMember.problem.is_not(None))
        .order_by(DiscordMember.problem, User.id)
        .limit(SHOWN)
    )
    return [(user, MemberProblem(problem)) for user, problem in rows]


def _chain(category_id: UUID, parents: dict[UUID, UUID | None]) -> Sequence[UUID]:
    found: list[UUID] = []
    step: UUID | None = category_id
    while step is not None and step not in found:
        found.append(step)
        step = parents.get(step)
    return found
