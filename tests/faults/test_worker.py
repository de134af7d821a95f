"""kill -9 of the worker while it has a message in hand."""

from __future__ import annotations

from uuid import UUID

from storefront.refunds.models import Destination
from tests.faults.conftest import Dice
from tests.faults.town import Town
from tests.faults.trade import Trade, decide_refund

# The lease of a message (20 s), the sweep that looks every 5 s for what is 5 s late, and the work.
RECOVERY_SECONDS = 40


def test_what_a_killed_worker_had_in_hand_is_done_once_by_the_next(town: Town, dice: Dice) -> None:
    for _ in range(max(1, dice.rounds // 8)):
        trade = Trade(town, dice.random)
        trade.plan_purchase("stripe", part=True)()
        # In this order: events of Stripe that wait keep the worker from the mail.
        sending_mail = kill_while_sending_mail(town)
        kill_while_refunding(town, trade)
        asking_stripe = kill_while_asking_stripe(town)

        town.wait("nothing is left to do", town.is_idle, seconds=RECOVERY_SECONDS)
        trade.settle()
        for order_id in (sending_mail, asking_stripe):
            assert town.is_completed(order_id)
            assert town.licenses_of(order_id) == 1
            assert len(town.mails_about(order_id)) == 1


def kill_while_refunding(town: Town, trade: Trade) -> None:
    """Stripe has given the money back, and nobody lives to hear of it."""
    refund = trade.plan_order_refund(Destination.GATEWAY, by=decide_refund)
    hangs = town.hang_stripe("POST /v1/refunds", after_effect=True)
    refund()
    town.wait("Stripe has made the refund", hangs, seconds=20, pause=0.02)
    killed = town.kill("worker")
    town.stack.wait_running("worker", other_than=killed)


def kill_while_asking_stripe(town: Town) -> UUID:
    """A webhook is being applied: Stripe is slow to say what became of the payment."""
    form = town.fill_cart()
    pay_url = town.buyer.insist(form, method="stripe")
    (order,) = town.orders_with(form)
    town.slow_stripe(5000)
    town.pay_card(pay_url)
    town.wait(
        "a webhook is applied", lambda: town.is_being_run("apply_webhook"), seconds=20, pause=0.02
    )
    town.kill("worker")
    assert not town.is_completed(order.id)
    town.make_peace()
    return order.id


def kill_while_sending_mail(town: Town) -> UUID:
    """A mail is being sent: the mail server has taken the connection and says nothing yet."""
    town.wait("the worker's hands are free", town.is_idle, seconds=RECOVERY_SECONDS)
    form = town.fill_cart()
    with town.silent("sandbox"):
        town.buyer.insist(form, method="balance")
        (order,) = town.orders_with(form)
        town.wait("a mail is sent", lambda: town.is_being_run("send_mail"), seconds=20, pause=0.02)
        killed = town.kill("worker")
    assert town.mails_about(order.id) == []
    town.stack.wait_running("worker", other_than=killed)
    return order.id
