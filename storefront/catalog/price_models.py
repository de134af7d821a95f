"""Tables of what things cost over time: the price history and flash sales."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.money import THB, Money


class PriceChange(Base):
    """The price history: from when a variant had which price. Triggers write it, so that no
    change is missed; it is the ground on which a price may be struck out."""

    __tablename__ = "price_changes"
    __table_args__ = (CheckConstraint("price_satang >= 0", name="price"),)

    variant_id: Mapped[UUID] = mapped_column(
        ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True
    )
    began_at: Mapped[datetime] = mapped_column(primary_key=True, server_default=func.now())
    price_satang: Mapped[int]


class FlashSale(Identified, Base):
    """Reduced prices in one window of time: from `starts_at` until, not including, `ends_at`.

    Its price is a function of the clock: nothing has to happen for it to begin or end.
    `announced_at` is when buyers who asked were told.
    """

    __tablename__ = "flash_sales"
    __table_args__ = (
        UniqueConstraint("id", "starts_at", "ends_at"),
        CheckConstraint("ends_at > starts_at", name="window"),
        Index("ix_flash_sales_window", "starts_at", "ends_at"),
    )

    name_th: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    announced_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revision: Mapped[int] = mapped_column(server_default="1")

    items: Mapped[list[FlashSaleItem]] = relationship(
        lazy="raise",
        order_by="FlashSaleItem.id",
        cascade="all, delete-orphan",
        back_populates="sale",
    )


class FlashSaleItem(Identified, Base):
    """One variant in a flash sale. Its window is the sale's (a composite foreign key keeps them
    equal); a trigger refuses two windows of one variant that overlap. `units` None means as many
    as there are; otherwise those sold and held at this price never pass it (S3).

    `reference_satang` is the lowest price of the 30 days before the start: what may be struck
    out (Directive (EU) 2019/2161, article 6a of 98/6/EC; the Thai Consumer Protection Board asks
    for a true earlier price too).
    """

    __tablename__ = "flash_sale_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["sale_id", "starts_at", "ends_at"],
            ["flash_sales.id", "flash_sales.starts_at", "flash_sales.ends_at"],
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["variant_id", "product_id"], ["variants.id", "variants.product_id"], ondelete="CASCADE"
        ),
        UniqueConstraint("sale_id", "variant_id"),
        CheckConstraint("price_satang >= 0", name="price"),
        CheckConstraint("units IS NULL OR units > 0", name="units"),
        CheckConstraint("sold >= 0 AND held >= 0", name="counters"),
        CheckConstraint("units IS NULL OR sold + held <= units", name="not_oversold"),
        Index("ix_flash_sale_items_product_id", "product_id", "ends_at"),
        Index("ix_flash_sale_items_variant_id", "variant_id", "ends_at"),
    )

    sale_id: Mapped[UUID]
    product_id: Mapped[UUID]
    variant_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    price_satang: Mapped[int]
    reference_satang: Mapped[int | None]
    units: Mapped[int | None]
    sold: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)

    sale: Mapped[FlashSale] = relationship(lazy="raise", back_populates="items")

    @property
    def price(self) -> Money:
        """What one unit costs in the window."""
        return Money(self.price_satang, THB)

    @property
    def units_left(self) -> int | None:
        """Units still to be had at this price; None when there is no limit."""
        return None if self.units is None else self.units - self.sold - self.held
