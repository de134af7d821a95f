"""Tables of orders and the state machine they obey."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.catalog.models import Purpose
from storefront.db import Base, Identified
from storefront.kit.money import Money
from storefront.kit.state import Machine


class OrderState(StrEnum):
    """Where an order stands; shown in words on every page."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class OrderAction(StrEnum):
    """What can happen to an order."""

    CONFIRM_PAYMENT = "confirm_payment"
    COMPLETE = "complete"
    CANCEL = "cancel"
    EXPIRE = "expire"
    FAIL_PAYMENT = "fail_payment"
    REFUND_PART = "refund_part"
    REFUND_ALL = "refund_all"
    RESTORE_PART = "restore_part"
    RESTORE_ALL = "restore_all"


ORDER_MACHINE: Machine[OrderState, OrderAction] = Machine(
    {
        OrderAction.CONFIRM_PAYMENT: {OrderState.PENDING: OrderState.PROCESSING},
        OrderAction.COMPLETE: {OrderState.PROCESSING: OrderState.COMPLETED},
        OrderAction.CANCEL: {OrderState.PENDING: OrderState.CANCELLED},
        OrderAction.EXPIRE: {OrderState.PENDING: OrderState.EXPIRED},
        OrderAction.FAIL_PAYMENT: {OrderState.PROCESSING: OrderState.PENDING},
        OrderAction.REFUND_PART: {OrderState.COMPLETED: OrderState.PARTIALLY_REFUNDED},
        OrderAction.REFUND_ALL: {
            OrderState.COMPLETED: OrderState.REFUNDED,
            OrderState.PARTIALLY_REFUNDED: OrderState.REFUNDED,
        },
        # The buyer's bank sent a refund back: the state before is restored.
        OrderAction.RESTORE_PART: {OrderState.REFUNDED: OrderState.PARTIALLY_REFUNDED},
        OrderAction.RESTORE_ALL: {
            OrderState.PARTIALLY_REFUNDED: OrderState.COMPLETED,
            OrderState.REFUNDED: OrderState.COMPLETED,
        },
    }
)


class PaymentMethod(StrEnum):
    """How an order is paid. The owner's word for a card through Stripe is `stripe`."""

    BALANCE = "balance"
    STRIPE = "stripe"
    PROMPTPAY = "promptpay"
    FREE = "free"

    @property
    def is_gateway(self) -> bool:
        """Whether the money comes through the gateway, later than the order."""
        return self in (PaymentMethod.STRIPE, PaymentMethod.PROMPTPAY)


