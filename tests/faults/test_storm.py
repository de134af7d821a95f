"""Anything killed at any moment, while people buy, top up, change their minds and are given back
their money, and while the gateway is slow, wrong and forgetful."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from storefront.refunds.models import Destination
from tests.faults.conftest import Dice
from tests.faults.patience import WELL_SECONDS
from tests.faults.town import Town
from tests.faults.trade import Deed, Trade

VICTIMS = (
    "web",
    "web",
    "worker",
    "worker",
    "postgres",
    "postgres",
    "scheduler",
    "valkey",
    "sandbox",
)


def test_money_and_goods_come_out_even_whatever_dies_meanwhile(town: Town, dice: Dice) -> None:
    trade = Trade(town, dice.random)
    plans: list[Callable[[], Deed]] = [
        partial(trade.plan_purchase, "stripe", part=True),
        partial(trade.plan_order_refund, Destination.GATEWAY),
        partial(trade.plan_topup, "card"),
        partial(trade.plan_purchase, "promptpay", part=True),
        partial(trade.plan_purchase, "stripe", part=False),
        partial(trade.plan_purchase, "promptpay", part=False),
        partial(trade.plan_topup, "promptpay"),
        partial(trade.plan_order_refund, Destination.WALLET),
        trade.plan_wallet_purchase,
        trade.plan_second_thoughts,
        trade.plan_topup_refund,
        trade.plan_chargeback,
    ]

    rounds = 2 * dice.rounds
    for number in range(rounds):
        # The first two in this order, so that a short storm gives something back, too.
        plan = plans[number] if number < 2 else dice.random.choice(plans)
        during_a_kill(town, dice, plan())

    town.make_peace()
    trade.settle()
    town.counts["rounds of the storm"] += rounds


def during_a_kill(town: Town, dice: Dice, deed: Deed) -> None:
    victim = dice.random.choice(VICTIMS)
    town.upset_stripe(dice.random)
    with ThreadPoolExecutor(1) as pool:
        strike = pool.submit(kill_after, town, victim, dice.random.uniform(0.0, 0.6))
        deed()
        killed = strike.result(timeout=WELL_SECONDS)
    town.stack.wait_running(victim, other_than=killed)
    town.wait("the shop is well", town.is_well, seconds=WELL_SECONDS)
    town.make_peace()


def kill_after(town: Town, victim: str, seconds: float) -> int:
    # The moment is left to chance; whichever it is, the outcome must be the same.
    town.wait_seconds(seconds)
    return town.kill(victim)
