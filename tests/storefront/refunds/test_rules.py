"""How a refund is split, whatever is wanted and left: nothing is lost, nothing is made."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.errors import DomainError
from storefront.kit.ids import new_id
from storefront.kit.money import Money, total_of
from storefront.refunds.models import Destination
from storefront.refunds.rules import (
    Left,
    RefundableLine,
    check_wanted,
    ended_units,
    plan_refund,
)

SATANG = st.integers(0, 10**9)
LINES = st.lists(st.integers(1, 10**6), min_size=1, max_size=6)


def lines_of(amounts: list[int]) -> dict[UUID, Money]:
    return {new_id(): Money(amount) for amount in amounts}


@given(LINES, SATANG, SATANG, st.sampled_from(Destination))
def test_the_parts_of_a_refund_are_what_is_wanted_line_by_line(
    amounts: list[int], gateway: int, bonus: int, by: Destination
) -> None:
    wanted = lines_of(amounts)

    parts = plan_refund(wanted, by=by, left=Left(Money(gateway), Money(bonus)))

    for line_id, amount in wanted.items():
        assert total_of(part.lines.get(line_id, Money(0)) for part in parts) == amount
    for part in parts:
        assert part.amount == total_of(part.lines.values()) > Money(0)
        assert all(amount > Money(0) for amount in part.lines.values())
    assert len({part.destination for part in parts}) == len(parts)


@given(LINES, SATANG, SATANG, st.sampled_from(Destination))
def test_each_way_takes_what_is_left_of_it_at_most_and_bonus_stays_bonus(
    amounts: list[int], gateway: int, bonus: int, by: Destination
) -> None:
    wanted = lines_of(amounts)
    total = total_of(wanted.values())

    parts = {
        part.destination: part
        for part in plan_refund(wanted, by=by, left=Left(Money(gateway), Money(bonus)))
    }

    through = parts.get(Destination.GATEWAY)
    expected = min(total, Money(gateway)) if by is Destination.GATEWAY else Money(0)
    assert (through.amount if through else Money(0)) == expected
    assert through is None or not through.bonus
    inward = parts.get(Destination.WALLET)
    if inward:
        assert inward.bonus == min(inward.amount, Money(bonus)), "bonus first, as it was spent"


@given(st.lists(st.tuples(SATANG, SATANG), min_size=1, max_size=4), st.data())
def test_never_more_is_wanted_of_a_line_than_is_left_of_it(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    lines = [
        RefundableLine(new_id(), Money(max(paid, back)), Money(min(paid, back)))
        for paid, back in rows
    ]
    wanted: Mapping[UUID, Money] = {
        line.id: Money(data.draw(st.integers(-5, line.left.satang + 5))) for line in lines
    }

    fits = all(Money(0) <= wanted[line.id] <= line.left for line in lines)
    if fits and any(wanted.values()):
        check_wanted(lines, wanted)
    else:
        with pytest.raises(DomainError):
            check_wanted(lines, wanted)


@given(st.integers(1, 50), st.integers(0, 10**7), st.data())
def test_the_more_comes_back_the_more_units_end_and_all_end_with_all_of_it(
    quantity: int, paid: int, data: st.DataObject
) -> None:
    less, more = sorted(data.draw(st.tuples(st.integers(0, paid), st.integers(0, paid))))

    def ended(back: int) -> int:
        return ended_units(
            quantity=quantity, paid=Money(paid), given_back=Money(back), is_all=back == paid
        )

    assert 0 <= ended(less) <= ended(more) <= quantity
    assert ended(paid) == quantity
    # No unit ends before its whole price is back, and it ends as soon as it is.
    assert ended(more) * paid <= quantity * more or not paid
    assert (ended(more) + 1) * paid > quantity * more or not paid or ended(more) == quantity
