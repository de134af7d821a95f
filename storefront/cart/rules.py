"""What the cart holds to, without a database: whose it is, how much fits, what a line must say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

from storefront.cart.models import MAX_LINES, MAX_QUANTITY
from storefront.errors import Invalid
from storefront.kit.money import Money


@dataclass(frozen=True, slots=True)
class CartOwner:
    """A member by id, or a guest by the SHA-256 of the token in the cookie: exactly one."""

    user_id: UUID | None = None
    token_hash: str | None = None

    def __post_init__(self) -> None:
        if (self.user_id is None) == (self.token_hash is None):
            raise ValueError("a cart belongs to a member or to a guest")

    @classmethod
    def member(cls, user_id: UUID) -> CartOwner:
        """The owner of a signed-in person's cart."""
        return cls(user_id=user_id)

    @classmethod
    def guest(cls, token: str) -> CartOwner:
        """The owner of a guest's cart. The token has 256 random bits, so a plain hash will do."""
        return cls(token_hash=sha256(token.encode()).hexdigest())


class Notice(StrEnum):
    """What a shopper has to be told about a line before the checkout."""

    PRICE_CHANGED = "price_changed"
    SOLD_OUT = "sold_out"
    NOT_ENOUGH = "not_enough"
    NOT_FOR_SALE = "not_for_sale"
    ALL_OWNED = "all_owned"
    OFFER_GONE = "license_offer_gone"
    IN_OPEN_ORDER = "license_in_open_order"


BLOCKING: Final = frozenset(Notice) - {Notice.PRICE_CHANGED}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of one variant with the price the shopper last saw."""

    quantity: int
    seen_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDeal:
    """What a line about a key costs now: `price` is without `credit`, what was paid for the key
    before. `ends_at` is when its licence ends by it. A notice says why it is not to be had."""

    key_hint: str = ""
    price: Money = Money(0)
    list_price: Money = Money(0)
    struck: Money | None = None
    credit: Money | None = None
    flash_item_id: UUID | None = None
    flash_ends_at: datetime | None = None
    ends_at: datetime | None = None
    notice: Notice | None = None


def parse_quantity(text: str | None) -> int:
    """Read a quantity from a form. Raises Invalid `bad_quantity` unless it is 1 to 10."""
    digits = (text or "").strip()
    # isdigit() and int() also take other scripts, signs and underscores; a form sends none of it.
    quantity = int(digits) if re.fullmatch(r"[0-9]{1,3}", digits) else 0
    check_quantity(quantity)
    return quantity


def check_quantity(quantity: int) -> None:
    """Raises Invalid `bad_quantity` unless the quantity is 1 to 10."""
    if not 1 <= quantity <= MAX_QUANTITY:
        raise Invalid("bad_quantity")


def notice_for(
    *,
    is_for_sale: bool,
    is_all_owned: bool = False,
    available: int | None,
    quantity: int,
    price: Money,
    seen_price: Money,
) -> Notice | None:
    """The one thing to say about a line: what blocks the purchase comes before what only changed.

    `available` None means there is no limit.
    """
    if not is_for_sale:
        return Notice.NOT_FOR_SALE
    if is_all_owned:
        return Notice.ALL_OWNED
    if available is not None and available <= 0:
        return Notice.SOLD_OUT
    if available is not None and available < quantity:
        return Notice.NOT_ENOUGH
    return Notice.PRICE_CHANGED if price != seen_price else None


def merge_lines(kept: Mapping[UUID, Wanted], brought: Mapping[UUID, Wanted]) -> dict[UUID, Wanted]:
    """What a member's cart holds once a guest's is poured into it.

    The same variant in both is meant once: the larger quantity stands, at the price the shopper
    saw last, which was as a guest. What the member already had is never pushed out by the limit
    of lines.
    """
    merged = dict(kept)
    for variant_id, wanted in brought.items():
        known = kept.get(variant_id)
        if known is None and len(merged) >= MAX_LINES:
            continue
        quantity = max(wanted.quantity, known.quantity if known else 0)
        merged[variant_id] = Wanted(min(quantity, MAX_QUANTITY), wanted.seen_price)
    return merged
