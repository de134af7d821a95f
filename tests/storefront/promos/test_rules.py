"""What a code is worth, and every reason why it is worth nothing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht, total_of
from storefront.promos.models import USE_MACHINE, PromoKind, UseAction, UseState
from storefront.promos.rules import (
    Customer,
    PricedLine,
    Promo,
    PromoRefused,
    Refusal,
    check_terms,
    discount_for,
    fold_email,
    normalize_code,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TENTH = Promo(
    id=new_id(),
    code="TENTH",
    kind=PromoKind.PERCENT,
    value=1000,
    min_subtotal=Money(0),
    max_discount=None,
    total_limit=None,
    per_customer_limit=None,
    starts_at=None,
    ends_at=None,
    first_purchase_only=False,
    active=True,
    used=0,
    product_ids=None,
)


def promo(**values: Any) -> Promo:
    return dataclasses.replace(TENTH, **values)


def lines(*totals: Money) -> list[PricedLine]:
    return [PricedLine(new_id(), total) for total in totals]


def refusal_of(promo: Promo, customer: Customer | None = None) -> Refusal:
    with pytest.raises(PromoRefused) as refused:
        check_terms(promo, customer or Customer(), now=NOW)
    return refused.value.refusal


def test_a_tenth_off_is_shared_by_the_lines_in_proportion() -> None:
    discount = discount_for(TENTH, lines(baht(300), baht(100)))
    assert discount.amount == baht(40)
    assert discount.shares == (baht(30), baht(10))


def test_a_percentage_stops_at_its_maximum() -> None:
    assert discount_for(promo(max_discount=baht(25)), lines(baht(400))).amount == baht(25)


def test_a_fixed_amount_never_passes_what_is_covered() -> None:
    fixed = promo(kind=PromoKind.FIXED, value=50_000)
    assert discount_for(fixed, lines(baht(300))).amount == baht(300)


def test_only_covered_lines_count_for_discount_and_minimum() -> None:
    covered, other = lines(baht(100), baht(900))
    code = promo(product_ids=frozenset({covered.product_id}))
    assert discount_for(code, [covered, other]).shares == (baht(10), Money(0))
    with pytest.raises(PromoRefused) as refused:
        discount_for(dataclasses.replace(code, min_subtotal=baht(200)), [covered, other])
    assert refused.value.refusal is Refusal.TOO_LITTLE
    assert refused.value.minimum == baht(200)


def test_a_code_for_other_products_covers_nothing() -> None:
    with pytest.raises(PromoRefused) as refused:
        discount_for(promo(product_ids=frozenset()), lines(baht(100)))
    assert refused.value.refusal is Refusal.NOTHING_COVERED


@given(
    totals=st.lists(st.integers(1, 10**8), min_size=1, max_size=20),
    value=st.integers(1, 10_000),
    maximum=st.none() | st.integers(1, 10**8),
)
def test_shares_add_up_and_never_pass_their_line(
    totals: list[int], value: int, maximum: int | None
) -> None:
    wanted = lines(*map(Money, totals))
    code = promo(value=value, max_discount=None if maximum is None else Money(maximum))
    try:
        discount = discount_for(code, wanted)
    except PromoRefused:
        assert sum(totals) * value < 10_000
        return
    assert total_of(discount.shares) == discount.amount
    for line, share in zip(wanted, discount.shares, strict=True):
        assert Money(0) <= share <= line.total


def test_each_term_has_its_own_reason() -> None:
    assert refusal_of(promo(active=False)) is Refusal.INACTIVE
    assert refusal_of(promo(starts_at=NOW + timedelta(seconds=1))) is Refusal.NOT_STARTED
    assert refusal_of(promo(ends_at=NOW)) is Refusal.EXPIRED
    assert refusal_of(promo(total_limit=3, used=3)) is Refusal.USED_UP
    assert refusal_of(promo(per_customer_limit=1), Customer(uses=1)) is Refusal.USED_BY_YOU
    assert refusal_of(promo(first_purchase_only=True), Customer(purchases=1)) is Refusal.NOT_FIRST
    nobody = Customer(has_account=False)
    assert refusal_of(promo(per_customer_limit=1), nobody) is Refusal.SIGN_IN_FIRST
    assert refusal_of(promo(first_purchase_only=True), nobody) is Refusal.SIGN_IN_FIRST
    check_terms(promo(total_limit=1), nobody, now=NOW)


def test_a_code_counts_from_its_first_moment_until_before_its_last() -> None:
    code = promo(starts_at=NOW, ends_at=NOW + timedelta(hours=1))
    check_terms(code, Customer(), now=NOW)
    check_terms(code, Customer(), now=NOW + timedelta(hours=1, microseconds=-1))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" qr-new10 ", "QR-NEW10"),
        ("qr new10", "QR-NEW10"),
        ("QR–NEW10", "QR-NEW10"),
        ("ab", None),
        ("", None),
        ("ลดราคา", None),
        ("A" * 41, None),
        ("x" * 10_000, None),
        ("a;drop", None),
        ("\0\0\0\0", None),
    ],
)
def test_a_code_is_read_as_people_type_it(typed: str, meant: str | None) -> None:
    assert normalize_code(typed) == meant


def test_one_mailbox_is_one_customer() -> None:
    assert fold_email("Anna+shop@Example.com") == fold_email("anna@example.com")
    assert fold_email("a.nna@example.com") != fold_email("anna@example.com")


@pytest.mark.parametrize("state", list(UseState))
def test_a_use_is_given_back_once(state: UseState) -> None:
    assert USE_MACHINE.allows(state, UseAction.RETURN) == (state is not UseState.RETURNED)
    assert USE_MACHINE.allows(state, UseAction.TAKE) == (state is UseState.RESERVED)
