"""Tables of the cart."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.catalog.models import Variant
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


class CartLine(Base):
    """Units of one variant. `seen_price_satang` is the price the shopper last saw, so that a
    change can be named."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint(f"quantity BETWEEN 1 AND {MAX_QUANTITY}", name="quantity"),)

    cart_id: Mapped[UUID] = mapped_column(
        ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True
    )
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"), primary_key=True)
    quantity: Mapped[int]
    seen_price_satang: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())

    variant: Mapped[Variant] = relationship(lazy="raise")
