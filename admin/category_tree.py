"""The category tree as staff see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.catalog.models import Category, Product


@dataclass(frozen=True, slots=True)
class Branch:
    """A category at its place in the tree. `depth` counts from 0; `products` are those standing
    in it itself, whatever their status."""

    id: UUID
    parent_id: UUID | None
    slug: str
    name_th: str
    name_en: str
    products: int
    depth: int = 0
    is_first: bool = False
    is_last: bool = False
    has_branches: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it can be deleted."""
        return not self.products and not self.has_branches


def branches(session: Session) -> list[Branch]:
    """Every category, each directly before those inside it: one query."""
    counted = (
        select(Product.category_id, func.count().label("products"))
        .group_by(Product.category_id)
        .subquery()
    )
    rows = session.execute(
        select(
            Category.id,
            Category.parent_id,
            Category.slug,
            Category.name_th,
            Category.name_en,
            func.coalesce(counted.c.products, 0),
        )
        .outerjoin(counted, counted.c.category_id == Category.id)
        .order_by(Category.position, Category.slug)
    )
    inside: dict[UUID | None, list[Branch]] = {}
    for row in rows:
        inside.setdefault(row.parent_id, []).append(Branch(*row))
    return _ordered(inside, None, 0)


def below(tree: Sequence[Branch], category_id: UUID) -> tuple[UUID, ...]:
    """A category and everything inside it."""
    found = [category_id]
    for branch in tree:
        if branch.parent_id in found:
            found.append(branch.id)
    return tuple(found)


def _ordered(
    inside: dict[UUID | None, list[Branch]], parent: UUID | None, depth: int
) -> list[Branch]:
    found: list[Branch] = []
    siblings = inside.get(parent, [])
    for place, one in enumerate(siblings):
        found.append(
            Branch(
                id=one.id,
                parent_id=one.parent_id,
                slug=one.slug,
                name_th=one.name_th,
                name_en=one.name_en,
                products=one.products,
                depth=depth,
                is_first=place == 0,
                is_last=place == len(siblings) - 1,
                has_branches=one.id in inside,
            )
        )
        found += _ordered(inside, one.id, depth + 1)
    return found
