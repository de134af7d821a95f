"""What can happen to money, made the way the shop books it: for the pages that show it."""

from __future__ import annotations

from typing import Any

import requests
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.disputes.models import Dispute, DisputeState
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import Order, OrderAction, OrderLine, PaymentMethod
from storefront.orders.service import apply_action
from storefront.payments.models import Payment
from storefront.refunds.models import Destination, LicenseRule, Refund, RefundLine, RefundState
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
    """A part of an order went back to the card."""
    with shop.database.transaction() as session:
        order = session.get_one(Order, payment.subject_id)
        line = session.scalars(select(OrderLine).where(OrderLine.order_id == order.id)).one()
        refund = Refund(
            id=new_id(),
            order_id=order.id,
            user_id=order.user_id,
            destination=Destination.GATEWAY,
            state=RefundState.SUCCEEDED,
            amount_satang=amount.satang,
            currency=amount.currency,
            licenses=LicenseRule.KEEP,
            reason="Bought twice",
            idempotency_key=str(new_id()),
            payment_id=payment.id,
            gateway_refund_id=f"re_{new_id().hex}",
            settled_at=shop.clock(),
        )
        session.add(refund)
        session.flush()
        session.add(
            RefundLine(refund_id=refund.id, order_line_id=line.id, amount_satang=amount.satang)
        )
        session.get_one(Payment, payment.id).refunded_satang = amount.satang
        order.refunded_satang = line.refunded_satang = amount.satang
        apply_action(
            session, order, OrderAction.REFUND_PART, actor="user:somebody", now=shop.clock()
        )
        post_entries(
            session,
            kind=PostingKind.REFUND,
            reference=f"refund:{refund.id}",
            subject_id=order.id,
            legs=[Leg(AccountKind.REFUNDS, -amount), Leg(AccountKind.GATEWAY, amount)],
            now=shop.clock(),
        )
    return refund


def dispute_topup(shop: Shop, topup: TopUp, *, fee: Money) -> Dispute:
    """The bank takes a whole top-up back, which was still in the wallet."""
    with shop.database.transaction() as session:
        payment = session.scalars(select(Payment).where(Payment.subject_id == topup.id)).one()
        dispute = Dispute(
            id=new_id(),
            gateway_dispute_id=f"du_{new_id().hex}",
            payment_id=payment.id,
            state=DisputeState.OPEN,
            gateway_status="needs_response",
            reason="fraudulent",
            amount_satang=topup.amount_satang,
            fee_satang=fee.satang,
            taken_satang=topup.amount_satang,
            currency="THB",
        )
        session.add(dispute)
        for kind, legs in (
            (
                PostingKind.DISPUTE,
                [
                    Leg(AccountKind.GATEWAY, topup.amount),
                    Leg(AccountKind.WALLET_PAID, -topup.amount, topup.user_id),
                ],
            ),
            (
                PostingKind.DISPUTE_FEE,
                [Leg(AccountKind.GATEWAY, fee), Leg(AccountKind.FEES, -fee)],
            ),
        ):
            post_entries(
                session,
                kind=kind,
                reference=dispute.gateway_dispute_id,
                subject_id=topup.id,
                legs=legs,
                now=shop.clock(),
            )
    return dispute
