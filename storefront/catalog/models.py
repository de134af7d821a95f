"""Tables of what is for sale."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from storefront.catalog.versions import version_key
from storefront.db import Base, Identified
from storefront.kit.money import THB, Money

UNLIMITED = -1
SHOWN = text("status IN ('published', 'coming_soon')")
# Two orders of the list that are no column: the shop's own choice first and what cannot be bought
# yet last, then by sales; and the mean of the stars together with five of 3.5, in thousandths, so
# that one happy buyer does not outweigh fifty.
STANDING = (
    "((status <> 'coming_soon')::integer * (1 + featured::integer))::bigint"
    " * 1000000000 + sold_count"
)
RATING = "(rating_sum * 2 + 35) * 500 / (rating_count + 5)"


class Purpose(StrEnum):
    """What somebody wants of a tier: a new key, more time for a key they have, or that this key
    becomes one of the tier."""

    NEW = "new"
    RENEW = "renew"
    UPGRADE = "upgrade"


class ProductStatus(StrEnum):
    """Whether shoppers see a product."""

    DRAFT = "draft"
    PUBLISHED = "published"
    COMING_SOON = "coming_soon"
    ARCHIVED = "archived"


class PictureState(StrEnum):
    """What the worker made of an uploaded picture."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class HoldState(StrEnum):
    """What became of units set aside for an open payment."""

    HELD = "held"
    TAKEN = "taken"
    RELEASED = "released"


class Category(Identified, Base):
    """A shelf; shelves may stand inside others. A trigger refuses circles."""

    __tablename__ = "categories"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        Index("ix_categories_parent_id", "parent_id"),
    )

    slug: Mapped[str] = mapped_column(String(60), unique=True)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    name_th: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(default=0)


class Product(Identified, Base):
    """A script, an interface pack or a bundle, with its text in both languages.

    The columns `offer_*` and `tier_count` say which tier a card shows. Triggers on variants keep
    them, so that a list of 24 out of 100,000 products need not look at every tier.
    """

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft', 'published', 'coming_soon', 'archived')", name="status"
        ),
        CheckConstraint("delivery IN ('open_source', 'protected')", name="delivery"),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        CheckConstraint("resource_cost_us >= 0", name="resource_cost"),
        CheckConstraint("sold_count >= 0", name="sold_count"),
        CheckConstraint(
            "rating_sum BETWEEN rating_count AND 5 * rating_count", name="rating_counters"
        ),
        Index("ix_products_category_id", "category_id"),
        Index("ix_products_newest", "published_at", "id", postgresql_where=SHOWN),
        Index("ix_products_popular", "sold_count", "id", postgresql_where=SHOWN),
        Index("ix_products_price", "offer_price_satang", "id", postgresql_where=SHOWN),
        Index("ix_products_standing", text(f"({STANDING})"), "id", postgresql_where=SHOWN),
        # What the filters count, so that counting needs not read whole products.
        Index(
            "ix_products_counted",
            "id",
            postgresql_include=(
                "category_id",
                "frameworks",
                "delivery",
                "status",
                "offer_price_satang",
                "offer_original_satang",
                "offer_is_sold_out",
                "rating_count",
            ),
            postgresql_where=SHOWN,
        ),
        Index("ix_products_rating", text(f"({RATING})"), "id", postgresql_where=SHOWN),
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
    video_url: Mapped[str | None] = mapped_column(String(300))
    cover: Mapped[str | None] = mapped_column(String(120))
    featured: Mapped[bool] = mapped_column(default=False)
    sold_count: Mapped[int] = mapped_column(default=0)
    rating_count: Mapped[int] = mapped_column(server_default="0")
    rating_sum: Mapped[int] = mapped_column(server_default="0")
    published_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revision: Mapped[int] = mapped_column(server_default="1")

    offer_variant_id: Mapped[UUID | None]
    offer_price_satang: Mapped[int | None]
    offer_original_satang: Mapped[int | None]
    offer_is_sold_out: Mapped[bool] = mapped_column(server_default="false")
    offer_is_lowest: Mapped[bool] = mapped_column(server_default="true")
    tier_count: Mapped[int] = mapped_column(server_default="0")

    category: Mapped[Category] = relationship(lazy="raise")
    variants: Mapped[list[Variant]] = relationship(
        lazy="raise", order_by="Variant.position", back_populates="product"
    )
    releases: Mapped[list[Release]] = relationship(
        lazy="raise", order_by="Release.version_key.desc()", back_populates="product"
    )
    contents: Mapped[list[BundleItem]] = relationship(
        lazy="raise", foreign_keys="BundleItem.bundle_id", order_by="BundleItem.position"
    )
    images: Mapped[list[ProductImage]] = relationship(
        lazy="raise", order_by="ProductImage.position", back_populates="product"
    )


