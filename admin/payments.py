"""Payments for staff: every attempt to take money through the gateway, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.filters import asked_choice, asked_day, asked_text
from admin.guards import see_payments, wanted_id
from admin.ledger_subjects import name_subjects
from admin.payment_dossier import open_payment
from admin.payment_list import Wanted, list_staff_payments
from admin.payment_refresh import ask_gateway, refusal_in_words
from storefront.errors import DomainError, Kind
from storefront.hx import render, see_other
from storefront.i18n import current_locale
from storefront.language import datetime_text
from storefront.payments.models import Payment, PaymentPurpose, PaymentState
from storefront.providers.payments import PayBy
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_payments", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the timeline; only the database's moments are told."""

    title: str
    at: datetime | None = None
    text: str = ""
    tone: str = ""
    state: str = "done"


@bp.get("/admin/payments")
@see_payments
def index() -> Response:
    """Every payment, newest first; tab, filters, search and page stand in the address."""
    wanted = Wanted(
        state=asked_choice("state", PaymentState),
        pay_by=asked_choice("method", PayBy),
        purpose=asked_choice("purpose", PaymentPurpose),
        day=asked_day("day"),
        search=asked_text("q"),
    )
    cursor = request.args.get("cursor")
    query = _query(wanted)
    return render(
        "admin/payments/index.html",
        found=list_staff_payments(read(), wanted, cursor=cursor),
        wanted=wanted,
        query=query,
        is_filtered=any(query.values()),
        is_first_page=not cursor,
        states=PaymentState,
        methods=PayBy,
        purposes=PaymentPurpose,
    )


@bp.get("/admin/payments/<payment_id>")
@see_payments
def show(payment_id: str) -> Response:
    """One payment: amounts, gateway ids, what it was for and became, ledger, refunds, disputes,
    webhooks."""
    dossier = open_payment(read(), wanted_id(payment_id, "payment"))
    subjects = name_subjects(read(), [row.subject_id for row in dossier.postings])
    return render(
        "admin/payments/show.html",
        dossier=dossier,
        subjects=subjects,
        steps=_steps(dossier.payment),
    )


@bp.post("/admin/payments/<payment_id>/refresh")
@see_payments
@limiter.limit("30 per minute")
def refresh(payment_id: str) -> Response:
    """Ask the gateway now, and say what that changed."""
    chosen = wanted_id(payment_id, "payment")
    try:
        flash(ask_gateway(shop(), chosen, actor_id=visitor().id), "info")
    except DomainError as refusal:
        if refusal.kind is Kind.NOT_FOUND:
            raise
        flash(refusal_in_words(refusal), "error")
    return see_other(url_for("admin_payments.show", payment_id=chosen))


def _steps(payment: Payment) -> list[Step]:
    """The life of a payment so far, for the timeline."""
    steps = [Step(_("Begun by the buyer"), at=payment.created_at)]
    if payment.gateway_session_id is not None:
        steps.append(Step(_("Opened at the gateway")))
    match PaymentState(payment.state):
        case PaymentState.CREATED | PaymentState.OPEN:
            until = datetime_text(payment.expires_at, current_locale())
            waits = _("It can be paid until %(time)s.", time=until)
            steps.append(Step(_("Waiting for the buyer"), text=waits, state="current"))
        case PaymentState.PROCESSING:
            steps.append(Step(_("Confirmed; waiting for the bank"), state="current"))
        case PaymentState.SUCCEEDED:
            steps.append(Step(_("Paid"), at=payment.paid_at))
        case PaymentState.FAILED:
            steps.append(Step(_("Failed"), tone="danger"))
        case PaymentState.EXPIRED:
            steps.append(Step(_("Time ran out"), at=payment.expires_at, tone="danger"))
    return steps


def _query(wanted: Wanted) -> dict[str, Any]:
    """The filters as they stand in an address; None leaves a name out."""
    return {
        "state": wanted.state.value if wanted.state else None,
        "method": wanted.pay_by.value if wanted.pay_by else None,
        "purpose": wanted.purpose.value if wanted.purpose else None,
        "day": wanted.day,
        "q": wanted.search or None,
    }
