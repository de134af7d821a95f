"""What cart forms send. They are small: two numbers beside the variant in the address."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from storefront.cart.rules import parse_quantity
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.money import Money

_LARGEST_PRICE_DIGITS = 12


def read_variant_id(text: str | None) -> UUID:
    """The variant a form means. Raises NotFound `product` for anything that is no identifier."""
    variant_id = parse_id(text or "")
    if variant_id is None:
        raise NotFound("product")
    return variant_id


def read_license_id(form: Mapping[str, str]) -> UUID | None:
    """The key that a line is about, for lines that are about one."""
    return parse_id(form.get("license_id", ""))


def read_quantity(form: Mapping[str, str]) -> int:
    """How many units; one when the form does not say. Raises Invalid `bad_quantity`."""
    return parse_quantity(form.get("quantity", "1"))


def read_seen_price(form: Mapping[str, str]) -> Money | None:
    """The price that stood beside the button, in satang. It only decides whether a changed price
    is still announced, so a forged one harms nobody but its sender and a bad one is ignored."""
    digits = form.get("seen_price", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LARGEST_PRICE_DIGITS):
        return None
    return Money(int(digits))