class Variant(Identified, Base):
    """A licence tier: what is actually bought. `stock` -1 means unlimited; otherwise it is the
    number of units ever offered, and those sold and held can never pass it (S1)."""

    __tablename__ = "variants"
    __table_args__ = (
        UniqueConstraint("product_id", "code"),
        # What flash sale items point at, so that theirs is always a tier of their product.
        UniqueConstraint("id", "product_id"),
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
    """A product inside a bundle. A trigger refuses bundles inside bundles, and so circles."""

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
        CheckConstraint("version_key <> ''", name="version_key"),
        CheckConstraint("channel IN ('stable', 'beta')", name="channel"),
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    version: Mapped[str] = mapped_column(String(40))
    version_key: Mapped[str] = mapped_column(Text(collation="C"))
    channel: Mapped[str] = mapped_column(String(10), default="stable")
    changelog_th: Mapped[str]
    changelog_en: Mapped[str]
    file_key: Mapped[str] = mapped_column(String(200))
    file_name: Mapped[str] = mapped_column(String(120))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime | None]
    yanked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    product: Mapped[Product] = relationship(lazy="raise", back_populates="releases")

    @validates("version")
    def _keep_order(self, _name: str, version: str) -> str:
        self.version_key = version_key(version)
        return version


class ProductImage(Identified, Base):
    """A picture of a product. The worker makes the sizes that shoppers get; until then, and if it
    cannot, `stem` is empty."""

    __tablename__ = "product_images"
    __table_args__ = (
        CheckConstraint("state IN ('processing', 'ready', 'failed')", name="state"),
        CheckConstraint(
            "(state = 'ready') = (stem IS NOT NULL AND width IS NOT NULL AND height IS NOT NULL)",
            name="ready_has_sizes",
        ),
        CheckConstraint("position >= 0", name="position"),
        Index("ix_product_images_product_id", "product_id", "position"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    position: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default=PictureState.PROCESSING)
    failure: Mapped[str | None] = mapped_column(String(40))
    original_key: Mapped[str] = mapped_column(String(120))
    stem: Mapped[str | None] = mapped_column(String(120))
    width: Mapped[int | None]
    height: Mapped[int | None]
    alt_th: Mapped[str] = mapped_column(String(200), default="")
    alt_en: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    product: Mapped[Product] = relationship(lazy="raise", back_populates="images")


class StockAlert(Identified, Base):
    """A member who wants to know when a product can be bought: a tier that is sold out, or, with
    no tier named, anything of it. The row goes when the notice is written."""

    __tablename__ = "stock_alerts"
    __table_args__ = (
        UniqueConstraint("product_id", "variant_id", "user_id", postgresql_nulls_not_distinct=True),
        Index("ix_stock_alerts_user_id", "user_id"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    variant_id: Mapped[UUID | None] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CatalogImport(Identified, Base):
    """A CSV that staff uploaded: kept between its dry run and its import, so that what was checked
    is what is imported, and afterwards as the record of it."""

    __tablename__ = "catalog_imports"
    __table_args__ = (CheckConstraint("octet_length(body) <= 5242880", name="size"),)

    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    file_name: Mapped[str] = mapped_column(String(120))
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    applied_at: Mapped[datetime | None]


class StockHold(Identified, Base):
    """Units of one variant set aside for one line of an order. Released or taken exactly once (S2):
    the state leaves `held` by a conditional update only. With a flash sale item, its units are set
    aside as well."""

    __tablename__ = "stock_holds"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("state IN ('held', 'taken', 'released')", name="state"),
        Index("ix_stock_holds_order", "order_id"),
    )

    order_id: Mapped[UUID]
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    flash_sale_item_id: Mapped[UUID | None] = mapped_column(ForeignKey("flash_sale_items.id"))
    quantity: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default=HoldState.HELD)
