"""What purchases make of a licence's terms, over random histories."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from storefront.catalog.models import Purpose
from storefront.catalog.pricing import UnitPrice
from storefront.kit.money import Money, baht, total_of
from storefront.renewals.rules import (
    Bought,
    Refusal,
    Standing,
    Step,
    Terms,
    Tier,
    credit_of_unit,
    is_more,
    moved_by_hand,
    offers_for,
    price_for_key,
    replay,
    terms_after,
)

START = datetime(2026, 12, 1, tzinfo=UTC)
TIERS = [UUID(int=n) for n in range(5)]
amounts = st.integers(min_value=0, max_value=10_000_000).map(Money)
days = st.integers(min_value=1, max_value=800)
moments = st.integers(min_value=0, max_value=2_000).map(lambda n: START + timedelta(days=n))
purchases = st.builds(
    Bought,
    purpose=st.sampled_from([Purpose.RENEW, Purpose.UPGRADE]),
    variant_id=st.sampled_from(TIERS),
    slots=st.integers(min_value=1, max_value=9),
    duration_days=days,
    at=moments,
    starts_at=st.just(START),
) | st.builds(
    Bought,
    purpose=st.just(Purpose.UPGRADE),
    variant_id=st.sampled_from(TIERS),
    slots=st.integers(min_value=1, max_value=9),
    duration_days=st.none(),
    at=moments,
    starts_at=st.just(START),
)
first_terms = st.builds(
    Terms, st.sampled_from(TIERS), st.integers(min_value=1, max_value=9), st.none() | moments
)


class Key:
    """A licence as the service keeps it: its terms now, and the steps that led there."""

    def __init__(self, first: Terms) -> None:
        self.terms = first
        self.steps: list[Step] = []

    def buy(self, bought: Bought) -> None:
        expected = replay(self.steps).ends_at if self.steps else self.terms.ends_at
        self.steps.append(
            Step(bought=bought, before=self.terms, expected_end=expected, is_effective=True)
        )
        self.terms = terms_after(self.terms, bought)

    def toggle(self, index: int) -> None:
        before = replay(self.steps)
        step = self.steps[index]
        self.steps[index] = replace(step, is_effective=not step.is_effective)
        after = replay(self.steps)
        end = moved_by_hand(after.ends_at, expected=before.ends_at, found=self.terms.ends_at)
        self.terms = replace(after, ends_at=end)


def key_of(first: Terms, bought: list[Bought]) -> Key:
    key = Key(first)
    for one in sorted(bought, key=lambda one: one.at):
        key.buy(one)
    return key


histories = st.builds(key_of, first_terms, st.lists(purchases, min_size=1, max_size=6))


@given(first_terms, purchases)
def test_nothing_that_is_bought_takes_servers_or_time_away(first: Terms, bought: Bought) -> None:
    after = terms_after(first, bought)
    assert after.slots >= first.slots
    assert after.ends_at is None or (first.ends_at is not None and after.ends_at >= first.ends_at)


@given(moments, moments, days)
def test_a_renewal_counts_from_the_later_of_end_and_delivery(
    end: datetime, now: datetime, duration: int
) -> None:
    bought = Bought(
        purpose=Purpose.RENEW,
        variant_id=TIERS[0],
        slots=1,
        duration_days=duration,
        at=now,
        starts_at=START,
    )
    after = terms_after(Terms(TIERS[0], 1, end), bought)
    assert after.ends_at == max(now, end) + timedelta(days=duration)


@given(histories, st.data())
def test_purchases_taken_back_in_any_order_leave_what_the_others_alone_would_have_given(
    key: Key, data: st.DataObject
) -> None:
    first = key.steps[0].before
    for _ in range(data.draw(st.integers(min_value=1, max_value=12))):
        key.toggle(data.draw(st.integers(min_value=0, max_value=len(key.steps) - 1)))

    alone = Key(first)
    for step in key.steps:
        if step.is_effective:
            alone.buy(step.bought)

    assert key.terms == alone.terms


@given(histories, st.data())
def test_all_taken_back_leaves_the_first_terms_and_all_given_back_the_last(
    key: Key, data: st.DataObject
) -> None:
    first, last = key.steps[0].before, key.terms
    order = data.draw(st.permutations(range(len(key.steps))))
    for index in order:
        key.toggle(index)
    assert key.terms == first
    for index in data.draw(st.permutations(range(len(key.steps)))):
        key.toggle(index)
    assert key.terms == last


@given(
    st.builds(Terms, st.sampled_from(TIERS), st.just(1), moments),
    st.lists(purchases.filter(lambda one: one.duration_days is not None), min_size=1, max_size=5),
    st.data(),
)
def test_what_staff_added_by_hand_survives_every_refund(
    first: Terms, bought: list[Bought], data: st.DataObject
) -> None:
    key, added = Key(first), timedelta(0)
    for one in sorted(bought, key=lambda one: one.at):
        extra = timedelta(days=data.draw(st.integers(min_value=0, max_value=50)))
        assert key.terms.ends_at is not None
        key.terms = replace(key.terms, ends_at=key.terms.ends_at + extra)
        # What was given before anything was bought is part of the first terms.
        added += extra
        key.buy(one)
    last = timedelta(days=data.draw(st.integers(min_value=0, max_value=50)))
    assert key.terms.ends_at is not None
    key.terms = replace(key.terms, ends_at=key.terms.ends_at + last)

    for index in data.draw(st.permutations(range(len(key.steps)))):
        key.toggle(index)

    assert first.ends_at is not None
    assert key.terms == replace(first, ends_at=first.ends_at + added + last)


@given(amounts, amounts)
def test_an_upgrade_costs_the_difference_and_never_less_than_nothing(
    price: Money, credit: Money
) -> None:
    assert price_for_key(price, credit) == max(Money(0), price - credit)


@given(st.integers(min_value=1, max_value=10), amounts, st.data())
def test_the_units_of_a_line_have_cost_what_was_paid_and_did_not_come_back(
    quantity: int, paid: Money, data: st.DataObject
) -> None:
    refunded = Money(data.draw(st.integers(min_value=0, max_value=paid.satang)))
    good = quantity - quantity * refunded.satang // paid.satang if paid else quantity
    credits = [
        credit_of_unit(paid=paid, refunded=refunded, quantity=quantity, unit=unit)
        for unit in range(1, good + 1)
    ]
    assert total_of(credits) == (paid - refunded if credits else Money(0))
    assert all(later <= earlier for earlier, later in pairwise(credits))


def tier(variant_id: UUID, price: Money, slots: int, duration: int | None, **more: bool) -> Tier:
    return Tier(
        variant_id=variant_id,
        name_th="x",
        name_en="x",
        slots=slots,
        duration_days=duration,
        unit_price=UnitPrice(price, None),
        is_sold_out=more.get("is_sold_out", False),
    )


LADDER = [
    tier(TIERS[0], baht(100), 2, 30),
    tier(TIERS[1], baht(300), 2, 365),
    tier(TIERS[2], baht(400), 1, None),
    tier(TIERS[3], baht(500), 3, None),
    tier(TIERS[4], baht(900), 9, None, is_sold_out=True),
]


def standing(**values: object) -> Standing:
    return Standing(
        **{
            "license_id": uuid4(),
            "key_hint": "ABCD",
            "terms": Terms(TIERS[0], 2, START + timedelta(days=30)),
            "issued_at": START,
            "credits": [baht(80), baht(20)],
            "is_part": False,
            "is_closed": False,
            "is_claimed": False,
            **values,
        }  # type: ignore[arg-type]
    )


def test_upgrades_are_tiers_with_more_and_never_with_fewer_servers_or_none_left() -> None:
    offers = offers_for(standing(), LADDER, now=START)
    assert offers.renewal is not None
    assert (offers.renewal.tier, offers.renewal.price) == (LADDER[0], baht(100))
    assert offers.renewal.terms.ends_at == START + timedelta(days=60)
    assert [(offer.tier, offer.price) for offer in offers.upgrades] == [
        (LADDER[1], baht(200)),
        (LADDER[3], baht(400)),
    ]


def test_a_tier_whose_time_has_run_out_by_now_is_no_upgrade() -> None:
    offers = offers_for(standing(), LADDER, now=START + timedelta(days=366))
    assert [offer.tier for offer in offers.upgrades] == [LADDER[3]]


def test_a_key_without_an_end_needs_no_renewal() -> None:
    offers = offers_for(standing(terms=Terms(TIERS[2], 1, None)), LADDER, now=START)
    assert offers.renewal is None
    assert [offer.tier for offer in offers.upgrades] == [LADDER[3]]


def test_time_that_was_bought_cheaply_does_not_become_time_of_a_dearer_tier() -> None:
    wider = tier(uuid4(), baht(150), 5, 30)
    fresh = offers_for(standing(), [*LADDER, wider], now=START)
    assert wider in [offer.tier for offer in fresh.upgrades]
    renewed = standing(terms=Terms(TIERS[0], 2, START + timedelta(days=60)))
    offers = offers_for(renewed, [*LADDER, wider], now=START)
    assert [offer.tier for offer in offers.upgrades] == [LADDER[1], LADDER[3]]


def test_a_part_of_a_bundle_is_renewed_by_the_cheapest_tier_as_wide_and_not_upgraded() -> None:
    part = standing(terms=Terms(uuid4(), 2, START), is_part=True, credits=[])
    offers = offers_for(part, LADDER, now=START)
    assert offers.renewal is not None
    assert (offers.renewal.tier, offers.upgrades) == (LADDER[0], ())
    assert offers_for(part, LADDER[2:], now=START).renewal is None


def test_a_closed_key_and_one_in_an_open_order_say_why_nothing_is_on_offer() -> None:
    closed = offers_for(standing(is_closed=True), LADDER, now=START)
    claimed = offers_for(standing(is_claimed=True), LADDER, now=START)
    assert (closed.refusal, claimed.refusal) == (Refusal.GONE, Refusal.IN_OPEN_ORDER)
    for offers in (closed, claimed):
        assert offers.renewal is None
        assert offers.find(TIERS[1]) is None


@given(first_terms, purchases, moments)
def test_more_is_more_servers_or_more_time_that_has_not_run_out(
    first: Terms, bought: Bought, now: datetime
) -> None:
    after = terms_after(first, bought)
    if is_more(first, after, now=now):
        assert after != first
        assert after.ends_at is None or after.ends_at > now
