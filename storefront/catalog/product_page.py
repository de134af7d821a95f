"""Everything a product's page shows, read together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from storefront.catalog.cards import (
    PRODUCTS,
    SHOWN,
    Card,
    card_list,
    find_lists,
    is_shown,
    running_items,
    together,
)
from storefront.catalog.models import (
    BundleItem,
    Category,
    PictureState,
    Product,
    ProductImage,
    ProductStatus,
    Release,
    Variant,
)
from storefront.catalog.price_models import FlashSaleItem
from storefront.catalog.pricing import (
    BundlePart,
    OwnedDeal,
    RunningItem,
    UnitPrice,
    find_bundle_parts,
    unit_price,
    without_owned,
)
from storefront.errors import NotFound
from storefront.kit.money import Money, total_of


@dataclass(frozen=True, slots=True)
class ContentRow:
    """A product inside a bundle. `price` is what it costs alone now, None when it is not sold
    alone; `has_page` says whether shoppers can look at it."""

    product_id: UUID
    slug: str
    name_th: str
    name_en: str
    cover: str | None
    price: Money | None
    has_page: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Everything a product's page shows. The rows are loaded; nothing else may be touched."""

    product: Product
    category: Category
    variants: Sequence[Variant]
    prices: Mapping[UUID, UnitPrice]
    releases: Sequence[Release]
    images: Sequence[ProductImage]
    contents: Sequence[ContentRow]
    parts: Sequence[BundlePart]
    bundles: Sequence[Card]
    related: Sequence[Card]

    @property
    def is_for_sale(self) -> bool:
        """Whether at least one tier can be bought now."""
        return self.chosen is not None

    @property
    def chosen(self) -> Variant | None:
        """The tier chosen at first: in the seller's order the first that can be had. A draft is
        shown to staff as it will be once it is published."""
        if self.product.status in (ProductStatus.COMING_SOON, ProductStatus.ARCHIVED):
            return None
        return next((variant for variant in self.variants if not variant.is_sold_out), None)

    def deal(self, variant: Variant, owned_product_ids: Collection[UUID]) -> OwnedDeal | None:
        """What one unit of a bundle costs somebody who owns part of it; None for all others."""
        return without_owned(self.prices[variant.id].amount, self.parts, owned_product_ids)

    @property
    def is_bundle(self) -> bool:
        """Whether other products are inside."""
        return bool(self.parts)

    @property
    def singly(self) -> Money:
        """What the contents cost now when each is bought alone."""
        return total_of(row.price for row in self.contents if row.price)

    @property
    def latest(self) -> Release | None:
        """The newest stable release."""
        return next((one for one in self.releases if one.channel == "stable"), None)


def get_product_page(
    session: Session, slug: str, *, now: datetime, owned_product_ids: Collection[UUID] = ()
) -> ProductPage:
    """The page of a product shoppers may see; what is archived only its owners still see. Raises
    NotFound for everything else."""
    known = {"slug": slug, "owned": list(owned_product_ids)}
    found = session.execute(_PRODUCT, known).one_or_none()
    if found is None:
        raise NotFound("product")
    return load_product_page(session, *found, now=now)


def load_product_page(
    session: Session, product: Product, category: Category, *, now: datetime
) -> ProductPage:
    """The page of this product whatever its status, as it would be seen at `now`."""
    own = {"product_id": product.id, "now": now}
    cards = find_lists(
        session, _AROUND_PRODUCT, now=now, product_id=product.id, category_id=category.id
    )
    inside = {card.id: card for card in cards["contents"]}
    parts = find_bundle_parts(session, [product.id]).get(product.id, ()) if inside else ()
    tiers = session.execute(_TIERS, own).all()
    return ProductPage(
        product=product,
        category=category,
        variants=[row[0] for row in tiers],
        prices={row[0].id: _price(*row) for row in tiers},
        releases=session.scalars(_RELEASES, own).all(),
        images=session.scalars(_IMAGES, own).all(),
        contents=[_content(part, inside.get(part.product_id)) for part in parts],
        parts=parts,
        bundles=cards["bundles"],
        related=_related(cards["neighbours"], cards["popular"]),
    )


