"""A member's orders: the list, and one order with its timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from storefront.errors import NotFound
from storefront.hx import render
from storefront.kit.ids import parse_id
from storefront.orders import queries
from storefront.orders.models import (
    ORDER_MACHINE,
    Order,
    OrderAction,
    OrderEvent,
    OrderState,
    PaymentMethod,
)
from storefront.refunds.queries import list_order_refunds
from storefront.web import member, read, shop, visitor

bp = Blueprint("orders", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline: what happened, or what comes next."""

    title: str
    at: datetime | None
    text: str
    tone: str
    state: str


@bp.get("/account/orders")
@member
def index() -> Response:
    """One's orders, newest first; filter and page stand in the address."""
    chosen = _filter(request.args.get("state", ""))
    cursor = request.args.get("cursor")
    return render(
        "storefront/orders/index.html",
        found=queries.list_orders(read(), visitor().id, cursor=cursor, state=chosen),
        chosen=chosen,
        filters=queries.OrderFilter,
        is_first_page=not cursor,
    )


@bp.get("/account/orders/<order_id>")
@member
def show(order_id: str) -> Response:
    """One order. Somebody else's, unknown and malformed ids are all the same 404."""
    wanted = parse_id(order_id)
    if wanted is None:
        raise NotFound("order")
    order = queries.get_order(read(), wanted, user_id=visitor().id)
    payments = queries.list_payments(read(), order.id)
    return render(
        "storefront/orders/show.html",
        order=order,
        state=OrderState(order.state),
        products=queries.find_line_products(read(), order.lines),
        payment=payments[-1] if payments else None,
        refunds=list_order_refunds(read(), order.id) if order.refunded else (),
        steps=[*_past(order), *_ahead(order)],
        can_resume=can_resume(order, now=shop().clock()),
        can_cancel=ORDER_MACHINE.allows(OrderState(order.state), OrderAction.CANCEL),
    )


def can_resume(order: Order, *, now: datetime) -> bool:
    """Whether the buyer can still pay: the order waits for its payment, at the gateway, and the
    prices and units set aside for it still hold."""
    return (
        ORDER_MACHINE.allows(OrderState(order.state), OrderAction.CONFIRM_PAYMENT)
        and PaymentMethod(order.payment_method).is_gateway
        and order.expires_at > now
    )


def _filter(text: str) -> queries.OrderFilter | None:
    return queries.OrderFilter(text) if text in list(queries.OrderFilter) else None


def _past(order: Order) -> Iterator[Step]:
    for event in order.events:
        title, text, tone = _words(event)
        yield Step(title, event.created_at, text, tone, "done")


def _words(event: OrderEvent) -> tuple[str, str, str]:
    if event.from_state is None:
        return _("Order placed"), "", ""
    if event.action in (OrderAction.RESTORE_PART, OrderAction.RESTORE_ALL):
        return (
            _("The bank sent a refund back"),
            _("The order stands as it did before. We will write to you."),
            "warning",
        )
    if event.action == OrderAction.FAIL_PAYMENT:
        return _("The payment did not go through"), _("Nothing was charged."), "warning"
    return {
        OrderState.PENDING: (_("Waiting for payment"), "", ""),
        OrderState.PROCESSING: (_("Payment confirmed"), "", ""),
        OrderState.COMPLETED: (_("Order complete"), _("Keys and files are ready."), ""),
        OrderState.CANCELLED: (_("Order cancelled"), _("Nothing was charged."), "danger"),
        OrderState.EXPIRED: (_("Time to pay ran out"), _("Nothing was charged."), "danger"),
        OrderState.PARTIALLY_REFUNDED: (_("Partly refunded"), "", "warning"),
        OrderState.REFUNDED: (_("Refunded"), "", "warning"),
    }[OrderState(event.to_state)]


def _ahead(order: Order) -> Iterator[Step]:
    if order.state == OrderState.PENDING:
        yield Step(_("Waiting for payment"), None, "", "", "current")
        yield Step(_("Keys and files"), None, _("Ready right after the payment."), "", "todo")
    elif order.state == OrderState.PROCESSING:
        yield Step(
            _("The bank is checking the payment"),
            None,
            _("You need not pay again, and may close this page."),
            "",
            "current",
        )
        yield Step(_("Keys and files"), None, _("Ready right after the payment."), "", "todo")
