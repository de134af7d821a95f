"""kill -9 at each step of checkout, top-up and refund: while Stripe has the call in hand and has
not done it yet, and when it has done it and nobody was told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from storefront.refunds.models import Destination
from tests.faults.conftest import Dice
from tests.faults.patience import SETTLED_SECONDS, SWEPT_SECONDS, WELL_SECONDS
from tests.faults.town import Town
from tests.faults.trade import Deed, Trade, decide_refund

OPEN_PAGE, OPEN_CODE = "POST /v1/checkout/sessions", "POST /v1/payment_intents"
ASK_PAGE, ASK_CODE = "GET /v1/checkout/sessions/*", "GET /v1/payment_intents/*"
REFUND = "POST /v1/refunds"


@dataclass(frozen=True)
class Step:
    """Who does what, at which call of Stripe it is interrupted, and who dies then."""

    deed: str
    call: str
    after_effect: bool
    victim: str

    def __str__(self) -> str:
        when = "after" if self.after_effect else "before"
        return f"{self.deed}, {self.victim} killed {when} {self.call}"


def both(deed: str, call: str, *victims: str) -> list[Step]:
    """Before the effect and after it, each of the victims."""
    return [Step(deed, call, after, victim) for after in (False, True) for victim in victims]


# One in every run, all of them in a long one; the worker's refund is in `test_worker`, too.
SHORT = [Step("top-up by PromptPay", OPEN_CODE, True, "web")]
STEPS = [
    *both("order by card and wallet", OPEN_PAGE, "web", "postgres"),
    *both("order by PromptPay and wallet", OPEN_CODE, "web", "postgres"),
    *both("top-up by card", OPEN_PAGE, "web", "postgres"),
    *both("top-up by PromptPay", OPEN_CODE, "web", "postgres"),
    *both("order by card and wallet", ASK_PAGE, "worker", "postgres"),
    *both("order by PromptPay and wallet", ASK_CODE, "worker"),
    *both("top-up by card", ASK_PAGE, "worker"),
    *both("refund of an order", REFUND, "postgres"),
    *both("refund of an order by the worker", REFUND, "worker", "postgres"),
    *both("refund of a top-up", REFUND, "postgres", "worker"),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A few steps, or all of them with --long."""
    if "step" in metafunc.fixturenames:
        steps = STEPS if metafunc.config.getoption("--long") else SHORT
        metafunc.parametrize("step", steps, ids=str)


def test_a_step_that_is_cut_off_is_taken_up_again_and_done_once(
    town: Town, dice: Dice, step: Step
) -> None:
    trade = Trade(town, dice.random)
    deed = plan(trade, step)
    hangs = town.hang_stripe(step.call, after_effect=step.after_effect)

    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(deed)
        town.wait("Stripe has the call in hand", hangs, seconds=SWEPT_SECONDS, pause=0.02)
        killed = town.kill(step.victim)
        town.make_peace()
        doing.result(timeout=2 * SETTLED_SECONDS)

    town.stack.wait_running(step.victim, other_than=killed)
    town.wait("the shop is well", town.is_well, seconds=WELL_SECONDS)
    trade.settle()
    town.counts["steps cut off"] += 1


def plan(trade: Trade, step: Step) -> Deed:
    plans: dict[str, Callable[[], Deed]] = {
        "order by card and wallet": lambda: trade.plan_purchase("stripe", part=True),
        "order by PromptPay and wallet": lambda: trade.plan_purchase("promptpay", part=True),
        "top-up by card": lambda: trade.plan_topup("card"),
        "top-up by PromptPay": lambda: trade.plan_topup("promptpay"),
        "refund of an order": lambda: trade.plan_order_refund(Destination.GATEWAY),
        "refund of an order by the worker": lambda: trade.plan_order_refund(
            Destination.GATEWAY, by=decide_refund
        ),
        "refund of a top-up": trade.plan_topup_refund,
    }
    # What is to be given back is bought first, in peace.
    if step.deed.startswith("refund of an order"):
        trade.plan_purchase("stripe", part=True)()
    if step.deed == "refund of a top-up":
        trade.plan_topup("card")()
    return plans[step.deed]()
