"""kill -9 of the worker while it has a message in hand."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from storefront.refunds.models import Destination
from tests.faults.conftest import Dice
from tests.faults.patience import (
    HANG_SECONDS,
    RECOVERY_SECONDS,
    SETTLED_SECONDS,
    WORK_SECONDS,
)
from tests.faults.town import Town
from tests.faults.trade import Trade, decide_refund


def test_what_a_killed_worker_had_in_hand_is_done_once_by_the_next(town: Town, dice: Dice) -> None:
    for _ in range(max(1, dice.rounds // 8)):
        trade = Trade(town, dice.random)
        trade.plan_purchase("stripe", part=True)()
        # In this order, so that no older event keeps the worker from what it is killed with.
        sending_mail = kill_while_sending_mail(town)
        asking_stripe = kill_while_asking_stripe(town)
        kill_while_refunding(town, trade)

        town.wait_idle(seconds=RECOVERY_SECONDS)
        trade.settle()
        for order_id in (sending_mail, asking_stripe):
            assert town.is_completed(order_id)
            assert town.licenses_of(order_id) == 1
            assert len(town.mails_about(order_id)) == 1


def kill_while_refunding(town: Town, trade: Trade) -> None:
    """Stripe has given the money back, and nobody lives to hear of it."""
    refund = trade.plan_order_refund(Destination.GATEWAY, by=decide_refund)
    hangs = town.hang_stripe("POST /v1/refunds", after_effect=True)
    with town.worker_alone():
        refund()
        town.wait("Stripe has made the refund", hangs, seconds=WORK_SECONDS, pause=0.02)
        town.kill("worker")


def kill_while_asking_stripe(town: Town) -> UUID:
    """A webhook is being applied: Stripe is slow to say what became of the payment."""
    form = town.fill_cart()
    pay_url = town.buyer.insist(form, method="stripe")
    (order,) = town.orders_with(form)
    town.slow_stripe(int(1000 * HANG_SECONDS))
    with town.worker_alone():
        town.pay_card(pay_url)
        kill_worker_at(town, "apply_webhook")
    assert not town.is_completed(order.id)
    town.make_peace()
    return order.id


def kill_while_sending_mail(town: Town) -> UUID:
    """A mail is being sent: the mail server has taken it and says nothing yet."""
    town.wait_idle(seconds=SETTLED_SECONDS)
    form = town.fill_cart()
    with town.worker_alone(), town.silent_mail_server():
        town.buyer.insist(form, method="balance")
        (order,) = town.orders_with(form)
        kill_worker_at(town, "send_mail")
        assert town.mails_about(order.id) == []
    return order.id


def kill_worker_at(town: Town, task: str) -> None:
    """As soon as the worker, started again perhaps just now, has such a message in hand."""
    in_hand = partial(town.is_being_run, task)
    town.wait(f"{task} is being run", in_hand, seconds=WORK_SECONDS, pause=0.02)
    town.kill("worker")
