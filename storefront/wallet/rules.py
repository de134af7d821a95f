"""Calculations of the wallet: what a top-up gives, how it is spent, what a refund takes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from storefront.kit.money import Money, baht, round_half_up

# No setting of staff leads outside of these: what the gateway takes and what a wallet should hold.
LEAST_TOP_UP: Final = baht(20)
LARGEST_TOP_UP: Final = baht(50_000)
NOTICE_BEFORE_EXPIRY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Spending:
    """What is taken from which pot."""

    bonus: Money
    paid: Money


@dataclass(frozen=True, slots=True)
class Limits:
    """The smallest and the largest free amount of a top-up."""

    least: Money = LEAST_TOP_UP
    largest: Money = LARGEST_TOP_UP

    def allow(self, amount: Money) -> bool:
        """Whether somebody may top up this much."""
        return self.least <= amount <= self.largest


@dataclass(frozen=True, slots=True)
class Tier:
    """From `least` on, so many basis points of a free amount as bonus, at most `most`, good for
    `days` from the credit or for ever."""

    least: Money
    basis_points: int
    most: Money | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Bonus:
    """What a top-up gives on top, and for how many days; None is for ever."""

    amount: Money
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Clawback:
    """What a refund of a top-up takes out of its bonus, and what was spent already: the shop
    keeps that much back from the refund."""

    taken: Money
    shortfall: Money


NO_BONUS: Final = Bonus(Money(0))


def split_spending(amount: Money, *, bonus_balance: Money) -> Spending:
    """The stated order of spending: bonus first, because it is what can expire; the rest is paid
    money. Inside a pot, what expires soonest goes first, then the oldest (see `ledger.lots`)."""
    bonus = min(amount, bonus_balance)
    return Spending(bonus=bonus, paid=amount - bonus)


def bonus_on(amount: Money, tiers: Iterable[Tier]) -> Bonus:
    """The bonus on a free amount: that of the highest tier it reaches, rounded by the one rule of
    the shop and cut at the tier's maximum."""
    reached = [tier for tier in tiers if tier.least <= amount]
    if not reached:
        return NO_BONUS
    tier = max(reached, key=lambda one: one.least.satang)
    bonus = amount.portion(tier.basis_points)
    if tier.most is not None:
        bonus = min(bonus, tier.most)
    return Bonus(bonus, tier.days) if bonus else NO_BONUS


def clawback_topup_bonus(
    *,
    topup: Money,
    bonus: Money,
    refunded: Money,
    left: Money,
    returned: Money,
    kept_back: Money,
) -> Clawback:
    """What the refund of a top-up takes back of its bonus, in proportion.

    `refunded` is all that was refunded of this top-up, this refund included; `left` is what its
    bonus lot still holds; `returned` what of the lot came back to the shop before, expired or
    clawed back; `kept_back` the shortfalls of earlier refunds. The part that is due is rounded
    once, over the whole, so many small refunds take as much as one large one. Nothing is taken
    from other bonus, and no pot goes below zero: what was spent already is a shortfall, which the
    shop keeps back from the money it refunds. Raises ValueError for a refund beyond the top-up.
    """
    if not Money(0, topup.currency) < refunded <= topup:
        raise ValueError("a top-up is refunded in part or whole, never beyond")
    none = Money(0, topup.currency)
    due = Money(round_half_up(bonus.satang * refunded.satang, topup.satang), topup.currency)
    open_part = max(none, due - returned - kept_back)
    taken = min(left, open_part)
    return Clawback(taken=taken, shortfall=open_part - taken)


def reachable_tiers(tiers: Sequence[Tier], limits: Limits) -> Sequence[Tier]:
    """The tiers a free amount inside these limits can reach, smallest first."""
    return sorted(
        (tier for tier in tiers if tier.least <= limits.largest), key=lambda one: one.least.satang
    )
