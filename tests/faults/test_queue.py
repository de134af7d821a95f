"""Valkey killed, or there and silent: selling goes on, mail comes by the sweep."""

from __future__ import annotations

import time

from tests.faults.patience import SILENT_CHECKOUT_SECONDS, SWEPT_SECONDS
from tests.faults.town import Town


def test_without_valkey_the_checkout_works_and_mail_comes_by_the_sweep(town: Town) -> None:
    form = town.fill_cart()
    killed = town.kill("valkey")

    town.buyer.insist(form, method="balance")

    (order,) = town.orders_with(form)
    assert town.is_completed(order.id)
    town.wait("the mail", lambda: town.mails_about(order.id), seconds=SWEPT_SECONDS)
    assert len(town.mails_about(order.id)) == 1
    town.stack.wait_running("valkey", other_than=killed)


def test_with_a_silent_valkey_the_checkout_is_slower_by_seconds_at_most(town: Town) -> None:
    form = town.fill_cart()
    with town.silent("valkey"):
        began = time.monotonic()
        answer = town.buyer.send(form, method="balance")
        assert answer.status_code == 303
        assert time.monotonic() - began < SILENT_CHECKOUT_SECONDS
        (order,) = town.orders_with(form)
        town.wait("the mail", lambda: town.mails_about(order.id), seconds=SWEPT_SECONDS)

    assert town.is_completed(order.id)
    assert len(town.mails_about(order.id)) == 1
