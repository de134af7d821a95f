"""What a cart costs and what it grants: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from storefront.kit.money import Money, baht
from storefront.licenses.service import Grant
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.providers.payments import PayBy

# Stripe closes a Checkout Session 30 minutes to 24 hours after it was made; five minutes of
# slack let a crashed attempt be opened again under the same key.
CARD_LIFETIME = timedelta(minutes=35)
# A QR code is paid at once or not at all: stock and price need not be kept longer than that.
PROMPTPAY_LIFETIME = timedelta(minutes=15)
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST_GATEWAY_AMOUNT = baht(10)


def payment_lifetime(pay_by: PayBy) -> timedelta:
    """How long an attempt to pay, and what it holds, stays open."""
    return PROMPTPAY_LIFETIME if pay_by is PayBy.PROMPTPAY else CARD_LIFETIME


def pay_by_of(method: PaymentMethod) -> PayBy:
    """The gateway's way behind a method."""
    return PayBy.PROMPTPAY if method is PaymentMethod.PROMPTPAY else PayBy.CARD


def wallet_share(total: Money, *, balance: Money) -> Money:
    """What a wallet that does not hold enough can pay of an order, so that what is left for the
    gateway is not less than it takes; zero when that leaves nothing."""
    share = min(balance, total - LEAST_GATEWAY_AMOUNT)
    return max(share, Money(0, total.currency)) if balance < total else Money(0, total.currency)


def hash_request(
    *, method: PaymentMethod, expected_total: Money, wallet_part: Money, email: str | None
) -> str:
    """What two requests with one idempotency key must have in common (O3)."""
    said = [method, expected_total.satang, expected_total.currency, email or ""]
    if wallet_part:
        said.append(wallet_part.satang)
    return sha256(":".join(map(str, said)).encode()).hexdigest()


def grants_of(lines: Sequence[OrderLine]) -> list[Grant]:
    """One licence per bought unit; a bundle grants one for each product inside it. Lines about a
    key that exists grant none."""
    return [
        Grant(
            order_line_id=line.id,
            product_id=product_id,
            variant_id=line.variant_id,
            unit=unit,
            slots=line.slots,
            duration_days=line.duration_days,
        )
        for line in lines
        if line.is_new
        for product_id in line.product_ids
        for unit in range(1, line.quantity + 1)
    ]
