"""What the home page, a product's page and the search box read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from storefront.catalog.cards import (
    Card,
    find_cards,
    first_cards,
    is_shown,
    shown_offer,
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


def get_product_page(session: Session, slug: str, *, now: datetime) -> ProductPage:
    """A product's page in 6 queries. Raises NotFound for drafts and archived products too."""
    product = session.scalar(
        select(Product)
        .where(Product.slug == slug, is_shown())
        .options(
            joinedload(Product.category),
            selectinload(Product.variants),
            selectinload(
                Product.releases.and_(Release.published_at <= now, Release.yanked_at.is_(None))
            ),
        )
        .execution_options(populate_existing=True)
    )
    if product is None:
        raise NotFound("product")
    inside = select(BundleItem.product_id).where(BundleItem.bundle_id == product.id)
    around = select(BundleItem.bundle_id).where(BundleItem.product_id == product.id)
    return ProductPage(
        product=product,
        category=product.category,
        variants=product.variants,
        releases=product.releases,
        contents=find_cards(
            session,
            Product.id.in_(inside),
            order=Product.name_en.asc(),
            now=now,
            limit=24,
        ),
        bundles=find_cards(
            session,
            Product.id.in_(around),
            order=Product.sold_count.desc(),
            now=now,
            limit=2,
        ),
        related=list_related(session, product, now=now),
    )


def list_featured(session: Session, *, now: datetime, limit: int = 8) -> list[Card]:
    """Products the shop puts forward, the most bought first."""
    return find_cards(
        session, Product.featured, order=Product.sold_count.desc(), now=now, limit=limit
    )


def list_on_sale(session: Session, *, now: datetime, limit: int = 8) -> list[Card]:
    """Products whose shown price is reduced and that can be bought, the largest cut first."""
    offer = shown_offer()
    cut = (offer.c.original - offer.c.price) * 100 / offer.c.original
    on_sale = (offer.c.original.is_not(None), offer.c.sold_out.is_(False))
    wanted = [Product.status == ProductStatus.PUBLISHED, *on_sale]
    return first_cards(session, offer, wanted, order=cut.desc(), now=now, limit=limit)


def list_best_sellers(session: Session, *, now: datetime, limit: int = 8) -> list[Card]:
    """The most bought products; nothing until something was sold."""
    wanted = Product.sold_count > 0
    return find_cards(session, wanted, order=Product.sold_count.desc(), now=now, limit=limit)


def list_newest(session: Session, *, now: datetime, limit: int = 8) -> list[Card]:
    """What came last."""
    wanted = Product.status == ProductStatus.PUBLISHED
    return find_cards(session, wanted, order=Product.published_at.desc(), now=now, limit=limit)


def list_coming_soon(session: Session, *, now: datetime, limit: int = 4) -> list[Card]:
    """What is announced, the latest announcement first."""
    wanted = Product.status == ProductStatus.COMING_SOON
    return find_cards(session, wanted, order=Product.published_at.desc(), now=now, limit=limit)


def list_related(session: Session, product: Product, *, now: datetime) -> list[Card]:
    """Up to four others, those of the same category first, then the most bought."""
    same = (Product.category_id == product.category_id).desc()
    order = (same, Product.sold_count.desc())
    return find_cards(session, Product.id != product.id, order=order, now=now, limit=4)


def list_suggestions(session: Session, phrase: str, *, now: datetime) -> list[Card]:
    """Up to six products for what is being typed; none for an empty phrase."""
    words = words_of(phrase)
    if not words:
        return []
    order = (relevance(words).desc(), Product.sold_count.desc())
    return find_cards(session, contains_every(words), order=order, now=now, limit=6)


def list_shelves(session: Session) -> list[Shelf]:
    """Every category with the number of products shown in it and below it, in display order."""
    counted = (
        select(Product.category_id, func.count().label("products"))
        .where(is_shown())
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
