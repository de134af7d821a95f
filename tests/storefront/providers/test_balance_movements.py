"""What the adapter makes of Stripe's balance transactions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import stripe

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.providers import stripe_balance
from storefront.providers.payments import (
    BalanceMovement,
    GatewayUnavailable,
    MovementKind,
    PayBy,
)
from storefront.providers.stripe_balance import movement_params
from storefront.providers.stripe_gateway import StripeGateway
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.providers.test_adapters import NOBODY, wish

DAY = timedelta(days=1)


@pytest.fixture
def account(shop: Shop, sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """A Stripe account on its first day, at peace afterwards."""
    requests.post(f"{sandbox.url}/control/stripe/forget", timeout=10).raise_for_status()
    yield sandbox
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=10).raise_for_status()


def control(account: RunningSandbox, path: str, **values: object) -> Any:
    answer = requests.post(f"{account.url}/control/stripe/{path}", json=values, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def pay(shop: Shop, account: RunningSandbox, pay_by: PayBy) -> tuple[str, str]:
    """A paid attempt: our payment's id and the gateway's."""
    payment_id = str(new_id())
    opened = shop.gateway.open_session(wish(shop, payment_id=payment_id, pay_by=pay_by))
    if pay_by is PayBy.CARD:
        control(account, f"sessions/{opened.session_id}/pay")
    else:
        control(account, f"payment_intents/{opened.session_id}/succeed")
    paid = shop.gateway.fetch_session(opened.session_id)
    return payment_id, paid.gateway_payment_id or ""


def everything(shop: Shop) -> list[BalanceMovement]:
    now = shop.clock()
    page = shop.gateway.list_balance_movements(since=now - DAY, until=now + DAY)
    assert page.next_cursor is None
    return list(page.movements)


def test_a_card_payment_is_a_charge_with_its_fee_and_our_own_id(
    shop: Shop, account: RunningSandbox
) -> None:
    payment_id, gateway_payment_id = pay(shop, account, PayBy.CARD)

    (movement,) = everything(shop)

    assert movement.kind is MovementKind.CHARGE
    assert (movement.amount, movement.fee) == (baht(100), Money(1_365))
    assert movement.gateway_payment_id == gateway_payment_id
    assert movement.payment_id == payment_id
    assert (movement.source_id or "").startswith("ch_")
    assert movement.movement_id.startswith("txn_")
    assert movement.live_mode is False
    assert abs(movement.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_promptpay_payment_and_its_refund_name_the_same_payment(
    shop: Shop, account: RunningSandbox
) -> None:
    _, gateway_payment_id = pay(shop, account, PayBy.PROMPTPAY)
    client = stripe.StripeClient(
        account.stripe_secret_key, base_addresses={"api": account.stripe_url}
    )
    refund = client.v1.refunds.create({"payment_intent": gateway_payment_id, "amount": 4_000})
    control(account, f"refunds/{refund.id}/fail")

    failure, back, charge = everything(shop)

    assert [failure.kind, back.kind, charge.kind] == [
        MovementKind.REFUND_FAILURE,
        MovementKind.REFUND,
        MovementKind.CHARGE,
    ]
    assert [failure.amount, back.amount] == [baht(40), baht(-40)]
    assert {one.gateway_payment_id for one in (failure, back, charge)} == {gateway_payment_id}
    assert failure.source_id == back.source_id == refund.id
    assert refund.id.startswith("pyr_")
    assert back.fee == Money(0)


@pytest.mark.parametrize("verb", ["won", "lost"])
def test_a_dispute_takes_amount_and_fee_and_a_won_one_brings_the_amount_back(
    shop: Shop, account: RunningSandbox, verb: str
) -> None:
    _, gateway_payment_id = pay(shop, account, PayBy.CARD)
    dispute = control(account, f"payment_intents/{gateway_payment_id}/dispute")
    control(account, f"disputes/{dispute['id']}/{verb}")

    *reversal, taken, _charge = everything(shop)

    assert (taken.kind, taken.amount, taken.fee) == (MovementKind.DISPUTE, baht(-100), baht(150))
    assert (taken.source_id, taken.gateway_payment_id) == (dispute["id"], gateway_payment_id)
    assert [(one.kind, one.amount) for one in reversal] == (
        [(MovementKind.DISPUTE_REVERSAL, baht(100))] if verb == "won" else []
    )


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("fee", MovementKind.FEE),
        ("payout", MovementKind.PAYOUT),
        ("adjustment", MovementKind.OTHER),
    ],
)
def test_what_has_no_payment_behind_it_says_so(
    shop: Shop, account: RunningSandbox, asked: str, kind: MovementKind
) -> None:
    control(account, "movements", kind=asked, amount=-700)

    (movement,) = everything(shop)

    assert (movement.kind, movement.amount) == (kind, Money(-700))
    assert movement.gateway_payment_id is movement.payment_id is None
    assert (movement.source_id is None) == (kind is not MovementKind.PAYOUT)


def test_a_charge_taken_by_hand_has_no_id_of_ours(shop: Shop, account: RunningSandbox) -> None:
    intent = control(account, "movements", kind="charge", amount=12_345)
    (movement,) = everything(shop)
    assert (movement.gateway_payment_id, movement.payment_id) == (intent["id"], None)


def test_pages_follow_each_other_without_a_gap_whatever_comes_meanwhile(
    shop: Shop, account: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_balance, "PAGE_SIZE", 3)
    for amount in range(1, 8):
        control(account, "movements", kind="fee", amount=-amount)
    now = shop.clock()
    window: dict[str, Any] = {"since": now - DAY, "until": now + DAY}

    seen, cursor, pages = [], None, 0
    while True:
        page = shop.gateway.list_balance_movements(**window, cursor=cursor)
        seen += [-one.amount.satang for one in page.movements]
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break
        # What is new stands before the pages that are left.
        control(account, "movements", kind="fee", amount=-100)

    assert (seen, pages) == ([7, 6, 5, 4, 3, 2, 1], 3)


def test_the_window_is_asked_for_to_the_second(shop: Shop, account: RunningSandbox) -> None:
    control(account, "movements", kind="fee", amount=-1)
    (movement,) = everything(shop)
    moment, second = movement.created_at, timedelta(seconds=1)

    def ids(since: datetime, until: datetime) -> int:
        return len(shop.gateway.list_balance_movements(since=since, until=until).movements)

    assert ids(moment, moment + second) == 1
    assert ids(moment - DAY, moment) == 0
    assert ids(moment + second, moment + DAY) == 0
    half = timedelta(milliseconds=500)
    params = movement_params(since=moment + half, until=moment + half, cursor=None)
    assert params["created"] == {
        "gte": int(moment.timestamp()),
        "lt": int(moment.timestamp()) + 1,
    }


def test_a_category_this_version_does_not_know_is_other(
    shop: Shop, account: RunningSandbox
) -> None:
    page: stripe.ListObject[stripe.BalanceTransaction] = stripe.ListObject.construct_from(
        {
            "object": "list",
            "has_more": True,
            "data": [
                {
                    "object": "balance_transaction",
                    "id": "txn_1",
                    "amount": -5,
                    "fee": 0,
                    "currency": "usd",
                    "created": 1_800_000_000,
                    "reporting_category": "climate_order_purchase",
                    "source": "ch_not_expanded",
                }
            ],
        },
        None,
    )
    read = stripe_balance.read_movements(page)
    (movement,) = read.movements
    assert (movement.kind, movement.amount) == (MovementKind.OTHER, Money(-5, "USD"))
    assert (movement.source_id, movement.gateway_payment_id) == ("ch_not_expanded", None)
    assert movement.live_mode is None
    assert read.next_cursor == "txn_1"


def test_away_and_refused_are_told_apart(shop: Shop, account: RunningSandbox) -> None:
    now = shop.clock()
    window: dict[str, Any] = {"since": now - DAY, "until": now}

    def gateway(key: str, url: str) -> StripeGateway:
        return StripeGateway(secret_key=key, webhook_secrets=(), api_url=url)

    with pytest.raises(GatewayUnavailable):
        gateway(account.stripe_secret_key, NOBODY).list_balance_movements(**window)
    with pytest.raises(GatewayUnavailable, match="misconfigured"):
        gateway("sk_test_wrong", account.stripe_url).list_balance_movements(**window)
    fault = {"match": "GET /v1/balance_transactions", "status": 429, "times": 9}
    requests.post(f"{account.url}/control/stripe", json={"fail_next": [fault]}, timeout=10)
    with pytest.raises(GatewayUnavailable):
        shop.gateway.list_balance_movements(**window)
