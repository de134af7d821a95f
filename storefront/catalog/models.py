"""Tables of what is for sale."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.money import THB, Money

UNLIMITED = -1


class ProductStatus(StrEnum):
    """Whether shoppers see a product."""

    DRAFT = "draft"
    PUBLISHED = "published"
    COMING_SOON = "coming_soon"
    ARCHIVED = "archived"


class HoldState(StrEnum):
    """What became of units set aside for an open payment."""

    HELD = "held"
    TAKEN = "taken"
    RELEASED = "released"


class Category(Identified, Base):
    """A shelf; shelves may stand inside others."""

    __tablename__ = "categories"

    slug: Mapped[str] = mapped_column(String(60), unique=True)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    name_th: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(default=0)


class Product(Identified, Base):
    """A script, an interface pack or a bundle, with its text in both languages."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft', 'published', 'coming_soon', 'archived')", name="status"
        ),
        CheckConstraint("delivery IN ('open_source', 'protected')", name="delivery"),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        CheckConstraint("resource_cost_us >= 0", name="resource_cost"),
        CheckConstraint("sold_count >= 0", name="sold_count"),
        Index("ix_products_category_id", "category_id"),
        Index(
            "ix_products_newest", "published_at", "id", postgresql_where=text("status <> 'draft'")
        ),
    )

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    category_id: Mapped[UUID] = mapped_column(ForeignKey("categories.id"))
    status: Mapped[str] = mapped_column(String(16), default=ProductStatus.DRAFT)
    name_th: Mapped[str] = mapped_column(String(120))
    name_en: Mapped[str] = mapped_column(String(120))
    summary_th: Mapped[str] = mapped_column(String(300))
    summary_en: Mapped[str] = mapped_column(String(300))
    description_th: Mapped[str]
    description_en: Mapped[str]
    features_th: Mapped[list[str]]
    features_en: Mapped[list[str]]
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    frameworks: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    dependencies: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    delivery: Mapped[str] = mapped_column(String(16))
    resource_cost_us: Mapped[int]
    docs_url: Mapped[str | None] = mapped_column(String(300))
    cover: Mapped[str | None] = mapped_column(String(120))
    featured: Mapped[bool] = mapped_column(default=False)
    sold_count: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    category: Mapped[Category] = relationship(lazy="raise")
    variants: Mapped[list[Variant]] = relationship(
        lazy="raise", order_by="Variant.position", back_populates="product"
    )
    releases: Mapped[list[Release]] = relationship(
        lazy="raise", order_by="Release.published_at.desc()", back_populates="product"
    )
    contents: Mapped[list[BundleItem]] = relationship(
        lazy="raise", foreign_keys="BundleItem.bundle_id", order_by="BundleItem.position"
    )


class Variant(Identified, Base):
    """A licence tier: what is actually bought. `stock` -1 means unlimited; otherwise it is the
    number of units ever offered, and those sold and held can never pass it (S1)."""

    __tablename__ = "variants"
    __table_args__ = (
        UniqueConstraint("product_id", "code"),
        CheckConstraint("price_satang >= 0", name="price"),
        CheckConstraint(
            "original_price_satang IS NULL OR original_price_satang > price_satang",
            name="original_price",
        ),
        CheckConstraint("stock >= -1 AND sold >= 0 AND held >= 0", name="stock"),
        CheckConstraint("stock = -1 OR sold + held <= stock", name="not_oversold"),
        CheckConstraint("slots BETWEEN 1 AND 1000", name="slots"),
        CheckConstraint("duration_days IS NULL OR duration_days > 0", name="duration"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    code: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(default=0)
    name_th: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    price_satang: Mapped[int]
    original_price_satang: Mapped[int | None]
    stock: Mapped[int] = mapped_column(default=UNLIMITED)
    sold: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    slots: Mapped[int] = mapped_column(default=2)
    duration_days: Mapped[int | None]

    product: Mapped[Product] = relationship(lazy="raise", back_populates="variants")

    @property
    def price(self) -> Money:
        """What one unit costs now."""
        return Money(self.price_satang, THB)

    @property
    def original_price(self) -> Money | None:
        """The earlier price that is shown struck out, if the variant is on sale."""
        return None if self.original_price_satang is None else Money(self.original_price_satang)

    @property
    def available(self) -> int | None:
        """Units a shopper can still get; None when there is no limit."""
        return None if self.stock == UNLIMITED else self.stock - self.sold - self.held

    @property
    def is_sold_out(self) -> bool:
        """Nothing left to sell or hold."""
        return self.available == 0


class BundleItem(Base):
    """A product inside a bundle."""

    __tablename__ = "bundle_items"
    __table_args__ = (CheckConstraint("bundle_id <> product_id", name="not_itself"),)

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)

    product: Mapped[Product] = relationship(lazy="raise", foreign_keys=[product_id])


class Release(Identified, Base):
    """A version of a product's files."""

    __tablename__ = "releases"
    __table_args__ = (
        UniqueConstraint("product_id", "version"),
        CheckConstraint("channel IN ('stable', 'beta')", name="channel"),
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    version: Mapped[str] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(10), default="stable")
    changelog_th: Mapped[str]
    changelog_en: Mapped[str]
    file_key: Mapped[str] = mapped_column(String(200))
    file_name: Mapped[str] = mapped_column(String(120))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime | None]
    yanked_at: Mapped[datetime | None]

    product: Mapped[Product] = relationship(lazy="raise", back_populates="releases")


class StockHold(Base):
    """Units of one variant set aside for one order. Released or taken exactly once (S2): the
    state leaves `held` by a conditional update only."""

    __tablename__ = "stock_holds"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("state IN ('held', 'taken', 'released')", name="state"),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"), primary_key=True)
    quantity: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default=HoldState.HELD)
