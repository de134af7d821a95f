"""Tables of Discord roles: which purchase gives which, and what was given to whom."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.catalog.models import Category, Product
from storefront.db import Base, Identified


class Scope(StrEnum):
    """What one must have a good licence of."""

    ANY = "any"
    CATEGORY = "category"
    PRODUCT = "product"


class GrantState(StrEnum):
    """`granting` is written before Discord is asked, so a role is never given and forgotten;
    `taking` stays until Discord said that it is gone."""

    GRANTING = "granting"
    GRANTED = "granted"
    TAKING = "taking"


class MemberProblem(StrEnum):
    """Why somebody does not have the roles they should have."""

    NOT_A_MEMBER = "not_a_member"
    FORBIDDEN = "forbidden"


class DiscordRoleRule(Identified, Base):
    """Whoever has a good licence of this has that role. A rule that was removed stays, so that
    everybody is looked at again who was looked at before its end."""

    __tablename__ = "discord_role_rules"
    __table_args__ = (
        CheckConstraint("scope IN ('any', 'category', 'product')", name="scope"),
        CheckConstraint(
            "(scope = 'category') = (category_id IS NOT NULL)"
            " AND (scope = 'product') = (product_id IS NOT NULL)",
            name="scope_says_of_what",
        ),
        CheckConstraint("role_id ~ '^[0-9]{15,22}$'", name="role_id"),
        Index(
            "uq_discord_role_rules_open",
            "role_id",
            "scope",
            "category_id",
            "product_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    scope: Mapped[str] = mapped_column(String(10))
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))
    role_id: Mapped[str] = mapped_column(String(22))
    name: Mapped[str] = mapped_column(String(80), server_default="")
    revision: Mapped[int] = mapped_column(server_default="1")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]

    category: Mapped[Category | None] = relationship(lazy="raise")
    product: Mapped[Product | None] = relationship(lazy="raise")


class DiscordRoleGrant(Base):
    """A role that the shop gave, and alone may take."""

    __tablename__ = "discord_role_grants"
    __table_args__ = (
        CheckConstraint("state IN ('granting', 'granted', 'taking')", name="state"),
        CheckConstraint("role_id ~ '^[0-9]{15,22}$'", name="role_id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DiscordMember(Base):
    """Who changes somebody's roles right now, when the sweep last planned to look at them, and what
    was in the way when that was last tried."""

    __tablename__ = "discord_members"
    __table_args__ = (
        CheckConstraint("problem IN ('not_a_member', 'forbidden')", name="problem"),
        Index(
            "ix_discord_members_problem", "problem", postgresql_where=text("problem IS NOT NULL")
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    claim: Mapped[int] = mapped_column(server_default="0")
    claimed_until: Mapped[datetime | None]
    planned_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(12))
