"""What is worked out without the database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from storefront.kit.money import Money, baht
from storefront.kit.state import AlreadyDone, Illegal, Moved
from storefront.providers.payments import BalanceMovement, MovementKind
from storefront.reconciliation.balances import read_balances
from storefront.reconciliation.models import RUN_MACHINE, RunAction, RunState
from storefront.reconciliation.rules import (
    OVERLAP,
    RETRY_AFTER,
    BalanceLine,
    Balances,
    cost_of,
    next_nightly_at,
    nightly_day,
    retry_wait,
    verdict,
    window_after,
)

NOW = datetime(2026, 11, 28, 20, 30, tzinfo=UTC)


def movement(kind: MovementKind, *, amount: int, fee: int = 0) -> BalanceMovement:
    return BalanceMovement(
        movement_id="txn_1",
        kind=kind,
        amount=Money(amount),
        fee=Money(fee),
        created_at=NOW,
        source_id=None,
        gateway_payment_id=None,
        payment_id=None,
        live_mode=None,
    )


@pytest.mark.parametrize(
    ("kind", "amount", "fee", "cost"),
    [
        (MovementKind.CHARGE, 49_000, 2_789, 2_789),
        (MovementKind.CHARGE, 49_000, 0, 0),
        (MovementKind.REFUND, -49_000, -300, -300),
        (MovementKind.PAYOUT, -10_000, 500, 500),
        (MovementKind.FEE, -2_500, 0, 2_500),
        (MovementKind.FEE, 100, 0, -100),
        (MovementKind.FEE, -2_500, 175, 2_675),
        (MovementKind.OTHER, -700, 20, 20),
        (MovementKind.DISPUTE, -49_000, 15_000, 0),
        (MovementKind.DISPUTE_REVERSAL, 49_000, -15_000, -15_000),
    ],
)
def test_the_fee_to_be_booked(kind: MovementKind, amount: int, fee: int, cost: int) -> None:
    assert cost_of(movement(kind, amount=amount, fee=fee)) == Money(cost)


def test_a_window_reaches_back_behind_the_last_complete_run() -> None:
    last = NOW - timedelta(days=1)
    window = window_after(last, first_payment_at=NOW - timedelta(days=90), now=NOW)
    assert (window.since, window.until) == (last - OVERLAP, NOW)


def test_the_first_window_begins_with_the_shops_first_payment() -> None:
    first = NOW - timedelta(days=90)
    assert window_after(None, first_payment_at=first, now=NOW).since == first - OVERLAP
    assert window_after(None, first_payment_at=None, now=NOW).since == NOW - OVERLAP
    # A clock that was set back must not turn the window around.
    ahead = NOW + timedelta(days=9)
    assert window_after(ahead, first_payment_at=None, now=NOW).since == NOW - OVERLAP


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # 03:29 and 03:30 in Bangkok.
        ("2026-11-27T20:29:59+00:00", date(2026, 11, 27)),
        ("2026-11-27T20:30:00+00:00", date(2026, 11, 28)),
        ("2026-11-28T16:59:59+00:00", date(2026, 11, 28)),
        ("2026-11-28T17:00:00+00:00", date(2026, 11, 28)),
    ],
)
def test_a_night_begins_at_half_past_three_in_bangkok(moment: str, day: date) -> None:
    now = datetime.fromisoformat(moment)
    assert nightly_day(now) == day
    following = next_nightly_at(now)
    assert now < following <= now + timedelta(days=1)
    assert nightly_day(following) == day + timedelta(days=1)


def test_a_gateway_that_is_away_is_asked_five_times_ever_later() -> None:
    waits = [retry_wait(attempts) for attempts in range(1, 7)]
    assert waits == [*RETRY_AFTER, None, None]
    assert list(RETRY_AFTER) == sorted(RETRY_AFTER)


def test_the_verdict() -> None:
    assert verdict(0) is RunAction.AGREE
    assert verdict(1) is RunAction.DIFFER


def test_every_action_in_every_state() -> None:
    ends = {
        RunAction.AGREE: RunState.CLEAN,
        RunAction.DIFFER: RunState.DIFFERENCES,
        RunAction.FAIL: RunState.FAILED,
    }
    for action, end in ends.items():
        for state in RunState:
            outcome = RUN_MACHINE.next_state(state, action)
            if state is RunState.RUNNING:
                assert outcome == Moved(end)
            elif state is end:
                assert outcome == AlreadyDone(state)
            else:
                assert outcome == Illegal(state, action)


def test_balances_say_what_is_earned_what_lies_there_and_what_is_unexplained() -> None:
    balances = Balances(
        lines=(
            BalanceLine("charges", baht(1_000), baht(900)),
            BalanceLine("fees", baht(-40), baht(-40)),
        ),
        paid_out=baht(300),
        young=baht(70),
    )
    assert (balances.earned.gateway, balances.earned.books) == (baht(960), baht(860))
    assert balances.at_gateway == baht(660)
    assert balances.unexplained == baht(30)


def test_balances_are_read_as_they_were_kept_the_shops_currency_first() -> None:
    kept = {
        "EUR": {"charges": [5, 5]},
        "THB": {"charges": [900, 900], "payouts": [-100, 0], "young": [7, 0]},
    }
    baht_side, euro_side = read_balances(kept)
    assert (baht_side.paid_out, baht_side.young) == (Money(100), Money(7))
    assert [line.name for line in baht_side.lines] == ["charges", "refunds", "disputes", "fees"]
    assert euro_side.earned.gateway == Money(5, "EUR")
    assert read_balances(None) == read_balances({}) == []
