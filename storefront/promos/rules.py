"""What a code is worth for a cart, without a database."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from storefront.errors import Conflict
from storefront.kit.money import Money, total_of
from storefront.promos.models import PromoKind

LONGEST_CODE: Final = 40
_FORM: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{2,39}")


class Refusal(StrEnum):
    """Why a code gives nothing. Each is an error code with a sentence of its own."""

    UNKNOWN = "promo_unknown"
    INACTIVE = "promo_inactive"
    NOT_STARTED = "promo_not_started"
    EXPIRED = "promo_expired"
    USED_UP = "promo_used_up"
    USED_BY_YOU = "promo_used_by_you"
    SIGN_IN_FIRST = "promo_sign_in_first"
    NOT_FIRST = "promo_not_first_purchase"
    NOTHING_COVERED = "promo_nothing_covered"
    TOO_LITTLE = "promo_minimum_not_reached"


class PromoRefused(Conflict):
    """The code gives nothing now. `minimum` is set where only a larger cart is missing."""

    def __init__(self, refusal: Refusal, *, minimum: Money | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.minimum = minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class Promo:
    """A code as it is read: its terms and how often it was used. `product_ids` are what it
    covers; None means everything. `value` is basis points or satang, by kind."""

    id: UUID
    code: str
    kind: PromoKind
    value: int
    min_subtotal: Money
    max_discount: Money | None
    total_limit: int | None
    per_customer_limit: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    first_purchase_only: bool
    active: bool
    used: int
    product_ids: frozenset[UUID] | None

    @property
    def asks_who(self) -> bool:
        """Whether its terms count what one person did before: a new guest every time would be
        nobody's second purchase."""
        return self.per_customer_limit is not None or self.first_purchase_only


@dataclass(frozen=True, slots=True)
class Customer:
    """What the shop knows of somebody's uses of a code and purchases so far. Of one without an
    account it knows nothing that would last until the next purchase."""

    uses: int = 0
    purchases: int = 0
    has_account: bool = True


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line of a cart as far as a code is concerned."""

    product_id: UUID
    total: Money


@dataclass(frozen=True, slots=True)
class Discount:
    """What a code takes off, in all and line by line; the parts add up to the whole."""

    amount: Money
    shares: tuple[Money, ...]


def normalize_code(text: str) -> str | None:
    """The code somebody meant: case, spaces and dashes of other kinds do not matter. None when no
    code can look like that."""
    code = re.sub(r"[\s_‐-―−]+", "-", text.strip()[: 2 * LONGEST_CODE]).upper()
    return code if _FORM.fullmatch(code) else None


def fold_email(email: str) -> str:
    """One mailbox, one address: case is ignored and so is what follows a plus (RFC 5233).

    Only where the provider is known to ignore dots as well would folding them be right; it would
    wrongly join two people elsewhere, so dots stay.
    """
    local, _, domain = email.strip().casefold().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def promo_email(email: str | None, *, is_verified: bool) -> str | None:
    """The mailbox by which uses are counted: only a verified one says who somebody is."""
    return fold_email(email) if email and is_verified else None


def check_terms(promo: Promo, customer: Customer, *, now: datetime) -> None:
    """Raises PromoRefused where the code's own terms stand against it."""
    if not promo.active:
        raise PromoRefused(Refusal.INACTIVE)
    if promo.starts_at is not None and now < promo.starts_at:
        raise PromoRefused(Refusal.NOT_STARTED)
    if promo.ends_at is not None and now >= promo.ends_at:
        raise PromoRefused(Refusal.EXPIRED)
    if promo.asks_who and not customer.has_account:
        raise PromoRefused(Refusal.SIGN_IN_FIRST)
    if promo.per_customer_limit is not None and customer.uses >= promo.per_customer_limit:
        raise PromoRefused(Refusal.USED_BY_YOU)
    if promo.total_limit is not None and promo.used >= promo.total_limit:
        raise PromoRefused(Refusal.USED_UP)
    if promo.first_purchase_only and customer.purchases:
        raise PromoRefused(Refusal.NOT_FIRST)


def discount_for(promo: Promo, lines: Sequence[PricedLine]) -> Discount:
    """What the code takes off these lines.

    Only covered lines count, for the minimum too. A percentage is rounded half up on their sum,
    never above the maximum; a fixed amount never above the sum. The share of each line is in
    proportion to its price. Raises PromoRefused `promo_nothing_covered` or
    `promo_minimum_not_reached`.
    """
    covered = [_covered(line, promo.product_ids) for line in lines]
    eligible = total_of(covered)
    if not eligible:
        raise PromoRefused(Refusal.NOTHING_COVERED)
    if eligible < promo.min_subtotal:
        raise PromoRefused(Refusal.TOO_LITTLE, minimum=promo.min_subtotal)
    amount = (
        eligible.portion(promo.value) if promo.kind is PromoKind.PERCENT else Money(promo.value)
    )
    if promo.max_discount is not None:
        amount = min(amount, promo.max_discount)
    amount = min(amount, eligible)
    if not amount:
        raise PromoRefused(Refusal.TOO_LITTLE, minimum=None)
    return Discount(amount, tuple(amount.allocate([line.satang for line in covered])))


def _covered(line: PricedLine, product_ids: Collection[UUID] | None) -> Money:
    if product_ids is None or line.product_id in product_ids:
        return line.total
    return Money(0, line.total.currency)
