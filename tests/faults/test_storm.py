"""Anything killed at any moment, while people buy by wallet and by card."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

from tests.faults.conftest import Dice
from tests.faults.town import Town

VICTIMS = ("web", "worker", "scheduler", "postgres", "valkey")


def test_every_order_is_delivered_once_whatever_dies_meanwhile(town: Town, dice: Dice) -> None:
    order_ids = [
        buy_during_a_kill(
            town,
            victim=dice.random.choice(VICTIMS),
            method=dice.random.choice(("balance", "stripe")),
            after_seconds=dice.random.uniform(0.0, 0.3),
        )
        for _ in range(dice.rounds)
    ]

    # An idle queue alone says little: the gateway may not have sent its word yet, and tries again
    # in growing steps while the shop is away.
    for order_id in order_ids:
        town.wait("the order is completed", partial(town.is_completed, order_id), seconds=90)
    town.wait("nothing is left to do", town.is_idle, seconds=60)
    for order_id in order_ids:
        assert town.licenses_of(order_id) == 1
        # The moment between the mail server's yes and our note of it may send a mail again, under
        # the same Message-ID: for whoever receives it that is one mail.
        assert len(set(town.mails_about(order_id))) == 1
    town.counts["orders in the storm"] += len(order_ids)


def buy_during_a_kill(town: Town, *, victim: str, method: str, after_seconds: float) -> UUID:
    form = town.fill_cart()
    with ThreadPoolExecutor(1) as pool:
        strike = pool.submit(kill_after, town, victim, after_seconds)
        address = town.buyer.insist(form, method)
        killed = strike.result(timeout=20)
    town.stack.wait_running(victim, other_than=killed)
    town.wait("the shop is well", town.is_well, seconds=60)
    (order,) = town.orders_with(form)
    if method == "stripe":
        town.pay_card(address)
    return order.id


def kill_after(town: Town, victim: str, seconds: float) -> int:
    # The moment is left to chance; whichever it is, the outcome must be the same.
    town.wait_seconds(seconds)
    return town.kill(victim)
