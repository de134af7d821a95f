"""The credit note of a refund: written when the buyer has the money, void when it came back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from storefront.kit.money import Money
from storefront.orders.models import Order
from storefront.orders.wording import name_of
from storefront.receipts.service import RefundPaper, issue_refund_receipt, void_refund_receipt
from storefront.refunds.models import Refund

# Frozen in the paper in both languages, like the names of products.
SENT_BACK: Final = ("เงินที่เคยเข้ากระเป๋าเงิน", "Money that had gone into the wallet")
KEPT: Final = ("หักโบนัสที่ใช้ไปแล้ว", "Less bonus that was spent")


def issue_paper(session: Session, refund: Refund, order: Order | None, *, now: datetime) -> None:
    """Write the credit note of a refund whose lines are loaded; `order` is locked, None for money
    that is sent back out of a wallet. Idempotent by refund. Raises what `issue_refund_receipt`
    raises."""
    paper = RefundPaper(
        refund_id=refund.id,
        order_id=refund.order_id,
        user_id=refund.user_id,
        destination=refund.destination,
        reason=refund.reason,
        lines=_wallet_lines(refund) if order is None else _order_lines(refund, order),
        amount=refund.paid_out,
        payment_id=refund.payment_id if order is None else None,
    )
    issue_refund_receipt(session, paper, now=now)


def void_paper(session: Session, refund: Refund, *, now: datetime) -> None:
    """The bank sent a refund back that had arrived: its credit note says so from now on."""
    void_refund_receipt(session, refund.id, reason=refund.failure or "", now=now)


def _order_lines(refund: Refund, order: Order) -> Sequence[tuple[str, str, Money]]:
    lines = {line.id: line for line in order.lines}
    return [
        (
            name_of(lines[part.order_line_id], "th"),
            name_of(lines[part.order_line_id], "en"),
            part.amount,
        )
        for part in refund.lines
    ]


def _wallet_lines(refund: Refund) -> Sequence[tuple[str, str, Money]]:
    kept = refund.paid_out - refund.amount
    lines = [(*SENT_BACK, refund.amount)]
    return [*lines, (*KEPT, kept)] if kept else lines
