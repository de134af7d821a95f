"""Refunds for staff: give money back for an order or out of a wallet, and see what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.filters import asked_choice, asked_text
from admin.guards import refund_money, wanted_id
from admin.refund_form import (
    FieldError,
    RefundFields,
    is_agreed,
    new_fields,
    read_fields,
    read_order_draft,
    read_wallet_draft,
)
from storefront.errors import Conflict, Invalid, NotFound, Unavailable
from storefront.hx import render, see_other
from storefront.kit.money import Money, total_of
from storefront.messages import message_for
from storefront.orders.models import OrderState
from storefront.orders.queries import get_order_for_staff
from storefront.payments.models import Payment
from storefront.refunds import flow, panels
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.models import Destination, RefundState
from storefront.refunds.queries import (
    find_order_payment,
    find_refundable,
    find_wallet_posting,
)
from storefront.refunds.rules import Part, plan_refund
from storefront.wallet.forms import baht_text, new_form_key
from storefront.wallet.queries import find_pots
from storefront.web import read, shop, visitor

bp = Blueprint("admin_refunds", __name__)

REFUNDABLE = (OrderState.COMPLETED, OrderState.PARTIALLY_REFUNDED)


@bp.get("/admin/refunds")
@refund_money
def index() -> Response:
    """Every refund, newest first; tab, search and page stand in the address."""
    state, search = asked_choice("state", RefundState), asked_text("q")
    cursor = request.args.get("cursor")
    return render(
        "admin/refunds/index.html",
        found=panels.list_refunds(read(), state=state, search=search, cursor=cursor),
        states=RefundState,
        state=state,
        search=search,
        is_first_page=not cursor,
    )


@bp.get("/admin/refunds/<refund_id>")
@refund_money
def show(refund_id: str) -> Response:
    """One refund with its lines and where it stands."""
    found = panels.get_refund(read(), wanted_id(refund_id, "refund"))
    return render("admin/refunds/show.html", found=found, refund=found.refund)


@bp.post("/admin/refunds/<refund_id>/sendings")
@refund_money
def send(refund_id: str) -> Response:
    """Send a refund that waits, or ask the gateway about one that is under way."""
    refund = panels.get_refund(read(), wanted_id(refund_id, "refund")).refund
    try:
        if refund.state == RefundState.PENDING:
            flow.send_refund(shop(), refund.id)
        elif refund.payment_id is not None:
            flow.refresh_refunds(shop(), refund.payment_id)
    except Unavailable as away:
        flash(message_for(away), "warning")
    else:
        flash(_("This is what the payment service says now."), "success")
    return see_other(url_for("admin_refunds.show", refund_id=refund.id))


@bp.get("/admin/orders/<order_id>/refunds/new")
@refund_money
def new_for_order(order_id: str) -> Response:
    """The form that gives lines of an order back, filled with all that is left."""
    wanted = wanted_id(order_id, "order")
    order, _buyer = get_order_for_staff(read(), wanted)
    left = {str(line.id): line.paid - line.refunded for line in order.lines}
    amounts = {one: baht_text(amount) if amount else "" for one, amount in left.items()}
    return _order_page(wanted, new_fields(amounts))


@bp.post("/admin/orders/<order_id>/refunds")
@refund_money
def refund_order(order_id: str) -> Response:
    """Say what would be given back, and do it once that was agreed to."""
    wanted = wanted_id(order_id, "order")
    order, _buyer = get_order_for_staff(read(), wanted)
    fields = read_fields(request.form, [line.id for line in order.lines])
    draft, errors = read_order_draft(fields, order.lines)
    if draft is None:
        return _order_page(wanted, fields, errors=errors, status=422)
    if not is_agreed(fields, total_of(draft.lines.values())):
        return _order_page(wanted, fields, asked=draft)
    try:
        states = flow.refund_order(shop(), wanted, draft, actor_id=visitor().id)
    except (Conflict, Invalid) as refusal:
        return _order_page(wanted, _again(fields), problem=refusal, status=refusal.http_status)
    flash(*_outcome(states))
    return see_other(url_for("admin_orders.show", order_id=wanted, _anchor="refunds"))


@bp.get("/admin/payments/<payment_id>/refunds/new")
@refund_money
def new_for_payment(payment_id: str) -> Response:
    """The form that sends back what a payment put into a wallet."""
    payment = _get_wallet_payment(payment_id)
    return _payment_page(payment, new_fields({str(payment.id): baht_text(payment.refundable)}))


@bp.post("/admin/payments/<payment_id>/refunds")
@refund_money
def refund_payment(payment_id: str) -> Response:
    """Say what would be sent back, and do it once that was agreed to."""
    payment = _get_wallet_payment(payment_id)
    fields = read_fields(request.form, [payment.id])
    draft, errors = read_wallet_draft(fields, payment.id, left=payment.refundable)
    if draft is None:
        return _payment_page(payment, fields, errors=errors, status=422)
    if not is_agreed(fields, draft.amount):
        return _payment_page(payment, fields, asked=draft)
    try:
        state = flow.refund_payment(shop(), payment.id, draft, actor_id=visitor().id)
    except (Conflict, Invalid) as refusal:
        return _payment_page(payment, _again(fields), problem=refusal, status=refusal.http_status)
    flash(*_outcome([state]))
    return see_other(url_for("admin_refunds.index"))


def _order_page(
    order_id: UUID,
    fields: RefundFields,
    *,
    asked: OrderRefundDraft | None = None,
    errors: list[FieldError] | None = None,
    problem: Conflict | Invalid | None = None,
    status: int = 200,
) -> Response:
    read().expire_all()
    order, buyer = get_order_for_staff(read(), order_id)
    payment = find_order_payment(read(), order.id)
    refundable = find_refundable(read(), order, payment)
    parts: list[Part] = []
    if asked is not None:
        wanted = {line: amount for line, amount in asked.lines.items() if amount}
        parts = plan_refund(wanted, by=asked.destination, left=refundable.left)
    return render(
        "admin/refunds/new_order.html",
        status=status,
        order=order,
        buyer=buyer,
        payment=payment,
        refundable=refundable,
        can_refund=order.state in REFUNDABLE and bool(refundable.total),
        fields=fields,
        errors=errors or [],
        error_at=dict(errors or []),
        asked=asked,
        total=total_of(asked.lines.values()) if asked else Money(0),
        parts=parts,
        destinations=Destination,
        problem=message_for(problem) if problem else None,
    )


def _payment_page(
    payment: Payment,
    fields: RefundFields,
    *,
    asked: WalletRefundDraft | None = None,
    errors: list[FieldError] | None = None,
    problem: Conflict | Invalid | None = None,
    status: int = 200,
) -> Response:
    return render(
        "admin/refunds/new_payment.html",
        status=status,
        payment=payment,
        owner=panels.get_payer(read(), payment),
        pots=find_pots(read(), payment.user_id, now=shop().clock()),
        expected=panels.preview_wallet_refund(read(), payment, asked.amount) if asked else None,
        fields=fields,
        errors=errors or [],
        error_at=dict(errors or []),
        asked=asked,
        problem=message_for(problem) if problem else None,
    )


def _get_wallet_payment(payment_id: str) -> Payment:
    payment = read().get(Payment, wanted_id(payment_id, "payment"))
    if payment is None or find_wallet_posting(read(), payment) is None:
        raise NotFound("payment")
    return payment


def _again(fields: RefundFields) -> RefundFields:
    """The same words for another try, which is another refund."""
    return RefundFields(
        amounts=fields.amounts,
        destination=fields.destination,
        licenses=fields.licenses,
        reason=fields.reason,
        key=new_form_key(),
    )


def _outcome(states: Sequence[RefundState]) -> tuple[str, str]:
    """What became of it, in words and tone."""
    if RefundState.FAILED in states:
        return _("The payment service refused this refund. Nothing was given back by it."), "danger"
    if RefundState.PENDING in states:
        return (
            _("The payment service does not answer. The refund is sent by itself later."),
            "warning",
        )
    if RefundState.SENT in states:
        return _("The refund is on its way, and the buyer is told."), "success"
    return _("The money is given back, and the buyer is told."), "success"
