"""A part of a past order given back as a favour, so that the demo's desk has a refund to show."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete, exists, select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.orders.models import Order
from storefront.orders.service import lock_order
from storefront.outbox import OutboxMessage
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.models import Destination, LicenseRule, Refund
from storefront.refunds.service import request_order_refund
from storefront.sandbox.seed.people import BUYER, OWNER

ORDER_KEY: Final = "seed-order-active"
REFUND_KEY: Final = "seed-refund-favour"
REASON: Final = "ขออภัยที่ระบบสะดุดเมื่อคืน"


def seed_refunds(shop: Shop, *, now: datetime) -> None:
    """The owner gave the buyer 50 baht of the latest order back, into the wallet. Seeding again
    changes nothing."""
    with shop.database.transaction() as session:
        if session.scalar(select(exists().where(Refund.idempotency_key == REFUND_KEY))):
            return
        people = {
            user.username: user.id
            for user in session.scalars(
                select(User).where(User.username.in_((OWNER.username, BUYER.username)))
            )
        }
        order_id = session.scalars(
            select(Order.id).where(
                Order.user_id == people[BUYER.username], Order.idempotency_key == ORDER_KEY
            )
        ).one()
        line = lock_order(session, order_id).lines[0]
        request_order_refund(
            session,
            order_id,
            OrderRefundDraft(
                lines={line.id: baht(50)},
                destination=Destination.WALLET,
                licenses=LicenseRule.KEEP,
                reason=REASON,
                idempotency_key=REFUND_KEY,
            ),
            actor_id=people[OWNER.username],
            now=now,
        )
        # Its mail would arrive in an inbox that nothing has happened in yet.
        session.execute(delete(OutboxMessage).where(OutboxMessage.task == "send_mail"))