def _related(neighbours: Sequence[Card], popular: Sequence[Card]) -> list[Card]:
    """Those of the same category first, then what is bought most."""
    near = {card.id for card in neighbours}
    return [*neighbours, *(card for card in popular if card.id not in near)][:_RELATED]


def _price(variant: Variant, item: FlashSaleItem | None) -> UnitPrice:
    running = None
    if item is not None:
        reference = item.reference_satang
        running = RunningItem(
            id=item.id,
            price=item.price,
            reference=None if reference is None else Money(reference),
            ends_at=item.ends_at,
            units_left=item.units_left,
        )
    return unit_price(variant.price, variant.original_price, running)


def _content(part: BundlePart, card: Card | None) -> ContentRow:
    status = card.status if card else None
    return ContentRow(
        product_id=part.product_id,
        slug=part.slug,
        name_th=part.name_th,
        name_en=part.name_en,
        cover=part.cover,
        price=card.price if card and status == ProductStatus.PUBLISHED else None,
        has_page=status in SHOWN,
    )


def find_product_slug(session: Session, variant_id: UUID) -> str | None:
    """Which page shows this variant; None when shoppers see none."""
    return session.scalar(
        select(Product.slug)
        .join(Variant, Variant.product_id == Product.id)
        .where(Variant.id == variant_id, is_shown())
    )


# Statements are made once: building one costs more than running it.
_FRESH: Final = {"populate_existing": True}
_THIS: Final = bindparam("product_id", type_=PRODUCTS.id.type)
_ITEMS: Final = BundleItem.__table__.c
_RELATED: Final = 4

_PRODUCT: Final = (
    select(Product, Category)
    .join(Category, Category.id == Product.category_id)
    .where(
        Product.slug == bindparam("slug"),
        or_(
            is_shown(),
            (PRODUCTS.status == ProductStatus.ARCHIVED.value)
            & (PRODUCTS.id == bindparam("owned", type_=ARRAY(PRODUCTS.id.type)).any_()),
        ),
    )
    .execution_options(**_FRESH)
)
# No two running sales hold one variant, so each tier comes once.
_TIERS: Final = (
    select(Variant, FlashSaleItem)
    .outerjoin(FlashSaleItem, and_(FlashSaleItem.variant_id == Variant.id, *running_items()))
    .where(Variant.product_id == _THIS)
    .order_by(Variant.position, Variant.price_satang, Variant.id)
    .execution_options(**_FRESH)
)
_RELEASES: Final = (
    select(Release)
    .where(
        Release.product_id == _THIS,
        Release.published_at <= bindparam("now"),
        Release.yanked_at.is_(None),
    )
    .order_by(Release.version_key.desc())
    .execution_options(**_FRESH)
)
_IMAGES: Final = (
    select(ProductImage)
    .where(ProductImage.product_id == _THIS, ProductImage.state == PictureState.READY.value)
    .order_by(ProductImage.position, ProductImage.id)
    .execution_options(**_FRESH)
)
_AROUND_PRODUCT: Final = together(
    # Hidden ones too: a buyer has to know all that is inside.
    contents=card_list(
        [PRODUCTS.id.in_(select(_ITEMS.product_id).where(_ITEMS.bundle_id == _THIS))],
        order=[PRODUCTS.name_en.asc()],
        limit=100,
    ),
    bundles=card_list(
        [is_shown(), PRODUCTS.id.in_(select(_ITEMS.bundle_id).where(_ITEMS.product_id == _THIS))],
        order=[PRODUCTS.sold_count.desc()],
        limit=2,
    ),
    # Two lists that indexes can answer: one order over both would sort the whole catalogue.
    neighbours=card_list(
        [
            is_shown(),
            PRODUCTS.category_id == bindparam("category_id", type_=PRODUCTS.id.type),
            PRODUCTS.id != _THIS,
        ],
        order=[PRODUCTS.sold_count.desc()],
        limit=_RELATED,
    ),
    popular=card_list(
        [is_shown(), PRODUCTS.id != _THIS], order=[PRODUCTS.sold_count.desc()], limit=2 * _RELATED
    ),
)
