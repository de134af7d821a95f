"""Telling staff and the buyer of a dispute."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from storefront.accounts.queries import find_staff
from storefront.accounts.rules import Permission
from storefront.disputes.models import Dispute, DisputeState
from storefront.notifications.service import notify
from storefront.orders.models import Order
from storefront.payments.models import Payment


def tell_staff(session: Session, dispute: Dispute, event: str, *, now: datetime) -> None:
    """Everybody who may refund hears of a dispute and of its end, once each."""
    for user_id in find_staff(session, Permission.REFUND):
        notify(
            session,
            user_id,
            type="system",
            event=event,
            context={"amount_satang": dispute.amount_satang, "state": dispute.state},
            path=f"/admin/disputes/{dispute.id}",
            dedupe_key=f"{event}:{dispute.id}:{dispute.state}:{user_id}",
            now=now,
        )


def tell_buyer(
    session: Session, dispute: Dispute, payment: Payment, order: Order | None, *, now: datetime
) -> None:
    """The buyer hears what became of keys or wallet; of a closed inquiry there is nothing to
    say."""
    if dispute.state == DisputeState.CLOSED:
        return
    notify(
        session,
        payment.user_id,
        type="order",
        event=f"dispute_{dispute.state}",
        context={
            "amount_satang": dispute.amount_satang,
            "reference": order.reference if order else "",
        },
        path=f"/account/orders/{order.id}" if order else "/account/wallet",
        dedupe_key=f"dispute_{dispute.state}:{dispute.id}",
        now=now,
    )
