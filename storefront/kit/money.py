"""Exact money: integer satang plus an ISO 4217 currency, never a float."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

THB: Final = "THB"
BASIS_POINTS: Final = 10_000
MINOR_UNITS: Final = 100


class CurrencyMismatch(TypeError):
    """Amounts of two currencies met in one calculation."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in the smallest unit of its currency (satang for THB).

    Arithmetic with another currency raises CurrencyMismatch; with a float or a bare integer,
    TypeError. Only whole multiples are allowed; fractions go through `portion` or `allocate`.
    """

    satang: int
    currency: str = THB

    def __post_init__(self) -> None:
        if type(self.satang) is not int:
            raise TypeError("Money takes an integer number of satang")

    def __add__(self, other: Money) -> Money:
        return Money(self.satang + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.satang - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.satang, self.currency)

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            raise TypeError("Money is multiplied by whole numbers only")
        return Money(self.satang * times, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.satang < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.satang <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.satang > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.satang >= self._same(other)

    def __bool__(self) -> bool:
        return self.satang != 0

    def portion(self, basis_points: int) -> Money:
        """The share of this amount at a rate in basis points (1 % = 100), rounded half away from
        zero: the one rounding rule of the shop."""
        return Money(round_half_up(self.satang * basis_points, BASIS_POINTS), self.currency)

    def allocate(self, weights: Sequence[int]) -> list[Money]:
        """Split into parts proportional to non-negative weights; the parts always add up.

        The remainder goes, one satang each, to the largest fractions, earlier parts first.
        Raises ValueError when no weight is positive or one is negative.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise ValueError("allocate needs non-negative weights, one of them positive")
        sign = -1 if self.satang < 0 else 1
        amount = abs(self.satang)
        shares = [amount * weight // total for weight in weights]
        by_fraction = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
        for index in by_fraction[: amount - sum(shares)]:
            shares[index] += 1
        return [Money(sign * share, self.currency) for share in shares]

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money cannot be combined with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} met {other.currency}")
        return other.satang


def baht(amount: int) -> Money:
    """Whole baht as Money."""
    return Money(amount * MINOR_UNITS)


def total_of(amounts: Iterable[Money], currency: str = THB) -> Money:
    """Sum of amounts of one currency; zero of `currency` when there are none."""
    total = Money(0, currency)
    for amount in amounts:
        total = total + amount
    return total


def round_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator rounded half away from zero, in integers."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    quotient, remainder = divmod(abs(numerator), abs(denominator))
    return sign * (quotient + (1 if remainder * 2 >= abs(denominator) else 0))
