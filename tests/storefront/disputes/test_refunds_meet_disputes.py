"""A refund and a dispute of one payment, in each other's way."""

from __future__ import annotations

from uuid import UUID

import pytest
import requests
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.disputes.flow import refresh_disputes
from storefront.disputes.models import Dispute
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import OrderLine
from storefront.payments.models import Payment
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.flow import refresh_refunds, refund_order
from storefront.refunds.models import Destination, LicenseRule, Refund
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.gateway import act, buy, latest_payment

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def payment(shop: Shop, sandbox: RunningSandbox, make: Factory) -> Payment:
    """The payment of an order of three units for 100 baht each, by a card whose refunds take their
    time."""
    answer = requests.post(
        f"{sandbox.url}/control/stripe", json={"card_refunds": "pending"}, timeout=5
    )
    answer.raise_for_status()
    buyer = make.user()
    make.cart(buyer, (make.product(price=baht(100)), 3))
    return latest_payment(shop, buy(shop, sandbox, buyer, baht(300)))


def refund(shop: Shop, staff: User, order_id: UUID, amount: Money) -> Refund:
    with shop.database.reading() as session:
        line = session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one()
    draft = OrderRefundDraft(
        lines={line.id: amount},
        destination=Destination.GATEWAY,
        licenses=LicenseRule.REVOKE,
        reason="asked",
        idempotency_key=str(new_id()),
    )
    refund_order(shop, order_id, draft, actor_id=staff.id)
    with shop.database.reading() as session:
        return session.scalars(select(Refund).order_by(Refund.id.desc()).limit(1)).one()


def licenses_of(shop: Shop) -> list[str]:
    with shop.database.reading() as session:
        return list(session.scalars(select(License.status).order_by(License.unit)))


def dispute(shop: Shop, sandbox: RunningSandbox, payment: Payment) -> Dispute:
    act(sandbox, payment.gateway_payment_id, "dispute")
    refresh_disputes(shop, payment.id)
    with shop.database.reading() as session:
        return session.scalars(select(Dispute)).one()


@pytest.mark.parametrize(("outcome", "status"), [("won", "active"), ("lost", "revoked")])
def test_a_refund_that_fails_does_not_wake_keys_that_a_dispute_keeps_asleep(
    shop: Shop, sandbox: RunningSandbox, staff: User, payment: Payment, outcome: str, status: str
) -> None:
    sent = refund(shop, staff, payment.subject_id, baht(200))
    opened = dispute(shop, sandbox, payment)
    assert licenses_of(shop) == ["suspended", "revoked", "revoked"]

    act(sandbox, sent.gateway_refund_id, "fail")
    refresh_refunds(shop, payment.id)
    assert licenses_of(shop) == ["suspended"] * 3

    act(sandbox, opened.gateway_dispute_id, outcome)
    refresh_disputes(shop, payment.id)
    assert licenses_of(shop) == [status] * 3


def test_a_refund_that_fails_after_a_lost_dispute_brings_no_key_back(
    shop: Shop, sandbox: RunningSandbox, staff: User, payment: Payment
) -> None:
    sent = refund(shop, staff, payment.subject_id, baht(100))
    opened = dispute(shop, sandbox, payment)
    act(sandbox, opened.gateway_dispute_id, "lost")
    refresh_disputes(shop, payment.id)

    act(sandbox, sent.gateway_refund_id, "fail")
    refresh_refunds(shop, payment.id)

    assert licenses_of(shop) == ["revoked"] * 3
