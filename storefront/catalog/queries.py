"""What the home page, a product's page and the search box read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select
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
    BundleItem,
    Category,
    Product,
    ProductStatus,
    Release,
    Variant,
)
from storefront.catalog.search import contains_every, relevance, words_of
from storefront.errors import NotFound


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
class ProductPage:
    """Everything a product's page shows. The rows are loaded; nothing else may be touched."""

    product: Product
    category: Category
    variants: Sequence[Variant]
    releases: Sequence[Release]
    contents: Sequence[Card]
    bundles: Sequence[Card]
    related: Sequence[Card]

    @property
    def is_for_sale(self) -> bool:
        """Whether at least one tier can be bought now."""
        return self.chosen is not None

    @property
    def chosen(self) -> Variant | None:
        """The tier chosen at first: in the seller's order the first that can be had."""
        if self.product.status != ProductStatus.PUBLISHED:
            return None
        return next((variant for variant in self.variants if not variant.is_sold_out), None)

    @property
    def latest(self) -> Release | None:
        """The newest stable release."""
        return next((one for one in self.releases if one.channel == "stable"), None)


@dataclass(frozen=True, slots=True)
class HomeLists:
    """The rows of cards on the home page."""

    on_sale: Sequence[Card]
    best_sellers: Sequence[Card]
    newest: Sequence[Card]
    coming_soon: Sequence[Card]


def get_product_page(session: Session, slug: str, *, now: datetime) -> ProductPage:
    """A product's page in 4 queries. Raises NotFound for drafts and archived products too."""
    found = session.execute(_PRODUCT, {"slug": slug}).one_or_none()
    if found is None:
        raise NotFound("product")
    product, category = found
    own = {"product_id": product.id, "now": now}
    cards = find_lists(
        session, _AROUND_PRODUCT, now=now, product_id=product.id, category_id=category.id
    )
    return ProductPage(
        product=product,
        category=category,
        variants=session.scalars(_VARIANTS, own).all(),
        releases=session.scalars(_RELEASES, own).all(),
        contents=cards["contents"],
        bundles=cards["bundles"],
        related=cards["related"],
    )


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


def list_suggestions(session: Session, phrase: str, *, now: datetime) -> list[Card]:
    """Up to six products for what is being typed; none for an empty phrase."""
    words = words_of(phrase)
    if not words:
        return []
    order = (relevance(words).desc(), PRODUCTS.sold_count.desc())
    matches = card_list([is_shown(), contains_every(words)], order=order, limit=6)
    return find_cards(session, matches, now=now)


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
_FRESH: Final = {"populate_existing": True}
_THIS: Final = bindparam("product_id", type_=PRODUCTS.id.type)
_ITEMS: Final = BundleItem.__table__.c
_MOST_BOUGHT: Final = PRODUCTS.sold_count.desc()
_LATEST: Final = PRODUCTS.published_at.desc()

_SHELVES: Final = _count_by_shelf()
_PRODUCT: Final = (
    select(Product, Category)
    .join(Category, Category.id == Product.category_id)
    .where(Product.slug == bindparam("slug"), is_shown())
    .execution_options(**_FRESH)
)
_VARIANTS: Final = (
    select(Variant)
    .where(Variant.product_id == _THIS)
    .order_by(Variant.position)
    .execution_options(**_FRESH)
)
_RELEASES: Final = (
    select(Release)
    .where(
        Release.product_id == _THIS,
        Release.published_at <= bindparam("now"),
        Release.yanked_at.is_(None),
    )
    .order_by(Release.published_at.desc())
    .execution_options(**_FRESH)
)
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
_AROUND_PRODUCT: Final = together(
    contents=card_list(
        [is_shown(), PRODUCTS.id.in_(select(_ITEMS.product_id).where(_ITEMS.bundle_id == _THIS))],
        order=[PRODUCTS.name_en.asc()],
        limit=24,
    ),
    bundles=card_list(
        [is_shown(), PRODUCTS.id.in_(select(_ITEMS.bundle_id).where(_ITEMS.product_id == _THIS))],
        order=[_MOST_BOUGHT],
        limit=2,
    ),
    # Those of the same category first.
    related=card_list(
        [is_shown(), PRODUCTS.id != _THIS],
        order=[
            (PRODUCTS.category_id == bindparam("category_id", type_=PRODUCTS.id.type)).desc(),
            _MOST_BOUGHT,
        ],
        limit=4,
    ),
)
