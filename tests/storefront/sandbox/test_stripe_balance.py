"""The balance of the Stripe stand-in: listed as Stripe lists it, and the trouble made with it."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from storefront.sandbox.serve import RunningSandbox
from tests.storefront.sandbox.conftest import MovableClock

Control = Callable[..., Any]


def listed(gateway: stripe.StripeClient, **params: Any) -> list[stripe.BalanceTransaction]:
    return list(gateway.v1.balance_transactions.list(params).data)  # type: ignore[arg-type]


def test_the_list_is_newest_first_paged_and_walked_by_the_sdk(
    gateway: stripe.StripeClient, control: Control
) -> None:
    for amount in range(1, 8):
        control("stripe/movements", kind="fee", amount=-amount)
    walked = gateway.v1.balance_transactions.list({"limit": 3}).auto_paging_iter()
    assert [one.amount for one in walked] == [-7, -6, -5, -4, -3, -2, -1]
    with pytest.raises(stripe.InvalidRequestError):
        listed(gateway, limit=101)
    with pytest.raises(stripe.InvalidRequestError):
        listed(gateway, starting_after="txn_unknown")
    with pytest.raises(stripe.InvalidRequestError):
        listed(gateway, colour="red")


def test_the_list_is_bounded_by_time_and_kind(
    gateway: stripe.StripeClient, control: Control, clock: MovableClock
) -> None:
    control("stripe/movements", kind="charge", amount=2_000)
    clock.ahead_s = 3600
    control("stripe/movements", kind="payout", amount=-500)
    payout, charge = listed(gateway)
    assert (charge.type, charge.reporting_category) == ("charge", "charge")
    assert (payout.type, payout.reporting_category) == ("payout", "payout")
    assert [one.id for one in listed(gateway, created={"gte": payout.created})] == [payout.id]
    assert [one.id for one in listed(gateway, created={"lt": payout.created})] == [charge.id]
    assert [one.id for one in listed(gateway, type="payout")] == [payout.id]
    assert [one.id for one in listed(gateway, source=charge.source)] == [charge.id]
    assert listed(gateway, currency="usd") == []


def test_the_source_is_an_id_or_the_thing_itself(
    gateway: stripe.StripeClient, control: Control
) -> None:
    intent = control("stripe/movements", kind="charge", amount=2_000)
    control("stripe/movements", kind="fee", amount=-5)
    control("stripe/movements", kind="payout", amount=-500)
    plain = listed(gateway)
    assert [str(one.source)[:2] for one in plain] == ["po", "No", "ch"]

    payout, fee, charge = (one.source for one in listed(gateway, expand=["data.source"]))

    assert isinstance(charge, stripe.Charge)
    assert charge.payment_intent == intent["id"]
    assert isinstance(payout, stripe.Payout)
    assert payout.amount == 500
    assert fee is None


def test_net_is_amount_less_fee_and_fees_are_said_in_detail(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe/movements", kind="charge", amount=10_000)
    (charge,) = listed(gateway)
    assert (charge.fee, charge.net) == (1_365, 8_635)
    assert [one.amount for one in charge.fee_details] == [1_365]


def test_a_movement_can_be_hidden_shown_doubled_and_changed(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe/movements", kind="charge", amount=10_000)
    (charge,) = listed(gateway)
    path = f"stripe/movements/{charge.id}"
    control(f"{path}/hide")
    assert listed(gateway) == []
    assert gateway.v1.balance_transactions.retrieve(charge.id).amount == 10_000
    control(f"{path}/show")
    control(f"{path}/duplicate")
    control(f"{path}/change", amount=9_000, currency="usd")
    double, changed = listed(gateway)
    assert (double.source, double.amount) == (changed.source, 10_000)
    assert (changed.amount, changed.net, changed.currency) == (9_000, 7_635, "usd")
    assert double.id != changed.id


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("movements", {"kind": "gift", "amount": 5}),
        ("movements", {"kind": "fee"}),
        ("movements", {"kind": "fee", "amount": "much"}),
        ("movements", {"kind": "fee", "amount": 1.5}),
        ("movements/txn_1/eat", {}),
        ("movements/txn_1/change", {}),
        ("movements/txn_1/hide", {"amount": 5}),
    ],
)
def test_nonsense_is_refused(sandbox: RunningSandbox, path: str, wanted: dict[str, Any]) -> None:
    answer = requests.post(f"{sandbox.url}/control/stripe/{path}", json=wanted, timeout=5)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_an_unknown_movement_is_not_found(sandbox: RunningSandbox) -> None:
    url = f"{sandbox.url}/control/stripe/movements/txn_unknown/hide"
    assert requests.post(url, json={}, timeout=5).status_code == 404


def test_the_overview_shows_the_balance_with_buttons_that_work(
    sandbox: RunningSandbox, gateway: stripe.StripeClient
) -> None:
    form = {"kind": "payout", "amount": "-10000", "back": "1"}
    sent = requests.post(f"{sandbox.url}/control/stripe/movements", data=form, timeout=5)
    assert sent.url == f"{sandbox.url}/stripe"
    assert "Stripe holds <strong>฿-100.00</strong>" in sent.text
    (payout,) = listed(gateway)
    hidden = requests.post(
        f"{sandbox.url}/control/stripe/movements/{payout.id}/hide", data={"back": "1"}, timeout=5
    )
    assert "List again" in hidden.text


def test_a_new_account_knows_nothing_any_more(
    gateway: stripe.StripeClient, control: Control
) -> None:
    control("stripe/movements", kind="charge", amount=10_000)
    control("stripe/forget")
    assert listed(gateway) == []
    assert gateway.v1.events.list().data == []
