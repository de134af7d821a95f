"""What purchases make of a licence's terms, what may be bought for a key, and for how much. Values
in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from storefront.catalog.models import Purpose
from storefront.catalog.pricing import UnitPrice
from storefront.kit.money import Money, total_of


class Refusal(StrEnum):
    """Why nothing can be bought for a key."""

    GONE = "license_offer_gone"
    IN_OPEN_ORDER = "license_in_open_order"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a licence allows: as which tier, on how many servers, until when (None is for ever)."""

    variant_id: UUID
    slots: int
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The tier that a renewal or an upgrade is by. An upgrade's duration counts from `starts_at`,
    when the licence was issued; a renewal's from `at`, when it is delivered, or from the end that
    the licence has then."""

    purpose: Purpose
    variant_id: UUID
    slots: int
    duration_days: int | None
    at: datetime
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A purchase in the life of a licence: the terms it met, the end that purchases alone had led
    to by then, and whether it counts now."""

    bought: Bought
    before: Terms
    expected_end: datetime | None
    is_effective: bool


def terms_after(terms: Terms, bought: Bought) -> Terms:
    """The terms once this is delivered. Nothing that is bought takes servers or time away."""
    fits = bought.slots >= terms.slots
    return Terms(
        variant_id=bought.variant_id if fits else terms.variant_id,
        slots=max(terms.slots, bought.slots),
        ends_at=_end_after(terms.ends_at, bought),
    )


def replay(steps: Sequence[Step]) -> Terms:
    """The terms that purchases lead to, the oldest first, those that count alone. What staff moved
    by hand between two of them stays moved. Raises ValueError for no steps."""
    if not steps:
        raise ValueError("the terms of a licence nothing was bought for are its own")
    terms = steps[0].before
    for step in steps:
        moved = moved_by_hand(terms.ends_at, expected=step.expected_end, found=step.before.ends_at)
        terms = Terms(terms.variant_id, terms.slots, moved)
        if step.is_effective:
            terms = terms_after(terms, step.bought)
    return terms


def moved_by_hand(
    end: datetime | None, *, expected: datetime | None, found: datetime | None
) -> datetime | None:
    """An end with the same change by hand that made `found` of `expected`."""
    if found == expected:
        return end
    if found is None or expected is None or end is None:
        return found
    return end + (found - expected)


def is_more(before: Terms, after: Terms, *, now: datetime) -> bool:
    """Whether terms are worth buying: good at `now`, and more servers or more time."""
    if after.ends_at is not None and after.ends_at <= now:
        return False
    return after.slots > before.slots or _is_later(after.ends_at, before.ends_at)


def price_for_key(price: Money, credit: Money) -> Money:
    """What is left to pay of a tier's price by somebody who has paid `credit` already."""
    return max(price - credit, Money(0, price.currency))


