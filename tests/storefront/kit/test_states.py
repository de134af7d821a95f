"""Every state times every action of both machines, against a table written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from storefront.disputes.models import DISPUTE_MACHINE, DisputeAction, DisputeState
from storefront.kit.state import AlreadyDone, Illegal, Machine, Moved
from storefront.orders.models import ORDER_MACHINE, OrderAction, OrderState
from storefront.payments.models import LIVE_STATES, PAYMENT_MACHINE, PaymentAction, PaymentState
from storefront.refunds.models import REFUND_MACHINE, RefundAction, RefundState

# A row per state, a column per action. A name is where it leads, "=" is already done, "-" illegal.
ORDERS = """
                    confirm_payment complete  cancel    expire  fail_payment refund_part        refund_all restore_part       restore_all
pending             processing      -         cancelled expired =            -                  -          -                  -
processing          =               completed -         -       pending      -                  -          -                  -
completed           -               =         -         -       -            partially_refunded refunded   -                  =
cancelled           -               -         =         -       -            -                  -          -                  -
expired             -               -         -         =       -            -                  -          -                  -
partially_refunded  -               -         -         -       -            =                  refunded   =                  completed
refunded            -               -         -         -       -            -                  =          partially_refunded completed
"""  # noqa: E501 - a table is read across
PAYMENTS = """
            open  process     succeed    fail    expire
created     open  processing  succeeded  failed  expired
open        =     processing  succeeded  failed  expired
processing  -     =           succeeded  failed  -
succeeded   -     -           =          -       -
failed      -     -           succeeded  =       -
expired     -     -           succeeded  -       =
"""
REFUNDS = """
           send  succeed    fail
pending    sent  succeeded  failed
sent       =     succeeded  failed
succeeded  -     =          failed
failed     -     -          =
"""
DISPUTES = """
         open  win  lose  close
inquiry  open  -    -     closed
open     =     won  lost  -
won      -     =    -     -
lost     -     -    =     -
closed   -     -    -     =
"""


def cases(table: str) -> list[tuple[str, str, str]]:
    header, *rows = [line.split() for line in table.strip().splitlines()]
    return [
        (row[0], action, outcome)
        for row in rows
        for action, outcome in zip(header, row[1:], strict=True)
    ]


@pytest.mark.parametrize(("state", "action", "outcome"), cases(ORDERS))
def test_an_order_moves_as_the_table_says(state: str, action: str, outcome: str) -> None:
    check(ORDER_MACHINE, OrderState(state), OrderAction(action), outcome)


@pytest.mark.parametrize(("state", "action", "outcome"), cases(PAYMENTS))
def test_a_payment_moves_as_the_table_says(state: str, action: str, outcome: str) -> None:
    check(PAYMENT_MACHINE, PaymentState(state), PaymentAction(action), outcome)


@pytest.mark.parametrize(("state", "action", "outcome"), cases(REFUNDS))
def test_a_refund_moves_as_the_table_says(state: str, action: str, outcome: str) -> None:
    check(REFUND_MACHINE, RefundState(state), RefundAction(action), outcome)


@pytest.mark.parametrize(("state", "action", "outcome"), cases(DISPUTES))
def test_a_dispute_moves_as_the_table_says(state: str, action: str, outcome: str) -> None:
    check(DISPUTE_MACHINE, DisputeState(state), DisputeAction(action), outcome)


def test_the_tables_leave_no_state_and_no_action_out() -> None:
    assert {(s, a) for s, a, _ in cases(ORDERS)} == {
        (s, a) for s in OrderState for a in OrderAction
    }
    assert {(s, a) for s, a, _ in cases(PAYMENTS)} == {
        (s, a) for s in PaymentState for a in PaymentAction
    }
    assert {(s, a) for s, a, _ in cases(REFUNDS)} == {
        (s, a) for s in RefundState for a in RefundAction
    }
    assert {(s, a) for s, a, _ in cases(DISPUTES)} == {
        (s, a) for s in DisputeState for a in DisputeAction
    }


def test_money_that_came_counts_in_every_state_of_a_payment() -> None:
    for state in PaymentState:
        outcome = PAYMENT_MACHINE.next_state(state, PaymentAction.SUCCEED)
        assert not isinstance(outcome, Illegal)


def test_a_payment_that_can_be_paid_is_a_live_one() -> None:
    ends = {PaymentState.SUCCEEDED, PaymentState.FAILED, PaymentState.EXPIRED}

    assert set(LIVE_STATES) == set(PaymentState) - ends


def test_what_ended_an_order_can_not_be_undone() -> None:
    for state in (OrderState.CANCELLED, OrderState.EXPIRED):
        assert ORDER_MACHINE.actions_from(state) == ()


def test_only_a_bank_that_sends_money_back_brings_a_refunded_order_back() -> None:
    assert set(ORDER_MACHINE.actions_from(OrderState.REFUNDED)) == {
        OrderAction.RESTORE_PART,
        OrderAction.RESTORE_ALL,
    }


def test_buttons_are_drawn_from_the_moves_alone() -> None:
    assert set(ORDER_MACHINE.actions_from(OrderState.PENDING)) == {
        OrderAction.CONFIRM_PAYMENT,
        OrderAction.CANCEL,
        OrderAction.EXPIRE,
    }
    assert not ORDER_MACHINE.allows(OrderState.CANCELLED, OrderAction.CANCEL)


def check(machine: Machine, state: Any, action: Any, outcome: str) -> None:
    found = machine.next_state(state, action)
    if outcome == "-":
        assert found == Illegal(state, action)
    elif outcome == "=":
        assert found == AlreadyDone(state)
    else:
        assert found == Moved(type(state)(outcome))
