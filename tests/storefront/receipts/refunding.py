"""Giving back what an order or a payment brought, with the paper about it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import Order, OrderAction, OrderLine
from storefront.orders.service import apply_action, lock_order
from storefront.receipts.models import Receipt
from storefront.receipts.seller import SellerDraft, change_seller
from storefront.receipts.service import RefundPaper, issue_refund_receipt
from storefront.refunds.models import Destination, LicenseRule, Refund, RefundLine, RefundState

TAX_ID = "0105561177671"


def give_back(shop: Shop, order: Order, amount: Money, *, now: datetime | None = None) -> UUID:
    """Refund so much of an order with one line to the wallet, licences kept; the refund's id."""
    at = now or shop.clock()
    with shop.database.transaction() as session:
        locked = lock_order(session, order.id)
        (line,) = locked.lines
        refund_id = _write_refund(session, locked, line, amount, at)
        paper = RefundPaper(
            refund_id=refund_id,
            order_id=order.id,
            user_id=order.user_id,
            destination=Destination.WALLET,
            reason="Did not fit the server",
            lines=[(line.name_th, line.name_en, amount)],
            amount=amount,
        )
        issue_refund_receipt(session, paper, now=at)
    return refund_id


def _write_refund(
    session: Session, order: Order, line: OrderLine, amount: Money, at: datetime
) -> UUID:
    refund = Refund(
        id=new_id(),
        order_id=order.id,
        user_id=order.user_id,
        destination=Destination.WALLET,
        state=RefundState.SUCCEEDED,
        amount_satang=amount.satang,
        currency=amount.currency,
        licenses=LicenseRule.KEEP,
        reason="Did not fit the server",
        idempotency_key=str(new_id()),
        settled_at=at,
    )
    refund.lines = [RefundLine(order_line_id=line.id, amount_satang=amount.satang)]
    session.add(refund)
    order.refunded_satang += amount.satang
    line.refunded_satang += amount.satang
    session.flush()
    everything = order.refunded == order.total
    action = OrderAction.REFUND_ALL if everything else OrderAction.REFUND_PART
    if everything or order.state == "completed":
        apply_action(session, order, action, actor="test", now=at)
    post_entries(
        session,
        kind=PostingKind.REFUND,
        reference=f"refund:{refund.id}",
        subject_id=order.id,
        legs=[
            Leg(AccountKind.REFUNDS, -amount),
            Leg(AccountKind.WALLET_PAID, amount, order.user_id),
        ],
        now=at,
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
