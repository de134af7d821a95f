"""What can happen to money, made the way the shop books it: for the pages that show it."""

from __future__ import annotations

from typing import Any

import requests
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.disputes.models import Dispute
from storefront.disputes.service import settle_dispute
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.payments.models import Payment
from storefront.providers.payments import DisputeStatus, GatewayDispute
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.flow import refund_order, refund_payment
from storefront.refunds.models import Destination, LicenseRule, Refund
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.models import TopUp
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory


def order_by(
    shop: Shop, make: Factory, user: User, price: Money, *, method: PaymentMethod
) -> Payment:
    """An open order over the gateway; its payment."""
    order = buy(shop, make, user, (make.product(price=price), 1), method=method)
    with shop.database.reading() as session:
        return session.scalars(select(Payment).where(Payment.subject_id == order.id)).one()


def at_stripe(sandbox: RunningSandbox, payment: Payment, verb: str) -> None:
    """Let something happen at the gateway, of which the shop is not told."""
    kind = "payment_intents" if payment.pay_by == "promptpay" else "sessions"
    address = f"{sandbox.url}/control/stripe/{kind}/{payment.gateway_session_id}/{verb}"
    requests.post(address, timeout=10).raise_for_status()


def paid_by_card(
    shop: Shop, make: Factory, sandbox: RunningSandbox, user: User, price: Money
) -> Payment:
    """A card payment that came and completed its order."""
    payment = order_by(shop, make, user, price, method=PaymentMethod.STRIPE)
    at_stripe(sandbox, payment, "pay")
    flow.refresh_payment(shop, payment.id)
    return read(shop, Payment, payment.id)


def paid_late(
    shop: Shop, make: Factory, sandbox: RunningSandbox, user: User, price: Money
) -> Payment:
    """PromptPay money that came when its order was cancelled: it is in the wallet."""
    payment = order_by(shop, make, user, price, method=PaymentMethod.PROMPTPAY)
    flow.cancel_order(shop, payment.subject_id, user_id=user.id)
    at_stripe(sandbox, payment, "pay_late")
    flow.refresh_payment(shop, payment.id)
    return read(shop, Payment, payment.id)


def read(shop: Shop, model: type[Any], row_id: Any) -> Any:
    """A row as it stands in the database."""
    with shop.database.reading() as session:
        return session.get_one(model, row_id)


def refund_to_card(shop: Shop, payment: Payment, amount: Money) -> Refund:
    """A part of an order went back to the card; the buyer keeps the keys."""
    with shop.database.reading() as session:
        line_id = session.scalars(
            select(OrderLine.id).where(OrderLine.order_id == payment.subject_id)
        ).one()
    draft = OrderRefundDraft(
        lines={line_id: amount},
        destination=Destination.GATEWAY,
        licenses=LicenseRule.KEEP,
        reason="Bought twice",
        idempotency_key=str(new_id()),
    )
    refund_order(shop, payment.subject_id, draft, actor_id=payment.user_id)
    with shop.database.reading() as session:
        return session.scalars(select(Refund).where(Refund.payment_id == payment.id)).one()


def send_back(shop: Shop, payment: Payment, amount: Money) -> None:
    """Money that a payment had put into the wallet went back where it came from."""
    draft = WalletRefundDraft(amount=amount, reason="Too late", idempotency_key=str(new_id()))
    refund_payment(shop, payment.id, draft, actor_id=payment.user_id)


def dispute_topup(shop: Shop, topup: TopUp, *, fee: Money) -> Dispute:
    """The bank takes a whole top-up back, which was still in the wallet."""
    seen = GatewayDispute(
        gateway_dispute_id=f"du_{new_id().hex}",
        status=DisputeStatus.OPEN,
        gateway_status="needs_response",
        reason="fraudulent",
        amount=topup.amount,
        fee=fee,
        evidence_due_at=None,
        live_mode=False,
    )
    with shop.database.transaction() as session:
        payment = session.scalars(select(Payment).where(Payment.subject_id == topup.id)).one()
        settle_dispute(session, payment.id, seen, live_mode=False, now=shop.clock())
    with shop.database.reading() as session:
        return session.scalars(select(Dispute).where(Dispute.payment_id == payment.id)).one()
