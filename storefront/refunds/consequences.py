"""Which licences, and which of their terms, an order keeps after its refunds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from storefront.licenses.endings import end_units, refund_cause
from storefront.orders.models import Order
from storefront.refunds.queries import sum_given_back
from storefront.refunds.rules import ended_units
from storefront.renewals.service import align_changes


def align_licenses(session: Session, order: Order) -> None:
    """Let a locked order have as many good licences as it has units that were not given back. A
    renewal or an upgrade that was given back takes what it gave, never the licence."""
    is_all = order.refunded_satang == order.total_satang
    for line in order.lines:
        ended = ended_units(
            quantity=line.quantity,
            paid=line.paid,
            given_back=sum_given_back(session, line),
            is_all=is_all,
        )
        cause = refund_cause(order.id)
        if line.is_new:
            end_units(session, line, ended=ended, cause=cause)
        else:
            align_changes(session, line, is_back=ended > 0, cause=cause)
