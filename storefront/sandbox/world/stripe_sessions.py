"""Checkout Sessions: what the hosted page and the clock do to them."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk
from storefront.sandbox.world.stripe_errors import StripeError, invalid
from storefront.sandbox.world.stripe_intents import (
    OPEN_STATES,
    attempt_card,
    cancel_intent,
    fail_promptpay,
    open_intent,
    succeed,
)

GOOD_CARD, BAD_CARD = "pm_card_visa", "pm_card_chargeDeclined"


def pay_by_card(
    desk: Desk, session_id: str, card: str = GOOD_CARD, email: str | None = None
) -> JsonObject:
    """Pay an open session. Raise card_declined (402) and keep it open when the card is bad."""
    session = require_open(desk, session_id)
    _know_email(desk, session, email)
    intent = _intent_of(desk, session, "card")
    attempt_card(desk, intent, card, {"email": session["_email"]})
    return _complete(desk, session, "paid")


def pay_by_promptpay(desk: Desk, session_id: str, email: str | None = None) -> JsonObject:
    """Complete a session unpaid: the money comes, or fails to, by `settle_session`."""
    session = require_open(desk, session_id)
    _know_email(desk, session, email)
    intent = _intent_of(desk, session, "promptpay")
    intent.update(_method="promptpay", status="processing", last_payment_error=None)
    intent["_billing"] = {**intent["_billing"], "email": session["_email"]}
    desk.save(intent)
    desk.emit("payment_intent.processing", intent)
    return _complete(desk, session, "unpaid")


def settle_session(desk: Desk, session_id: str, *, is_paid: bool) -> JsonObject:
    """End the wait of a session that was completed unpaid."""
    session = desk.get("checkout.session", session_id)
    if not awaits_money(desk, session):
        raise StripeError("This Checkout Session does not wait for a payment.")
    intent = desk.get("payment_intent", session["payment_intent"])
    if is_paid:
        succeed(desk, intent)
        session["payment_status"] = "paid"
        desk.save(session)
        desk.emit("checkout.session.async_payment_succeeded", session)
    else:
        fail_promptpay(desk, intent)
        desk.emit("checkout.session.async_payment_failed", session)
    return session


def awaits_money(desk: Desk, session: JsonObject) -> bool:
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        return False
    return bool(desk.get("payment_intent", session["payment_intent"])["status"] == "processing")


def expire_session(desk: Desk, session_id: str) -> JsonObject:
    """Close an open session, cancel its unfinished intent, emit checkout.session.expired."""
    session = desk.get("checkout.session", session_id)
    if session["status"] != "open":
        raise StripeError(
            "Only Checkout Sessions with a status in [open] can be expired."
            f" This Checkout Session has a status of `{session['status']}`."
        )
    if session["payment_intent"]:
        intent = desk.get("payment_intent", session["payment_intent"])
        if intent["status"] in OPEN_STATES:
            cancel_intent(desk, intent, "automatic")
    session.update(status="expired", url=None)
    desk.save(session)
    desk.emit("checkout.session.expired", session)
    return session


def expire_due_sessions(desk: Desk) -> None:
    """Expire what is past its time; called by the ticker and before every read."""
    rows = desk.world.store.rows(
        "SELECT id FROM stripe_objects WHERE kind = 'checkout.session'"
        " AND json_extract(body, '$.status') = 'open'"
        " AND json_extract(body, '$.expires_at') <= ?",
        desk.world.clock(),
    )
    timer = Desk(desk.world)
    for row in rows:
        expire_session(timer, row["id"])


def require_open(desk: Desk, session_id: str) -> JsonObject:
    session = desk.get("checkout.session", session_id)
    if session["status"] != "open":
        message = f"This Checkout Session has a status of `{session['status']}`: it cannot be paid."
        raise StripeError(message, code="checkout_session_unexpected_state")
    return session


def _know_email(desk: Desk, session: JsonObject, typed: str | None) -> None:
    email = session["customer_email"] or session["_customer_email"] or typed
    if not email:
        raise invalid("An e-mail address is needed to pay.", param="email")
    session["_email"] = email
    desk.save(session)


def _intent_of(desk: Desk, session: JsonObject, method: str) -> JsonObject:
    """The session's intent, made at the first attempt and used again by the next."""
    if method not in session["payment_method_types"]:
        raise invalid(f"This Checkout Session does not take {method}.", param="payment_method")
    if session["payment_intent"]:
        return desk.get("payment_intent", session["payment_intent"])
    intent = open_intent(
        desk,
        amount=session["amount_total"],
        methods=session["payment_method_types"],
        params={**session["_intent"], "customer": session["customer"]},
    )
    intent["_session"] = session["id"]
    desk.save(intent)
    session["payment_intent"] = intent["id"]
    desk.save(session)
    return intent


def _complete(desk: Desk, session: JsonObject, payment_status: str) -> JsonObject:
    session.update(
        customer_details={
            "address": None,
            "email": session["_email"],
            "name": None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        payment_status=payment_status,
        status="complete",
        url=None,
    )
    desk.save(session)
    desk.emit("checkout.session.completed", session)
    return session


def success_address(session: JsonObject) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
