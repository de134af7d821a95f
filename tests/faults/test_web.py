"""kill -9 of the web server, all its processes, in the middle of a checkout."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.faults.conftest import Dice
from tests.faults.patience import HANG_SECONDS, SWEPT_SECONDS, WELL_SECONDS, WORK_SECONDS
from tests.faults.town import Town


def test_a_kill_while_stripe_opens_the_page_leaves_one_order_and_one_page(town: Town) -> None:
    form = town.fill_cart()
    town.slow_stripe(int(1000 * HANG_SECONDS))

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(town.buyer.send, form, method="stripe")
        town.wait(
            "the order is saved, its page not yet open",
            lambda: bool(town.orders_with(form)),
            seconds=WORK_SECONDS,
            pause=0.02,
        )
        town.kill("web")
        with pytest.raises(requests.ConnectionError):
            first.result(timeout=20)
    town.make_peace()
    pay_url = town.buyer.insist(form, method="stripe")

    (order,) = town.orders_with(form)
    (payment,) = town.payments_of(order.id)
    assert payment.pay_url == pay_url
    assert town.buyer.insist(form, method="stripe") == pay_url
    town.pay_card(pay_url)
    town.wait("the order is completed", lambda: town.is_completed(order.id), seconds=SWEPT_SECONDS)
    assert town.licenses_of(order.id) == 1


def test_a_wallet_checkout_killed_at_any_moment_is_all_or_nothing(town: Town, dice: Dice) -> None:
    for _ in range(max(1, dice.rounds // 2)):
        form = town.fill_cart()
        before = town.balance()

        with ThreadPoolExecutor(1) as pool:
            moment = pool.submit(_strike, town, dice.random.uniform(0.0, 0.12))
            try:
                acknowledged = town.buyer.send(form, method="balance").status_code == 303
            except requests.RequestException:
                acknowledged = False
            moment.result(timeout=WELL_SECONDS)
        town.counts["wallet checkouts cut off"] += not acknowledged
        orders = town.orders_with(form)
        spent = form.total_satang if orders else 0
        assert town.balance() == before - spent, "money and order go together"
        assert orders or not acknowledged, "what was acknowledged is there"

        town.buyer.insist(form, method="balance")

        (order,) = town.orders_with(form)
        assert town.is_completed(order.id)
        assert town.licenses_of(order.id) == 1
        assert town.balance() == before - form.total_satang


def _strike(town: Town, after_seconds: float) -> None:
    # The moment is the point of this test; whichever it is, the outcome must be the same.
    town.wait_seconds(after_seconds)
    town.kill("web")
