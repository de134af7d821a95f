"""Money: whole satang, one currency, nothing lost and nothing made."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.money import (
    BASIS_POINTS,
    CurrencyMismatch,
    Money,
    baht,
    round_half_up,
    total_of,
)

amounts = st.integers(-(10**12), 10**12)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(amounts, weights)
def test_the_parts_of_an_amount_always_add_up(satang: int, shares: list[int]) -> None:
    whole = Money(satang)

    parts = whole.allocate(shares)

    assert len(parts) == len(shares)
    assert total_of(parts) == whole


@given(amounts, weights)
def test_no_part_is_a_satang_away_from_its_fair_share(satang: int, shares: list[int]) -> None:
    for part, weight in zip(Money(satang).allocate(shares), shares, strict=True):
        assert abs(part.satang - Fraction(satang * weight, sum(shares))) < 1


def test_the_remainder_goes_to_the_largest_fractions_and_then_to_the_first() -> None:
    assert [part.satang for part in Money(100).allocate([1, 1, 1])] == [34, 33, 33]
    assert [part.satang for part in Money(10).allocate([1, 5, 1])] == [2, 7, 1]
    assert [part.satang for part in Money(-100).allocate([1, 1, 1])] == [-34, -33, -33]


@pytest.mark.parametrize("shares", [[], [0, 0], [3, -1]])
def test_an_amount_cannot_be_split_by_nothing_or_by_less(shares: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        baht(10).allocate(shares)


@given(amounts, st.integers(0, 30_000))
def test_a_portion_is_rounded_half_away_from_zero(satang: int, rate: int) -> None:
    exact = Fraction(satang * rate, BASIS_POINTS)
    rounded = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)

    assert Money(satang).portion(rate) == Money(rounded)


def test_half_a_satang_is_rounded_away_from_zero_on_both_sides() -> None:
    assert Money(50).portion(100) == Money(1)
    assert Money(-50).portion(100) == Money(-1)
    assert Money(49).portion(100) == Money(0)
    assert [round_half_up(n, 2) for n in (5, -5, 4, -4)] == [3, -3, 2, -2]
    assert round_half_up(5, -2) == -3


@pytest.mark.parametrize(
    "combine",
    [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge],
)
@pytest.mark.parametrize("other", [1, 1.0, 0, "1", None])
def test_money_meets_nothing_but_money(combine: Callable[[Any, Any], Any], other: object) -> None:
    with pytest.raises(TypeError):
        combine(baht(1), other)
    with pytest.raises(TypeError):
        combine(other, baht(1))


@pytest.mark.parametrize("combine", [operator.add, operator.sub, operator.lt, operator.ge])
def test_two_currencies_never_meet(combine: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(CurrencyMismatch):
        combine(baht(1), Money(100, "USD"))


def test_the_same_number_in_another_currency_is_another_amount() -> None:
    assert Money(100, "USD") != Money(100, "THB")
    with pytest.raises(CurrencyMismatch):
        total_of([baht(1), Money(100, "USD")])
    assert total_of([], "USD") == Money(0, "USD")


@pytest.mark.parametrize("satang", [1.0, 1.5, "1", True, None])
def test_an_amount_is_a_whole_number_of_satang(satang: Any) -> None:
    with pytest.raises(TypeError):
        Money(satang)


@pytest.mark.parametrize("times", [1.5, 2.0, True, "2"])
def test_money_is_multiplied_by_whole_numbers_only(times: Any) -> None:
    with pytest.raises(TypeError):
        baht(10) * times


@given(amounts, amounts, st.integers(-1000, 1000))
def test_adding_and_multiplying_is_exact(first: int, second: int, times: int) -> None:
    assert Money(first) + Money(second) - Money(second) == Money(first)
    assert (Money(first) * times).satang == first * times
    assert -Money(first) + Money(first) == Money(0)
    assert (Money(first) < Money(second)) == (first < second)
    assert bool(Money(first)) == bool(first)


def test_an_amount_cannot_be_changed_in_place() -> None:
    price = baht(10)

    with pytest.raises(AttributeError):
        price.satang = 1  # type: ignore[misc]
