"""Refunds on their way through the gateway: away, forgetful, slow, or sent back by a bank."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
import requests
from sqlalchemy import select

from jobs.refunds import sweep_refunds
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.licenses.models import License
from storefront.licenses.service import revoke_license
from storefront.notifications.models import Notification, SentMail
from storefront.orders.models import PaymentMethod
from storefront.providers.payments import RefundRequest
from storefront.refunds.flow import refresh_refunds, refund_order, send_refund
from storefront.refunds.models import Destination, RefundState
from storefront.sandbox.serve import RunningSandbox
from tests.support.gateway import act, at, buy, drain, latest_payment, order_of
from tests.support.giving import (
    TOTAL,
    draft,
    licenses_of,
    lines_of,
    refunds_of,
    whole,
)

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def test_while_the_gateway_is_away_the_refund_waits_and_is_sent_later(
    shop: Shop, staff: User, card_order: UUID, trouble: Callable[[], None], sandbox: RunningSandbox
) -> None:
    trouble()
    states = refund_order(shop, card_order, draft(whole(shop, card_order)), actor_id=staff.id)
    assert states == [RefundState.PENDING]
    assert order_of(shop, card_order).state == "refunded"

    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    sweep_refunds(at(shop, shop.clock().replace(year=shop.clock().year + 1)))
    drain(shop)
    assert [refund.state for refund in refunds_of(shop, card_order)] == ["succeeded"]


def test_an_answer_that_was_lost_does_not_make_a_second_refund(
    shop: Shop, sandbox: RunningSandbox, staff: User, card_order: UUID
) -> None:
    fault = {"match": "POST /v1/refunds", "status": 500, "after_effect": True}
    answer = requests.post(
        f"{sandbox.url}/control/stripe", json={"fail_next": [fault] * 3}, timeout=5
    )
    answer.raise_for_status()

    refund_order(shop, card_order, draft(whole(shop, card_order)), actor_id=staff.id)
    refund = refunds_of(shop, card_order)[0]
    send_refund(shop, refund.id)

    payment = latest_payment(shop, card_order)
    assert len(shop.gateway.list_refunds(payment.gateway_payment_id or "")) == 1
    assert refunds_of(shop, card_order)[0].state == "succeeded"


def test_a_promptpay_refund_waits_for_the_buyers_bank_details(
    shop: Shop, sandbox: RunningSandbox, buyer: User, staff: User
) -> None:
    order_id = buy(shop, sandbox, buyer, TOTAL, method=PaymentMethod.PROMPTPAY)

    states = refund_order(shop, order_id, draft(whole(shop, order_id)), actor_id=staff.id)
    assert states == [RefundState.SENT]
    refund = refunds_of(shop, order_id)[0]

    act(sandbox, refund.gateway_refund_id, "succeed")
    refresh_refunds(shop, latest_payment(shop, order_id).id)
    assert refunds_of(shop, order_id)[0].state == "succeeded"
    drain(shop)
    with shop.database.reading() as session:
        told = set(session.scalars(select(Notification.event)))
        mailed = set(session.scalars(select(SentMail.event)))
    assert {"refund_sent", "refund_succeeded"} <= told & mailed


def test_a_refund_that_the_bank_sends_back_restores_the_state_before(
    shop: Shop, sandbox: RunningSandbox, staff: User, card_order: UUID
) -> None:
    big, small = lines_of(shop, card_order)
    refund_order(shop, card_order, draft({small.id: baht(40)}), actor_id=staff.id)
    refund_order(shop, card_order, draft({big.id: baht(300)}), actor_id=staff.id)
    refund = refunds_of(shop, card_order)[1]

    act(sandbox, refund.gateway_refund_id, "fail")
    refresh_refunds(shop, latest_payment(shop, card_order).id)
    refresh_refunds(shop, latest_payment(shop, card_order).id)

    assert [one.state for one in refunds_of(shop, card_order)] == ["succeeded", "failed"]
    assert licenses_of(shop, big) == ["active"]
    assert licenses_of(shop, small) == ["active", "active", "revoked"]
    assert order_of(shop, card_order).state == "partially_refunded"
    assert order_of(shop, card_order).refunded == baht(40)

    # The state before means that it can be given back again, into the wallet this time.
    refund_order(
        shop, card_order, draft({big.id: baht(300)}, Destination.WALLET), actor_id=staff.id
    )
    assert order_of(shop, card_order).refunded == baht(340)


def test_a_key_that_staff_revoked_does_not_come_back_with_a_failed_refund(
    shop: Shop, sandbox: RunningSandbox, staff: User, card_order: UUID
) -> None:
    big = lines_of(shop, card_order)[0]
    with shop.database.transaction() as session:
        license_id = session.scalars(
            select(License.id).where(License.order_line_id == big.id)
        ).one()
        revoke_license(session, license_id, actor_id=staff.id, reason="shared")
    refund_order(shop, card_order, draft({big.id: baht(300)}), actor_id=staff.id)
    act(sandbox, refunds_of(shop, card_order)[0].gateway_refund_id, "fail")
    refresh_refunds(shop, latest_payment(shop, card_order).id)

    assert licenses_of(shop, big) == ["revoked"]


def test_a_key_that_staff_revoke_after_its_refund_does_not_come_back_either(
    shop: Shop, sandbox: RunningSandbox, staff: User, card_order: UUID
) -> None:
    big = lines_of(shop, card_order)[0]
    refund_order(shop, card_order, draft({big.id: baht(300)}), actor_id=staff.id)
    with shop.database.transaction() as session:
        license_id = session.scalars(
            select(License.id).where(License.order_line_id == big.id)
        ).one()
        revoke_license(session, license_id, actor_id=staff.id, reason="shared")
    act(sandbox, refunds_of(shop, card_order)[0].gateway_refund_id, "fail")
    refresh_refunds(shop, latest_payment(shop, card_order).id)

    assert licenses_of(shop, big) == ["revoked"]


def test_a_refund_made_elsewhere_is_written_down_once_another_one_makes_room(
    shop: Shop, staff: User, card_order: UUID, trouble: Callable[[], None], sandbox: RunningSandbox
) -> None:
    payment = latest_payment(shop, card_order)
    trouble()
    refund_order(shop, card_order, draft(whole(shop, card_order)), actor_id=staff.id)
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    elsewhere = RefundRequest(
        refund_id="elsewhere",
        idempotency_key=f"elsewhere:{card_order}",
        gateway_payment_id=payment.gateway_payment_id or "",
        amount=baht(400),
        email=None,
    )
    shop.gateway.refund(elsewhere)
    refresh_refunds(shop, payment.id)
    # All the order's money is spoken for.
    (waiting,) = refunds_of(shop, card_order)

    assert send_refund(shop, waiting.id) is RefundState.FAILED
    drain(shop)

    adopted = refunds_of(shop, card_order)[1]
    assert (adopted.amount_satang, adopted.state, adopted.actor_id) == (40_000, "succeeded", None)
    assert order_of(shop, card_order).refunded == baht(400)


def test_a_refund_the_gateway_refuses_is_failed_and_nothing_is_gone(
    shop: Shop, sandbox: RunningSandbox, staff: User, card_order: UUID
) -> None:
    payment = latest_payment(shop, card_order)
    # Somebody was faster on the gateway's own pages.
    shop.gateway.refund(
        RefundRequest(
            refund_id="elsewhere",
            idempotency_key="elsewhere",
            gateway_payment_id=payment.gateway_payment_id or "",
            amount=baht(400),
            email=None,
        )
    )
    states = refund_order(shop, card_order, draft(whole(shop, card_order)), actor_id=staff.id)

    assert states == [RefundState.FAILED]
    assert order_of(shop, card_order).state == "completed"

    refresh_refunds(shop, payment.id)
    refresh_refunds(shop, payment.id)
    adopted = refunds_of(shop, card_order)[1]
    assert (adopted.amount_satang, adopted.state, adopted.actor_id) == (40_000, "succeeded", None)
    assert order_of(shop, card_order).state == "partially_refunded"
    assert licenses_of(shop, lines_of(shop, card_order)[0]) == ["active"]
