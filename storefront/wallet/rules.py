"""How an amount is taken out of the two pots."""

from __future__ import annotations

from dataclasses import dataclass

from storefront.kit.money import Money


@dataclass(frozen=True, slots=True)
class Spending:
    """What is taken from which pot."""

    bonus: Money
    paid: Money


def split_spending(amount: Money, *, bonus_balance: Money) -> Spending:
    """The stated order of spending: bonus first, because it is what can expire; the rest is paid
    money."""
    bonus = min(amount, bonus_balance)
    return Spending(bonus=bonus, paid=amount - bonus)
