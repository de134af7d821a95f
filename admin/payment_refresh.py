"""Asking the gateway about one payment because somebody wants to know now."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask_babel import lazy_gettext as _

from storefront.accounts.service import record_audit
from storefront.bootstrap import Shop
from storefront.checkout.flow import refresh_payment
from storefront.errors import DomainError, NotFound
from storefront.messages import message_for
from storefront.payments.models import Payment, PaymentState

_NEWS: Final[dict[PaymentState, Any]] = {
    PaymentState.SUCCEEDED: _("The gateway says it is paid. The money is booked."),
    PaymentState.PROCESSING: _("The gateway says the buyer confirmed; the bank has not answered."),
    PaymentState.FAILED: _("The gateway says it failed. Nothing was charged."),
    PaymentState.EXPIRED: _("The gateway has closed it unpaid."),
    PaymentState.OPEN: _("The gateway has opened it; the buyer can pay."),
}
_REFUSALS: Final = {
    "gateway_unavailable": _(
        "The payment service does not answer right now. Nothing was changed: try again in a minute."
    ),
    "gateway_refused": _("The payment service does not know this payment. Nothing was changed."),
    "payment_mismatch": _(
        "Amount, currency or mode at the gateway differ from what was asked for. Nothing was"
        " booked: compare the two there."
    ),
}


def ask_gateway(shop: Shop, payment_id: UUID, *, actor_id: UUID) -> str:
    """Ask, settle what the gateway says, note who asked, and say what it changed. Idempotent.

    The note follows in a transaction of its own, also when the gateway was away: the question has
    to be asked outside of any. Raises NotFound and what `flow.refresh_payment` raises.
    """
    before = _read(shop, payment_id)
    try:
        refresh_payment(shop, payment_id)
    except DomainError as refusal:
        _note(shop, before, answer=refusal.code, actor_id=actor_id)
        raise
    after = _note(shop, before, answer="answered", actor_id=actor_id)
    return _news(before, after)


def refusal_in_words(refusal: DomainError) -> str:
    """Why nothing came of it."""
    known = _REFUSALS.get(refusal.code)
    return message_for(refusal) if known is None else str(known)


def _news(before: Payment, after: Payment) -> str:
    if before.state != after.state:
        return str(_NEWS[PaymentState(after.state)])
    if after.state == PaymentState.SUCCEEDED:
        return str(_("It is paid already: there was nothing to ask."))
    if after.gateway_session_id is None:
        return str(_("The gateway has not heard of this payment yet: there was nothing to ask."))
    return str(_("Nothing new: the gateway says the same as before."))


def _read(shop: Shop, payment_id: UUID) -> Payment:
    with shop.database.reading() as reader:
        payment = reader.get(Payment, payment_id)
    if payment is None:
        raise NotFound("payment")
    return payment


def _note(shop: Shop, before: Payment, *, answer: str, actor_id: UUID) -> Payment:
    with shop.database.transaction() as session:
        after = session.get_one(Payment, before.id)
        detail: dict[str, Any] = {"answer": answer}
        if after.state != before.state:
            detail["changes"] = {"state": [before.state, after.state]}
        record_audit(
            session,
            actor_id=actor_id,
            action="refresh_payment",
            subject=("payment", before.id),
            detail=detail,
        )
    return after
