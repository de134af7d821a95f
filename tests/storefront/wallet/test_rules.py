"""Bonus and clawback as pure calculations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.money import Money, baht
from storefront.wallet.rules import Clawback, Tier, bonus_on, clawback_topup_bonus

TIERS = (
    Tier(least=baht(1_000), basis_points=800, most=baht(100), days=30),
    Tier(least=baht(500), basis_points=500),
)


@pytest.mark.parametrize(
    ("amount", "bonus", "days"),
    [
        (Money(49_999), Money(0), None),
        (baht(500), baht(25), None),
        (Money(50_010), Money(2_501), None),
        (Money(99_999), Money(5_000), None),
        (baht(1_000), baht(80), 30),
        (baht(5_000), baht(100), 30),
    ],
)
def test_the_highest_tier_an_amount_reaches_gives_its_bonus(
    amount: Money, bonus: Money, days: int | None
) -> None:
    given_bonus = bonus_on(amount, TIERS)
    assert (given_bonus.amount, given_bonus.days) == (bonus, days)


def test_without_tiers_there_is_no_bonus() -> None:
    assert bonus_on(baht(50_000), ()).amount == Money(0)


@pytest.mark.parametrize(
    ("refunded", "left", "returned", "kept_back", "taken", "shortfall"),
    [
        (500, 100, 0, 0, 50, 0),  # half the money, half the bonus
        (1000, 100, 0, 0, 100, 0),
        (1000, 60, 0, 0, 60, 40),  # 40 are spent: kept back from the refund
        (1000, 0, 60, 0, 0, 40),  # 60 have expired: the shop has them back already
        (500, 0, 60, 0, 0, 0),
        (1000, 50, 50, 0, 50, 0),  # the second half of two refunds
        (1000, 0, 30, 20, 0, 50),  # of what was kept back before, nothing is asked again
    ],
)
def test_a_refund_takes_the_bonus_back_in_proportion_from_what_is_left(
    refunded: int, left: int, returned: int, kept_back: int, taken: int, shortfall: int
) -> None:
    assert clawback_topup_bonus(
        topup=baht(1000),
        bonus=baht(100),
        refunded=baht(refunded),
        left=baht(left),
        returned=baht(returned),
        kept_back=baht(kept_back),
    ) == Clawback(baht(taken), baht(shortfall))


@pytest.mark.parametrize("refunded", [Money(0), Money(-1), Money(100_001)])
def test_a_refund_beyond_the_top_up_is_refused(refunded: Money) -> None:
    with pytest.raises(ValueError, match="never beyond"):
        clawback_topup_bonus(
            topup=baht(1000),
            bonus=baht(1),
            refunded=refunded,
            left=baht(1),
            returned=Money(0),
            kept_back=Money(0),
        )


@given(
    st.integers(2_000, 5_000_000),
    st.integers(0, 500_000),
    st.lists(st.integers(1, 1_000_000), min_size=1, max_size=6),
    st.integers(0, 500_000),
)
def test_many_small_refunds_take_as_much_as_one_large_one(
    topup: int, bonus: int, parts: list[int], spent: int
) -> None:
    bonus, spent = min(bonus, topup), min(spent, bonus, topup)
    left, returned, kept, refunded = bonus - spent, 0, 0, 0
    for part in [*parts, topup]:
        refunded = min(refunded + part, topup)
        done = clawback_topup_bonus(
            topup=Money(topup),
            bonus=Money(bonus),
            refunded=Money(refunded),
            left=Money(left),
            returned=Money(returned),
            kept_back=Money(kept),
        )
        assert done.taken >= Money(0)
        assert done.shortfall >= Money(0)
        left -= done.taken.satang
        returned += done.taken.satang
        kept += done.shortfall.satang
        assert left >= 0
    assert (left, returned, kept) == (0, bonus - spent, spent)
