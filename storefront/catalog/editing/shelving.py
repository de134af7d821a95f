"""Putting products on the shelves, taking them off, and moving many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.catalog.editing.rows import lock_rows, one_change, record_change
from storefront.catalog.editing.rules import (
    DraftRefused,
    Problem,
    problems_before_showing,
)
from storefront.catalog.editing.service import problems_of_neighbours, touch
from storefront.catalog.models import Category, Product, ProductStatus
from storefront.errors import DomainError, NotFound

MOST_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """A product that was left as it is, and why. Names are empty when there is no such product."""

    product_id: UUID
    name_th: str
    name_en: str
    error: DomainError

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the product, when that was the reason."""
        return self.error.problems if isinstance(self.error, DraftRefused) else ()


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of a change of many: how many are as wanted now, and who was refused."""

    changed: int
    unchanged: int
    refused: tuple[Refusal, ...]


def set_status(
    session: Session, product_id: UUID, status: ProductStatus, *, actor_id: UUID, now: datetime
) -> bool:
    """Show, hide, announce or archive a product; whether that changed anything. Idempotent.

    Every status may follow every other. The first time a product is published it becomes new.
    Locks like `update_product`. Raises NotFound, or DraftRefused with what is missing.
    """
    with one_change(session):
        rows = lock_rows(session, product_id)
        product, before = rows.product, str(rows.product.status)
        if before == status:
            return False
        problems = problems_before_showing(rows.draft, status)
        if status is ProductStatus.PUBLISHED:
            problems += problems_of_neighbours(session, rows.draft, product_id, status=status)
        if problems:
            raise DraftRefused(problems)
        product.status = status
        # Until then both say when the draft was made.
        if status is ProductStatus.PUBLISHED and product.published_at == product.created_at:
            product.published_at = now
        touch(product, now=now)
        record_change(
            session,
            product,
            "change_product_status",
            actor_id=actor_id,
            before={"status": before},
            after={"status": str(status)},
        )
        session.flush()
    return True


def move_product(
    session: Session, product_id: UUID, category_id: UUID, *, actor_id: UUID, now: datetime
) -> bool:
    """Put a product into a category; whether that changed anything. Raises NotFound for either."""
    with one_change(session):
        if session.get(Category, category_id) is None:
            raise NotFound("category")
        product = lock_rows(session, product_id).product
        before = product.category_id
        if before == category_id:
            return False
        product.category_id = category_id
        touch(product, now=now)
        record_change(
            session,
            product,
            "change_product",
            actor_id=actor_id,
            before={"category": str(before)},
            after={"category": str(category_id)},
        )
        session.flush()
    return True


def set_statuses(
    session: Session,
    product_ids: Iterable[UUID],
    status: ProductStatus,
    *,
    actor_id: UUID,
    now: datetime,
) -> BulkOutcome:
    """`set_status` for many, at most 100: those that are not fit for it are left as they are."""
    return _for_each(
        session,
        product_ids,
        lambda one: set_status(session, one, status, actor_id=actor_id, now=now),
    )


def move_products(
    session: Session,
    product_ids: Iterable[UUID],
    category_id: UUID,
    *,
    actor_id: UUID,
    now: datetime,
) -> BulkOutcome:
    """`move_product` for many, at most 100. Raises NotFound for the category."""
    if session.get(Category, category_id) is None:
        raise NotFound("category")
    return _for_each(
        session,
        product_ids,
        lambda one: move_product(session, one, category_id, actor_id=actor_id, now=now),
    )


def _for_each(
    session: Session, product_ids: Iterable[UUID], change: Callable[[UUID], bool]
) -> BulkOutcome:
    # In the order in which buyers lock: two bulk changes and a large cart cannot deadlock.
    wanted = sorted(set(product_ids))[:MOST_AT_ONCE]
    changed = 0
    refused: dict[UUID, DomainError] = {}
    for product_id in wanted:
        try:
            changed += change(product_id)
        except DomainError as error:
            refused[product_id] = error
    names = {
        row.id: (row.name_th, row.name_en)
        for row in session.execute(
            select(Product.id, Product.name_th, Product.name_en).where(Product.id.in_(refused))
        )
    }
    return BulkOutcome(
        changed=changed,
        unchanged=len(wanted) - changed - len(refused),
        refused=tuple(
            Refusal(one, *names.get(one, ("", "")), error) for one, error in refused.items()
        ),
    )
