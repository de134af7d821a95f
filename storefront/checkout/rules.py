"""What a cart costs and what it grants: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from storefront.kit.money import Money, baht
from storefront.licenses.service import Grant
from storefront.orders.models import OrderLine, PaymentMethod

# Stripe closes a Checkout Session 30 minutes to 24 hours after it was made; five minutes of
# slack let a crashed attempt be opened again under the same key.
PAYMENT_LIFETIME = timedelta(minutes=35)
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST_CARD_AMOUNT = baht(10)


def hash_request(*, method: PaymentMethod, expected_total: Money) -> str:
    """What two requests with one idempotency key must have in common (O3)."""
    return sha256(
        f"{method}:{expected_total.satang}:{expected_total.currency}".encode()
    ).hexdigest()


def grants_of(lines: Sequence[OrderLine]) -> list[Grant]:
    """One licence per bought unit; a bundle grants one for each product inside it."""
    return [
        Grant(
            order_line_id=line.id,
            product_id=product_id,
            unit=unit,
            slots=line.slots,
            duration_days=line.duration_days,
        )
        for line in lines
        for product_id in line.product_ids
        for unit in range(1, line.quantity + 1)
    ]