def credit_of_unit(*, paid: Money, refunded: Money, quantity: int, unit: int) -> Money:
    """What one unit of an order line has cost its buyer: its share of what was paid and did not
    come back. What came back is counted against the last units first, whose keys it ended."""
    left = paid - refunded
    good = quantity if not paid else quantity - quantity * refunded.satang // paid.satang
    if not good or not left:
        return Money(0, paid.currency)
    return left.allocate([1] * good)[min(unit, good) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A tier as it can be bought for a key now."""

    variant_id: UUID
    name_th: str
    name_en: str
    slots: int
    duration_days: int | None
    unit_price: UnitPrice
    is_sold_out: bool

    @property
    def price(self) -> Money:
        """What it costs somebody who has paid nothing yet."""
        return self.unit_price.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A licence as far as offers are concerned. `credits` is what was paid for it and for upgrades
    in effect; `is_part` of one that came in a bundle; `is_closed` where it is revoked or
    suspended, was bought elsewhere, a bank disputes something bought for it, or its product is not
    sold now; `is_claimed` while another order about it is open."""

    license_id: UUID
    key_hint: str
    terms: Terms
    issued_at: datetime
    credits: Sequence[Money]
    is_part: bool
    is_closed: bool
    is_claimed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What can be bought for a key: the tier, what it costs, and the terms it leads to."""

    purpose: Purpose
    license_id: UUID
    key_hint: str
    tier: Tier
    price: Money
    credit: Money
    terms: Terms


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything that can be bought for a key now, or why nothing can."""

    key_hint: str
    renewal: Offer | None = None
    upgrades: tuple[Offer, ...] = ()
    refusal: Refusal | None = None

    @property
    def is_worth_showing(self) -> bool:
        """Whether there is something to say of it beside the key."""
        return bool(self.renewal or self.upgrades or self.refusal is Refusal.IN_OPEN_ORDER)

    def find(self, variant_id: UUID) -> Offer | None:
        """The offer by this tier, of which there is one at most."""
        every = (self.renewal, *self.upgrades)
        return next((one for one in every if one and one.tier.variant_id == variant_id), None)


def offers_for(standing: Standing, tiers: Sequence[Tier], *, now: datetime) -> Offers:
    """What can be bought for a key, of the tiers of its product as the shop lists them."""
    if standing.is_closed:
        return Offers(standing.key_hint, refusal=Refusal.GONE)
    if standing.is_claimed:
        return Offers(standing.key_hint, refusal=Refusal.IN_OPEN_ORDER)
    tier = _renewing_tier(standing, tiers)
    renewal = None if tier is None else _offer(standing, tier, Purpose.RENEW, now)
    upgrades = [
        _offer(standing, tier, Purpose.UPGRADE, now)
        for tier in tiers
        if not standing.is_part and _is_above(standing, tier)
    ]
    better = [offer for offer in upgrades if is_more(standing.terms, offer.terms, now=now)]
    return Offers(standing.key_hint, renewal, tuple(better))


def _end_after(end: datetime | None, bought: Bought) -> datetime | None:
    if end is None or bought.duration_days is None:
        return None
    duration = timedelta(days=bought.duration_days)
    if bought.purpose is Purpose.RENEW:
        return max(bought.at, end) + duration
    return max(end, bought.starts_at + duration)


def _is_later(after: datetime | None, before: datetime | None) -> bool:
    if before is None:
        return False
    return after is None or after > before


def _renewing_tier(standing: Standing, tiers: Sequence[Tier]) -> Tier | None:
    """The tier it was bought as. What came in a bundle has none of its own product: there it is
    the cheapest that allows as many servers."""
    if standing.terms.ends_at is None:
        return None
    ending = [tier for tier in tiers if tier.duration_days is not None]
    own = next((tier for tier in ending if tier.variant_id == standing.terms.variant_id), None)
    if own is not None or not standing.is_part:
        return own
    wide_enough = [tier for tier in ending if tier.slots >= standing.terms.slots]
    return min(wide_enough, key=lambda tier: tier.price.satang, default=None)


def _is_above(standing: Standing, tier: Tier) -> bool:
    """Whether the tier allows as much in every way. Its time is what it would be had it been bought
    in the first place: otherwise many cheap renewals of one tier would be renewals of a dear one
    for the difference of a single one."""
    terms = standing.terms
    if tier.variant_id == terms.variant_id or tier.is_sold_out or tier.slots < terms.slots:
        return False
    if tier.duration_days is None:
        return True
    own_end = standing.issued_at + timedelta(days=tier.duration_days)
    return terms.ends_at is not None and own_end >= terms.ends_at


def _offer(standing: Standing, tier: Tier, purpose: Purpose, now: datetime) -> Offer:
    credit = total_of(standing.credits) if purpose is Purpose.UPGRADE else Money(0)
    bought = Bought(
        purpose=purpose,
        variant_id=tier.variant_id,
        slots=tier.slots,
        duration_days=tier.duration_days,
        at=now,
        starts_at=standing.issued_at,
    )
    return Offer(
        purpose=purpose,
        license_id=standing.license_id,
        key_hint=standing.key_hint,
        tier=tier,
        price=price_for_key(tier.price, credit),
        credit=min(credit, tier.price),
        terms=terms_after(standing.terms, bought),
    )
