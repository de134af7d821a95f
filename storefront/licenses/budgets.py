"""What owners may do only so often: moving running servers, and having a new key.

Counted from the diary. Who decides by it holds the licence's row; a page may read it without.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from storefront.licenses.rules import (
    MOVE_WINDOW,
    ROTATION_WINDOW,
    ROTATIONS,
    MoveBudget,
    budget_of,
)
from storefront.licenses.usage_models import LicenseEvent

# Stands in the detail of an event that counts as a move.
COUNTS: Final = "counts"


@dataclass(frozen=True, slots=True)
class Budgets:
    """What the owner of a licence has left of both."""

    moves: MoveBudget
    rotations_left: int


def find_budgets(session: Session, license_id: UUID, *, now: datetime) -> Budgets:
    """What the owner of a licence has left; what an earlier owner did counts too. One query."""
    rows = session.execute(
        select(LicenseEvent.created_at, _is_move(now).label("is_move")).where(
            LicenseEvent.license_id == license_id, or_(_is_move(now), _is_rotation(now))
        )
    ).all()
    rotations = sum(not row.is_move for row in rows)
    return Budgets(
        moves=budget_of([row.created_at for row in rows if row.is_move], now=now),
        rotations_left=max(0, ROTATIONS - rotations),
    )


def find_budget(session: Session, license_id: UUID, *, now: datetime) -> MoveBudget:
    """What moves the owner of a licence has left; moves of an earlier owner count too."""
    made = session.scalars(
        select(LicenseEvent.created_at).where(LicenseEvent.license_id == license_id, _is_move(now))
    ).all()
    return budget_of(made, now=now)


def count_rotations(session: Session, license_id: UUID, *, now: datetime) -> int:
    """How often owners have changed this key in the last 24 hours."""
    return int(
        session.scalar(
            select(func.count()).where(LicenseEvent.license_id == license_id, _is_rotation(now))
        )
        or 0
    )


def _is_move(now: datetime) -> ColumnElement[bool]:
    return and_(
        LicenseEvent.created_at > now - MOVE_WINDOW, LicenseEvent.detail[COUNTS].astext == "true"
    )


def _is_rotation(now: datetime) -> ColumnElement[bool]:
    return and_(
        LicenseEvent.action == "key_rotated",
        LicenseEvent.actor.startswith("user:"),
        LicenseEvent.created_at > now - ROTATION_WINDOW,
    )
