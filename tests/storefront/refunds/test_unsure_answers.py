"""Refunds whose answer was lost: until the gateway itself has said no, nobody may think so."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
import requests
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.providers.payments import GatewayRefund, GatewayUnavailable, RefundRequest
from storefront.providers.stripe_gateway import StripeGateway
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.flow import refund_order, send_refund
from storefront.refunds.models import Destination, LicenseRule, Refund, RefundState
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.money.books import check_settled
from tests.support.factories import Factory
from tests.support.gateway import buy, latest_payment, order_of
from tests.support.till import Till

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def unsure(shop: Shop, sandbox: RunningSandbox, make: Factory, staff: User) -> Refund:
    """A refund of 200 out of 300 baht that the gateway made, but could not tell us of."""
    buyer = make.user()
    make.cart(buyer, (make.product(price=baht(300)), 1))
    order_id = buy(shop, sandbox, buyer, baht(300))
    lost = {"match": "POST /v1/refunds", "status": 500, "after_effect": True, "times": 3}
    requests.post(
        f"{sandbox.url}/control/stripe", json={"fail_next": [lost]}, timeout=5
    ).raise_for_status()
    with shop.database.reading() as session:
        line_id = session.scalars(select(OrderLine.id)).one()
    draft = OrderRefundDraft(
        lines={line_id: baht(200)},
        destination=Destination.GATEWAY,
        licenses=LicenseRule.REVOKE,
        reason="asked",
        idempotency_key=str(new_id()),
    )
    assert refund_order(shop, order_id, draft, actor_id=staff.id) == [RefundState.PENDING]
    with shop.database.reading() as session:
        return session.scalars(select(Refund)).one()


def misconfigured(shop: Shop) -> Shop:
    """The shop after somebody put a wrong key into its settings."""
    gateway = StripeGateway(
        secret_key="sk_test_wrong", webhook_secrets=(), api_url=shop.settings.stripe_api_url
    )
    return dataclasses.replace(shop, gateway=gateway)


def test_a_wrong_key_of_ours_is_no_answer_about_a_refund(shop: Shop, unsure: Refund) -> None:
    """Taken for one, the money would be given back again: there is room for another 100."""
    with pytest.raises(GatewayUnavailable):
        send_refund(misconfigured(shop), unsure.id)
    with shop.database.reading() as session:
        assert session.get_one(Refund, unsure.id).state == RefundState.PENDING

    assert send_refund(shop, unsure.id) is RefundState.SUCCEEDED
    payment = latest_payment(shop, order_of(shop, unsure.order_id).id)  # type: ignore[arg-type]
    assert len(shop.gateway.list_refunds(payment.gateway_payment_id or "")) == 1
    assert order_of(shop, payment.subject_id).refunded == baht(200)


def test_a_refund_is_found_again_when_the_gateway_has_forgotten_its_key(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys live for a day; the one who asks again comes later."""
    till = Till(shop)
    till.order(till.buyers[0], [(0, 1)], method=PaymentMethod.STRIPE, code=None, wallet_share=0)
    (attempt,) = till.bank.attempts
    till.bank.pay(attempt)
    till.deliver(len(till.bank.events) - 1)
    refund = till.bank.refund

    def refund_unheard(request: RefundRequest) -> GatewayRefund:
        refund(request)
        raise GatewayUnavailable("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(till.bank, "refund", refund_unheard)
        till.refund_order(till.orders()[0], [40], Destination.GATEWAY, LicenseRule.KEEP)

    till.now += timedelta(days=2)
    till.sweep()

    assert [one.amount for one in attempt.refunds] == [baht(120)]
    check_settled(till)
