"""Giving back what an order or a payment brought, with the paper about it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.orders.models import Order, OrderLine
from storefront.receipts.models import Receipt
from storefront.receipts.seller import SellerDraft, change_seller
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.models import Destination, LicenseRule
from storefront.refunds.service import request_order_refund

TAX_ID = "0105561177671"


def give_back(
    shop: Shop,
    order: Order,
    amount: Money,
    *,
    now: datetime | None = None,
    to: Destination = Destination.WALLET,
) -> UUID:
    """Refund so much of an order with one line, licences kept; the refund's id."""
    with shop.database.transaction() as session:
        line_id = session.scalars(select(OrderLine.id).where(OrderLine.order_id == order.id)).one()
        (refund,) = request_order_refund(
            session,
            order.id,
            OrderRefundDraft(
                lines={line_id: amount},
                destination=to,
                licenses=LicenseRule.KEEP,
                reason="Did not fit the server",
                idempotency_key=str(new_id()),
            ),
            actor_id=order.user_id,
            now=now or shop.clock(),
        )
    return refund.id


def register_seller(shop: Shop, staff: User, *, revision: int = 0, vat_on: bool = True) -> None:
    """Let staff write down who sells, registered for VAT unless told otherwise."""
    draft = SellerDraft(
        name_th="บริษัท คิวอาร์ สตูดิโอ จำกัด",
        name_en="QR Studio Co., Ltd.",
        address_th="99 ถนนเสรีไทย\nกรุงเทพมหานคร 10240",
        address_en="99 Serithai Road\nBangkok 10240",
        tax_id=TAX_ID,
        phone="02 123 4567",
        email="billing@example.com",
        vat_on=vat_on,
    )
    with shop.database.transaction() as session:
        change_seller(session, draft, revision=revision, actor_id=staff.id)


def receipts_of(shop: Shop, order: Order) -> list[Receipt]:
    """Every paper of an order, oldest first."""
    with shop.database.reading() as session:
        query = select(Receipt).where(Receipt.order_id == order.id).order_by(Receipt.id)
        return list(session.scalars(query))
