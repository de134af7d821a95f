"""What a cart costs and what it grants: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from storefront.kit.money import Money, baht, total_of
from storefront.licenses.service import Grant
from storefront.orders.models import OrderLine, PaymentMethod

# Stripe closes a Checkout Session 30 minutes to 24 hours after it was made; five minutes of
# slack let a crashed attempt be opened again under the same key.
PAYMENT_LIFETIME = timedelta(minutes=35)
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST_CARD_AMOUNT = baht(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """One line as it would be ordered now."""

    variant_id: UUID
    product_id: UUID
    product_slug: str
    cover: str | None
    name_th: str
    name_en: str
    variant_name_th: str
    variant_name_en: str
    slots: int
    duration_days: int | None
    quantity: int
    unit_price: Money
    is_for_sale: bool

    @property
    def total(self) -> Money:
        """Price of all units of this line."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Quote:
    """What the cart costs now, computed by the server alone."""

    lines: Sequence[QuoteLine]

    @property
    def total(self) -> Money:
        """What would be charged."""
        return total_of(line.total for line in self.lines)


def hash_request(*, method: PaymentMethod, expected_total: Money) -> str:
    """What two requests with one idempotency key must have in common (O3)."""
    return sha256(
        f"{method}:{expected_total.satang}:{expected_total.currency}".encode()
    ).hexdigest()


def grants_of(
    lines: Sequence[OrderLine], *, contents: Mapping[UUID, Sequence[UUID]]
) -> list[Grant]:
    """One licence per bought unit; a bundle grants one for each product inside it. `contents`
    maps bundles to their products."""
    return [
        Grant(
            order_line_id=line.id,
            product_id=product_id,
            unit=unit,
            slots=line.slots,
            duration_days=line.duration_days,
        )
        for line in lines
        for product_id in contents.get(line.product_id) or (line.product_id,)
        for unit in range(1, line.quantity + 1)
    ]