class Order(Identified, Base):
    """A purchase. Prices are frozen here; total = lines - discount >= 0 (O4)."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        CheckConstraint(
            "state IN ('pending', 'processing', 'completed', 'cancelled', 'expired',"
            " 'partially_refunded', 'refunded')",
            name="state",
        ),
        CheckConstraint(
            "payment_method IN ('balance', 'stripe', 'promptpay', 'free')", name="payment_method"
        ),
        CheckConstraint(
            "total_satang = subtotal_satang - discount_satang AND total_satang >= 0"
            " AND discount_satang >= 0",
            name="total",
        ),
        CheckConstraint("wallet_satang BETWEEN 0 AND total_satang", name="wallet_part"),
        CheckConstraint(
            "payment_method NOT IN ('balance', 'free') OR wallet_satang = total_satang",
            name="wallet_pays_all",
        ),
        CheckConstraint("refunded_satang BETWEEN 0 AND total_satang", name="refunded"),
        Index("ix_orders_user", "user_id", "id"),
        Index("ix_orders_state", "state", "id"),
    )

    number: Mapped[int] = mapped_column(Identity(start=100_001), unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    email: Mapped[str | None] = mapped_column(String(254))
    locale: Mapped[str] = mapped_column(String(2))
    state: Mapped[str] = mapped_column(String(20), default=OrderState.PENDING)
    payment_method: Mapped[str] = mapped_column(String(10))
    currency: Mapped[str] = mapped_column(String(3))
    subtotal_satang: Mapped[int]
    discount_satang: Mapped[int] = mapped_column(default=0)
    total_satang: Mapped[int]
    wallet_satang: Mapped[int] = mapped_column(default=0, server_default="0")
    refunded_satang: Mapped[int] = mapped_column(default=0, server_default="0")
    promo_code: Mapped[str | None] = mapped_column(String(40))
    idempotency_key: Mapped[str] = mapped_column(String(64))
    request_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]

    lines: Mapped[list[OrderLine]] = relationship(
        lazy="raise", order_by="OrderLine.position", back_populates="order"
    )
    events: Mapped[list[OrderEvent]] = relationship(lazy="raise", order_by="OrderEvent.id")

    @property
    def subtotal(self) -> Money:
        """What the lines cost before the discount."""
        return Money(self.subtotal_satang, self.currency)

    @property
    def discount(self) -> Money:
        """What the promo code took off."""
        return Money(self.discount_satang, self.currency)

    @property
    def total(self) -> Money:
        """What the buyer pays."""
        return Money(self.total_satang, self.currency)

    @property
    def wallet_part(self) -> Money:
        """What of it the wallet pays."""
        return Money(self.wallet_satang, self.currency)

    @property
    def gateway_part(self) -> Money:
        """What of it is left for the gateway."""
        return self.total - self.wallet_part

    @property
    def refunded(self) -> Money:
        """What was given back, or is on its way back."""
        return Money(self.refunded_satang, self.currency)

    @property
    def reference(self) -> str:
        """The number people use, e.g. QR-100001."""
        return f"QR-{self.number}"


class OrderLine(Identified, Base):
    """Units of one variant as they were sold: name, price and licence terms are copies.

    `product_ids` are the products one unit grants a licence for: the product itself, or what was
    in the bundle on that day and the buyer did not own yet; then `unit_price_satang` is less than
    `list_price_satang`, what everybody else paid. `discount_satang` is this line's share of the
    order's discount, which its refund gives back less of.

    With a licence it is that key's renewal or upgrade by this tier, and grants no new one:
    `key_hint` are the key's first symbols, `ends_at` is when the licence ends by it, None for
    never. An upgrade's price is without what was paid for the key before.
    """

    __tablename__ = "order_items"
    __table_args__ = (
        UniqueConstraint("order_id", "license_id"),
        Index(
            "uq_order_items_new",
            "order_id",
            "variant_id",
            unique=True,
            postgresql_where=text("license_id IS NULL"),
        ),
        Index(
            "ix_order_items_license",
            "license_id",
            postgresql_where=text("license_id IS NOT NULL"),
        ),
        CheckConstraint("purpose IN ('new', 'renew', 'upgrade')", name="purpose"),
        CheckConstraint(
            "(purpose = 'new') = (license_id IS NULL) AND (purpose = 'new') = (key_hint IS NULL)",
            name="license",
        ),
        CheckConstraint("purpose = 'new' OR quantity = 1", name="one_key"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("unit_price_satang BETWEEN 0 AND list_price_satang", name="unit_price"),
        CheckConstraint("total_satang = unit_price_satang * quantity", name="total"),
        CheckConstraint("discount_satang BETWEEN 0 AND total_satang", name="discount"),
        CheckConstraint(
            "refunded_satang BETWEEN 0 AND total_satang - discount_satang", name="refunded"
        ),
        CheckConstraint("cardinality(product_ids) > 0", name="product_ids"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    product_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    purpose: Mapped[str] = mapped_column(String(7), default=Purpose.NEW, server_default=Purpose.NEW)
    # Deferred, because the two tables point at each other.
    license_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(
            "licenses.id",
            name="fk_order_items_license_id",
            use_alter=True,
            deferrable=True,
            initially="DEFERRED",
        )
    )
    key_hint: Mapped[str | None] = mapped_column(String(4))
    ends_at: Mapped[datetime | None]
    name_th: Mapped[str] = mapped_column(String(120))
    name_en: Mapped[str] = mapped_column(String(120))
    variant_name_th: Mapped[str] = mapped_column(String(80))
    variant_name_en: Mapped[str] = mapped_column(String(80))
    slots: Mapped[int]
    duration_days: Mapped[int | None]
    quantity: Mapped[int]
    list_price_satang: Mapped[int]
    unit_price_satang: Mapped[int]
    total_satang: Mapped[int]
    discount_satang: Mapped[int] = mapped_column(server_default="0")
    refunded_satang: Mapped[int] = mapped_column(default=0, server_default="0")

    order: Mapped[Order] = relationship(lazy="raise", back_populates="lines")

    @property
    def is_new(self) -> bool:
        """Whether it grants new keys."""
        return self.purpose == Purpose.NEW

    @property
    def list_price(self) -> Money:
        """Price of one unit for everybody when it was ordered."""
        return Money(self.list_price_satang)

    @property
    def unit_price(self) -> Money:
        """Price of one unit when it was ordered."""
        return Money(self.unit_price_satang)

    @property
    def total(self) -> Money:
        """Price of all units of this line."""
        return Money(self.total_satang)

    @property
    def paid(self) -> Money:
        """What was paid for all units: their price less their share of the discount."""
        return Money(self.total_satang - self.discount_satang)

    @property
    def refunded(self) -> Money:
        """What of that was given back, or is on its way back."""
        return Money(self.refunded_satang)


class OrderEvent(Identified, Base):
    """One step in the life of an order: who, when, from where to where, and why."""

    __tablename__ = "order_events"
    __table_args__ = (Index("ix_order_events_order_id", "order_id"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    action: Mapped[str] = mapped_column(String(30))
    from_state: Mapped[str | None] = mapped_column(String(20))
    to_state: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
