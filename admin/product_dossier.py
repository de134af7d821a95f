"""What the page of a product shows staff beside its form."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.accounts.audit import AuditFilter, AuditRow, list_audit
from storefront.catalog.editing import read_rows
from storefront.catalog.editing.rows import ProductRows
from storefront.catalog.models import (
    BundleItem,
    Product,
    ProductImage,
    ProductStatus,
    Release,
    Variant,
)
from storefront.catalog.price_models import PriceChange
from storefront.kit.money import Money

MOST_ENTRIES: Final = 12
MOST_PRICES: Final = 8
MOST_OFFERED: Final = 300


@dataclass(frozen=True, slots=True)
class PriceStep:
    """From when a tier had which price."""

    began_at: datetime
    price: Money


@dataclass(frozen=True, slots=True)
class ProductDossier:
    """One product for staff, with what was written about it. `lowest` is per tier the highest
    earlier price that may be struck out today."""

    rows: ProductRows
    slugs: Mapping[UUID, str]
    prices: Mapping[UUID, Sequence[PriceStep]]
    lowest: Mapping[UUID, Money]
    audit: Sequence[AuditRow]
    pictures: int
    releases: int

    @property
    def product(self) -> Product:
        """The row itself."""
        return self.rows.product

    @property
    def status(self) -> ProductStatus:
        """Whether shoppers see it."""
        return ProductStatus(self.rows.product.status)


def open_product(session: Session, product_id: UUID) -> ProductDossier:
    """Gather it in eight queries. Raises NotFound."""
    rows = read_rows(session, product_id)
    tier_ids = [tier.id for tier in rows.tiers]
    pictures = select(func.count(ProductImage.id)).where(ProductImage.product_id == product_id)
    releases = select(func.count(Release.id)).where(
        Release.product_id == product_id,
        Release.published_at.is_not(None),
        Release.yanked_at.is_(None),
    )
    counts = session.execute(select(pictures.scalar_subquery(), releases.scalar_subquery())).one()
    about = AuditFilter(subject_type="product", subject_id=str(product_id))
    return ProductDossier(
        rows=rows,
        slugs=_slugs(session, rows.contents),
        prices=_prices(session, tier_ids),
        lowest=_lowest(session, tier_ids),
        audit=list_audit(session, about, limit=MOST_ENTRIES).items,
        pictures=counts[0],
        releases=counts[1],
    )


def find_by_slugs(session: Session, slugs: Collection[str]) -> Mapping[str, UUID]:
    """Products by their addresses; unknown ones are left out."""
    wanted = [slug for slug in slugs if slug]
    if not wanted:
        return {}
    rows = session.execute(select(Product.slug, Product.id).where(Product.slug.in_(wanted)))
    return {row.slug: row.id for row in rows}


def list_offered_parts(session: Session) -> Sequence[tuple[str, str, str]]:
    """Address and names of products that can stand in a bundle, the most bought first: what the
    form suggests. Any other address can be typed."""
    bundles = select(BundleItem.bundle_id)
    rows = session.execute(
        select(Product.slug, Product.name_th, Product.name_en)
        .where(Product.status != ProductStatus.ARCHIVED, Product.id.not_in(bundles))
        .order_by(Product.sold_count.desc(), Product.id)
        .limit(MOST_OFFERED)
    )
    return [(row.slug, row.name_th, row.name_en) for row in rows]


def _slugs(session: Session, product_ids: Collection[UUID]) -> Mapping[UUID, str]:
    if not product_ids:
        return {}
    rows = session.execute(select(Product.id, Product.slug).where(Product.id.in_(product_ids)))
    return {row.id: row.slug for row in rows}


def _prices(session: Session, tier_ids: Collection[UUID]) -> Mapping[UUID, Sequence[PriceStep]]:
    found: dict[UUID, list[PriceStep]] = {}
    if not tier_ids:
        return found
    rows = session.execute(
        select(PriceChange.variant_id, PriceChange.began_at, PriceChange.price_satang)
        .where(PriceChange.variant_id.in_(tier_ids))
        .order_by(PriceChange.began_at.desc())
        .limit(MOST_PRICES * len(tier_ids))
    )
    for row in rows:
        steps = found.setdefault(row.variant_id, [])
        if len(steps) < MOST_PRICES:
            steps.append(PriceStep(row.began_at, Money(row.price_satang)))
    return found


def _lowest(session: Session, tier_ids: Collection[UUID]) -> Mapping[UUID, Money]:
    if not tier_ids:
        return {}
    rows = session.execute(
        select(Variant.id, func.lowest_price(Variant.id, func.now())).where(
            Variant.id.in_(tier_ids)
        )
    )
    return {row[0]: Money(row[1]) for row in rows if row[1] is not None}
