"""What the cart holds to, without a database."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.cart.models import MAX_LINES, MAX_QUANTITY
from storefront.cart.rules import (
    CartOwner,
    Notice,
    Wanted,
    merge_lines,
    notice_for,
    parse_quantity,
)
from storefront.errors import Invalid
from storefront.kit.money import Money, baht

SEEN = baht(100)
QUANTITIES = st.integers(1, MAX_QUANTITY)
LINES = st.dictionaries(
    st.integers(0, 60).map(lambda n: UUID(int=n)),
    st.builds(Wanted, QUANTITIES, st.integers(0, 10**6).map(Money)),
    max_size=MAX_LINES,
)


@pytest.mark.parametrize(("text", "quantity"), [("1", 1), ("10", 10), (" 3 ", 3), ("007", 7)])
def test_a_quantity_from_one_to_ten_is_read(text: str, quantity: int) -> None:
    assert parse_quantity(text) == quantity


@pytest.mark.parametrize(
    "text",
    [None, "", "0", "-1", "11", "999", "1.5", "1e1", "+2", "two", "٣", "²", "1_0", "9" * 5000],
)
def test_every_other_quantity_is_refused(text: str | None) -> None:
    with pytest.raises(Invalid, match="bad_quantity"):
        parse_quantity(text)


def test_a_line_nothing_happened_to_says_nothing() -> None:
    assert _notice() is None
    assert _notice(available=None) is None
    assert _notice(available=2) is None


def test_a_moved_price_is_announced_in_both_directions() -> None:
    assert _notice(price=baht(120)) == Notice.PRICE_CHANGED
    assert _notice(price=baht(80)) == Notice.PRICE_CHANGED


def test_what_blocks_the_purchase_is_said_before_a_moved_price() -> None:
    assert _notice(price=baht(80), available=1) == Notice.NOT_ENOUGH
    assert _notice(price=baht(80), available=0) == Notice.SOLD_OUT
    assert _notice(price=baht(80), available=0, is_for_sale=False) == Notice.NOT_FOR_SALE


def test_a_cart_belongs_to_exactly_one_owner() -> None:
    with pytest.raises(ValueError, match="member or to a guest"):
        CartOwner()
    with pytest.raises(ValueError, match="member or to a guest"):
        CartOwner(user_id=uuid4(), token_hash="x")


def test_a_guest_is_known_by_a_hash_and_not_by_the_token() -> None:
    owner = CartOwner.guest("a-token")
    assert owner.token_hash is not None
    assert "a-token" not in owner.token_hash
    assert owner == CartOwner.guest("a-token")


def test_the_same_variant_in_both_carts_is_meant_once() -> None:
    variant = uuid4()
    merged = merge_lines({variant: Wanted(3, baht(100))}, {variant: Wanted(2, baht(90))})
    assert merged == {variant: Wanted(3, baht(90))}


@given(kept=LINES, brought=LINES)
def test_merging_keeps_every_member_line_and_both_limits(
    kept: dict[UUID, Wanted], brought: dict[UUID, Wanted]
) -> None:
    merged = merge_lines(kept, brought)
    assert kept.keys() <= merged.keys() <= kept.keys() | brought.keys()
    assert len(merged) <= MAX_LINES
    for variant, wanted in merged.items():
        sources = [cart[variant].quantity for cart in (kept, brought) if variant in cart]
        assert wanted.quantity == max(sources) <= MAX_QUANTITY


@given(kept=LINES, brought=LINES)
def test_merging_twice_changes_nothing_more(
    kept: dict[UUID, Wanted], brought: dict[UUID, Wanted]
) -> None:
    once = merge_lines(kept, brought)
    assert merge_lines(once, brought) == once


def _notice(
    *, available: int | None = 5, price: Money = SEEN, is_for_sale: bool = True
) -> Notice | None:
    return notice_for(
        is_for_sale=is_for_sale,
        available=available,
        quantity=2,
        price=price,
        seen_price=SEEN,
    )
