"""What the home page and the search box read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from storefront.catalog.cards import (
    OFFER,
    PRODUCTS,
    Card,
    card_list,
    find_cards,
    find_lists,
    is_shown,
    together,
)
from storefront.catalog.models import (
    Category,
    ProductStatus,
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category in a list of categories."""

    id: UUID
    parent_id: UUID | None
    slug: str
    name_th: str
    name_en: str
    products: int


@dataclass(frozen=True, slots=True)
class HomeLists:
    """The rows of cards on the home page."""

    on_sale: Sequence[Card]
    best_sellers: Sequence[Card]
    newest: Sequence[Card]
    coming_soon: Sequence[Card]


def get_home_lists(session: Session, *, now: datetime) -> HomeLists:
    """Everything the home page puts forward, in 1 query."""
    cards = find_lists(session, _HOME, now=now)
    return HomeLists(
        on_sale=cards["on_sale"],
        best_sellers=cards["best_sellers"],
        newest=cards["newest"],
        coming_soon=cards["coming_soon"],
    )


def list_on_sale(session: Session, *, now: datetime) -> list[Card]:
    """Up to four products whose shown price is reduced and that can be bought, the largest cut
    first."""
    return find_cards(session, _ON_SALE, now=now)


def list_shelves(session: Session) -> list[Shelf]:
    """Every category with the number of products shown in it and below it, in display order."""
    rows = session.execute(_SHELVES)
    return _with_totals([Shelf(*row) for row in rows])


def _with_totals(shelves: list[Shelf]) -> list[Shelf]:
    """Parents directly before their children, each with the products of everything below it."""

    def below(parent: UUID | None) -> list[Shelf]:
        result: list[Shelf] = []
        for shelf in (one for one in shelves if one.parent_id == parent):
            inside = below(shelf.id)
            total = shelf.products + sum(i.products for i in inside if i.parent_id == shelf.id)
            names = (shelf.slug, shelf.name_th, shelf.name_en)
            result += [Shelf(shelf.id, shelf.parent_id, *names, total), *inside]
        return result

    return below(None)


def _count_by_shelf() -> Select[*tuple[Any, ...]]:
    counted = (
        select(PRODUCTS.category_id, func.count().label("products"))
        .where(is_shown())
        .group_by(PRODUCTS.category_id)
        .subquery()
    )
    shelves = Category.__table__.c
    return (
        select(
            shelves.id,
            shelves.parent_id,
            shelves.slug,
            shelves.name_th,
            shelves.name_en,
            func.coalesce(counted.c.products, 0),
        )
        .outerjoin(counted, counted.c.category_id == shelves.id)
        .order_by(shelves.position, shelves.slug)
    )


def _with_status(status: ProductStatus) -> ColumnElement[bool]:
    return PRODUCTS.status == status.value


# Statements are made once: building one costs more than running it.
_MOST_BOUGHT: Final = PRODUCTS.sold_count.desc()
_LATEST: Final = PRODUCTS.published_at.desc()

_SHELVES: Final = _count_by_shelf()
_ON_SALE: Final = card_list(
    [
        _with_status(ProductStatus.PUBLISHED),
        OFFER.original.is_not(None),
        OFFER.sold_out.is_(False),
    ],
    order=[((OFFER.original - OFFER.price) * 100 / OFFER.original).desc()],
    limit=4,
)
_HOME: Final = together(
    on_sale=_ON_SALE,
    best_sellers=card_list([is_shown(), PRODUCTS.sold_count > 0], order=[_MOST_BOUGHT], limit=8),
    newest=card_list([_with_status(ProductStatus.PUBLISHED)], order=[_LATEST], limit=4),
    coming_soon=card_list([_with_status(ProductStatus.COMING_SOON)], order=[_LATEST], limit=4),
)
