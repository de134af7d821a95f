"""Tables of the cart."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.catalog.models import Purpose, Variant
from storefront.db import Base, Identified

MAX_QUANTITY = 10
MAX_LINES = 50


class Cart(Identified, Base):
    """One cart of a member (by user) or of a guest (by the hash of a token in the cookie)."""

    __tablename__ = "carts"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (guest_token_hash IS NULL)", name="one_owner"),
    )

    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), unique=True
    )
    guest_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    promo_code: Mapped[str | None] = mapped_column(String(40))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    lines: Mapped[list[CartLine]] = relationship(
        lazy="raise", order_by="CartLine.added_at", cascade="all, delete-orphan"
    )


class CartLine(Identified, Base):
    """Units of one variant, or one key's renewal or upgrade by it. `seen_price_satang` is the price
    the shopper last saw, so that a change can be named."""

    __tablename__ = "cart_lines"
    __table_args__ = (
        UniqueConstraint("cart_id", "license_id"),
        Index(
            "uq_cart_lines_new",
            "cart_id",
            "variant_id",
            unique=True,
            postgresql_where=text("license_id IS NULL"),
        ),
        CheckConstraint(f"quantity BETWEEN 1 AND {MAX_QUANTITY}", name="quantity"),
        CheckConstraint("purpose IN ('new', 'renew', 'upgrade')", name="purpose"),
        CheckConstraint("(purpose = 'new') = (license_id IS NULL)", name="license"),
        CheckConstraint("purpose = 'new' OR quantity = 1", name="one_key"),
    )

    cart_id: Mapped[UUID] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"))
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    purpose: Mapped[str] = mapped_column(String(7), default=Purpose.NEW, server_default=Purpose.NEW)
    license_id: Mapped[UUID | None] = mapped_column(ForeignKey("licenses.id"))
    quantity: Mapped[int]
    seen_price_satang: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())

    variant: Mapped[Variant] = relationship(lazy="raise")
