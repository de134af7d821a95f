"""kill -9 of PostgreSQL while people buy."""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests

from tests.faults.buyer import RenderedForm
from tests.faults.conftest import Dice
from tests.faults.patience import WELL_SECONDS
from tests.faults.town import Town


def test_what_was_acknowledged_survives_and_the_shop_asks_for_patience(
    town: Town, dice: Dice
) -> None:
    seen: list[requests.Response] = []
    for _ in range(dice.rounds):
        form, before = town.fill_cart(), town.balance()
        killed = town.kill("postgres")

        answers = list(send_until_accepted(town, form))

        seen += answers
        assert town.stack.wait_running("postgres", other_than=killed)
        (order,) = town.orders_with(form)
        assert answers[-1].headers["Location"].endswith(str(order.id))
        assert town.is_completed(order.id)
        assert town.licenses_of(order.id) == 1
        assert town.balance() == before - form.total_satang

    refused = [answer for answer in seen if answer.status_code != 303]
    assert refused, "the kill was felt"
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    town.counts["answers 503"] += len(refused)


def send_until_accepted(town: Town, form: RenderedForm) -> Iterator[requests.Response]:
    """The web server lives on, so every answer is one of its own. On a slow machine PostgreSQL is
    away for longer than one person may press the button in a minute."""
    deadline = time.monotonic() + WELL_SECONDS
    while time.monotonic() < deadline:
        town.forget_limits()
        answer = town.buyer.send(form, method="balance")
        yield answer
        if answer.status_code == 303:
            return
        town.wait_seconds(0.1)
    raise AssertionError(f"the shop did not come back: {answer.status_code} {answer.text[:300]}")
