"""Whatever happens to the shop's money, and in whatever order the shop hears of it, its books are
right after every step and agree with the gateway's in the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from storefront.bootstrap import Shop
from tests.storefront.money.books import TILL_INVARIANTS
from tests.storefront.money.conftest import SEED, met
from tests.storefront.money.machine import MoneyHistory
from tests.support.emptying import empty
from tests.support.invariants import INVARIANTS, quick_check

# Histories in each part, steps in each history. Two parts, for the two processes of `make test`.
SHORT, LONG, PARTS = (15, 30), (1_000, 50), 2
SAME_EVERY_TIME = 20261128
# Whoever only wants to know whether a bug is found need not wait for its shortest history.
PHASES = [Phase.generate] if os.environ.get("HISTORIES_UNSHRUNK") else list(Phase)
OFTEN = {"topup", "purchase", "wallet_hold", "refund", "wallet_refund", "dispute"}


@pytest.fixture
def history(shop: Shop) -> Iterator[type[MoneyHistory]]:
    """The histories of this test, over its database."""
    with quick_check(shop.database, INVARIANTS | TILL_INVARIANTS) as check:

        class History(MoneyHistory):
            pass

        History.shop = shop
        History.check = check
        History.empty = partial(empty, shop.database)
        History.met = Counter()
        yield History


@pytest.mark.parametrize("part", range(PARTS))
def test_the_books_are_right_through_any_history(
    history: type[MoneyHistory], part: int, request: pytest.FixtureRequest
) -> None:
    is_long = request.config.getoption("--long")
    examples, steps = LONG if is_long else SHORT
    seed((SEED if is_long else SAME_EVERY_TIME) + part)(history)

    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )

    met.update(history.met)
    assert set(history.met) >= OFTEN, "the histories were about something"
