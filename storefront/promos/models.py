"""Tables of promo codes and of what became of each use."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.money import Money
from storefront.kit.state import Machine


class PromoKind(StrEnum):
    """How a code's value is meant: basis points of the eligible total, or satang off it."""

    PERCENT = "percent"
    FIXED = "fixed"


class UseState(StrEnum):
    """A use is reserved while a payment is open, then taken, or given back."""

    RESERVED = "reserved"
    TAKEN = "taken"
    RETURNED = "returned"


class UseAction(StrEnum):
    """What can happen to a use. A refund gives back one that was taken."""

    TAKE = "take"
    RETURN = "return"


USE_MACHINE: Machine[UseState, UseAction] = Machine(
    {
        UseAction.TAKE: {UseState.RESERVED: UseState.TAKEN},
        UseAction.RETURN: {
            UseState.RESERVED: UseState.RETURNED,
            UseState.TAKEN: UseState.RETURNED,
        },
    }
)


class PromoCode(Identified, Base):
    """A code shoppers type. `used` counts the uses that are reserved or taken and never passes
    `total_limit` (P1); it changes by conditional updates only."""

    __tablename__ = "promo_codes"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{2,39}$'", name="code"),
        CheckConstraint("kind IN ('percent', 'fixed')", name="kind"),
        CheckConstraint("value > 0 AND (kind <> 'percent' OR value <= 10000)", name="value"),
        CheckConstraint("min_subtotal_satang >= 0", name="min_subtotal"),
        CheckConstraint("max_discount_satang > 0", name="max_discount"),
        CheckConstraint("total_limit > 0", name="total_limit"),
        CheckConstraint("per_customer_limit > 0", name="per_customer_limit"),
        CheckConstraint("used >= 0", name="used"),
        CheckConstraint("total_limit IS NULL OR used <= total_limit", name="not_overused"),
        CheckConstraint("ends_at > starts_at", name="window"),
        Index("ix_promo_codes_batch", "batch", postgresql_where=text("batch IS NOT NULL")),
    )

    code: Mapped[str] = mapped_column(String(40), unique=True)
    note: Mapped[str] = mapped_column(String(200), default="")
    batch: Mapped[str | None] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(8))
    value: Mapped[int]
    min_subtotal_satang: Mapped[int] = mapped_column(default=0)
    max_discount_satang: Mapped[int | None]
    total_limit: Mapped[int | None]
    per_customer_limit: Mapped[int | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    covers_all: Mapped[bool] = mapped_column(default=True)
    first_purchase_only: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    used: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revision: Mapped[int] = mapped_column(server_default="1")

    scopes: Mapped[list[PromoScope]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="PromoScope.id"
    )


class PromoScope(Identified, Base):
    """A product or a category, with everything below it, that a code covers which does not cover
    the whole shop. One whose last product was deleted covers nothing."""

    __tablename__ = "promo_scopes"
    __table_args__ = (
        UniqueConstraint(
            "promo_id", "product_id", "category_id", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint("(product_id IS NULL) <> (category_id IS NULL)", name="one_subject"),
    )

    promo_id: Mapped[UUID] = mapped_column(ForeignKey("promo_codes.id", ondelete="CASCADE"))
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    category_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("categories.id", ondelete="CASCADE")
    )


class PromoUse(Identified, Base):
    """One use of a code by one order. `customer_email` is the verified address with what comes
    after a plus taken off, so that one mailbox is one customer (P2). Given back once (P3)."""

    __tablename__ = "promo_uses"
    __table_args__ = (
        CheckConstraint("state IN ('reserved', 'taken', 'returned')", name="state"),
        CheckConstraint("discount_satang > 0", name="discount"),
        Index("ix_promo_uses_customer", "promo_id", "user_id"),
        Index("ix_promo_uses_email", "promo_id", "customer_email"),
        Index("ix_promo_uses_user", "user_id"),
    )

    promo_id: Mapped[UUID] = mapped_column(ForeignKey("promo_codes.id"))
    order_id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    customer_email: Mapped[str | None] = mapped_column(String(254))
    state: Mapped[str] = mapped_column(String(10), default=UseState.RESERVED)
    discount_satang: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[datetime | None]

    @property
    def discount(self) -> Money:
        """What the code took off the order."""
        return Money(self.discount_satang)
