"""Payment Intents: the life of one payment, by card or by PromptPay."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_charges import (
    DECLINED_CARDS,
    TEST_CARDS,
    fail_to_take_money,
    take_money,
)
from storefront.sandbox.world.stripe_desk import Desk, new_id
from storefront.sandbox.world.stripe_errors import StripeError, invalid, no_such
from storefront.sandbox.world.stripe_params import STRING, Spec, list_of, one_of
from storefront.sandbox.world.stripe_promptpay import qr_action

# Stripe's limits for THB in satang (https://docs.stripe.com/currencies).
METHODS = ("card", "promptpay")
FIRST_ENDIVE = "2026-09-30"
METHOD_FIELDS: Spec = {
    "allowed_payment_method_types": list_of(one_of(*METHODS)),
    "excluded_payment_method_types": list_of(STRING),
    "payment_method_types": list_of(one_of(*METHODS)),
}
MIN_AMOUNT, MAX_AMOUNT = 1_000, 99_999_999
NO_BILLING: JsonObject = {"address": None, "email": None, "name": None, "phone": None}
OPEN_STATES = ("requires_payment_method", "requires_confirmation", "requires_action")


def check_amount(amount: int, currency: str, *, param: str) -> None:
    """Refuse another currency than THB and amounts outside Stripe's limits."""
    if currency.lower() != "thb":
        raise invalid(f"Invalid currency: {currency}. This sandbox sells in thb.", param="currency")
    if amount < MIN_AMOUNT:
        message = "Amount must be at least ฿10.00 thb"
        raise invalid(message, param=param, code="amount_too_small")
    if amount > MAX_AMOUNT:
        message = "Amount must be no more than ฿999,999.99"
        raise invalid(message, param=param, code="amount_too_large")


def methods_of(desk: Desk, params: JsonObject) -> list[str]:
    """The payment methods a payment may use.

    Since the API version 2026-09-30.endive the list is asked for as allowed_payment_method_types
    and payment_method_types is refused; before, the other way round. Source:
    https://docs.stripe.com/changelog/endive/2026-09-30/remove-payment-method-types-checkout-sessions
    """
    old, new = "payment_method_types", "allowed_payment_method_types"
    is_endive = desk.api_version >= FIRST_ENDIVE
    if is_endive and old in params:
        message = f"{old} is no longer supported in this API version. Use {new} instead."
        raise invalid(message, param=old, code="payment_method_types_no_longer_supported")
    if not is_endive and new in params:
        message = f"Received unknown parameter: {new}"
        raise invalid(message, param=new, code="parameter_unknown")
    allowed = params.get(new) or params.get(old) or METHODS
    excluded = params.get("excluded_payment_method_types", [])
    methods = [method for method in METHODS if method in allowed and method not in excluded]
    if not methods:
        raise invalid("No payment method is left for this payment.", param=new)
    return methods


def open_intent(desk: Desk, *, amount: int, methods: list[str], params: JsonObject) -> JsonObject:
    """Save a new intent and emit payment_intent.created; `amount` in satang."""
    intent_id = new_id("pi")
    intent = {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": params.get("automatic_payment_methods"),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{new_id('x', 25)[2:]}",
        "confirmation_method": "automatic",
        "created": desk.now,
        "currency": "thb",
        "customer": params.get("customer"),
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": methods,
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_billing": NO_BILLING,
        "_method": None,
        "_return_url": params.get("return_url"),
    }
    desk.save(intent)
    desk.emit("payment_intent.created", intent)
    return intent


def attempt_card(desk: Desk, intent: JsonObject, card: str, billing: JsonObject) -> JsonObject:
    """Try a test card. Raise card_declined (402), keeping the failed charge and its events."""
    if card not in TEST_CARDS and card not in DECLINED_CARDS:
        raise no_such("PaymentMethod", card, param="payment_method", status=400)
    _require_open(intent)
    intent.update(_billing={**NO_BILLING, **billing}, _method="card", payment_method=new_id("pm"))
    if card in TEST_CARDS:
        return succeed(desk, intent)
    decline_code = DECLINED_CARDS[card]
    message = "Your card was declined."
    if decline_code == "insufficient_funds":
        message = "Your card has insufficient funds."
    charge = fail_to_take_money(desk, intent, "card", code="card_declined", message=message)
    error: JsonObject = {
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": decline_code,
        "message": message,
        "type": "card_error",
    }
    fail(desk, intent, error)
    raise StripeError(
        message,
        status=402,
        kind="card_error",
        code="card_declined",
        keep_effects=True,
        extra={
            "charge": charge["id"],
            "decline_code": decline_code,
            "payment_intent": {k: v for k, v in intent.items() if not k.startswith("_")},
        },
    )


def show_promptpay(desk: Desk, intent: JsonObject, billing: JsonObject) -> JsonObject:
    """Ask for a PromptPay transfer: the intent waits in requires_action with a QR code."""
    _require_open(intent)
    if not billing.get("email"):
        param = "payment_method_data[billing_details][email]"
        message = "Missing required param: billing_details[email]."
        raise invalid(message, param=param, code="parameter_missing")
    intent.update(
        _billing={**NO_BILLING, **billing},
        _method="promptpay",
        payment_method=new_id("pm"),
        status="requires_action",
        last_payment_error=None,
        next_action=qr_action(desk, intent),
    )
    desk.save(intent)
    desk.emit("payment_intent.requires_action", intent)
    return intent


def succeed(desk: Desk, intent: JsonObject) -> JsonObject:
    """Take the money: charge.succeeded, then payment_intent.succeeded."""
    charge = take_money(desk, intent, intent["_method"])
    intent.update(
        amount_received=intent["amount"],
        last_payment_error=None,
        latest_charge=charge["id"],
        next_action=None,
        processing=None,
        status="succeeded",
    )
    desk.save(intent)
    desk.emit("payment_intent.succeeded", intent)
    return intent


def fail(desk: Desk, intent: JsonObject, error: JsonObject) -> JsonObject:
    """Send the intent back for another payment method and emit payment_intent.payment_failed."""
    intent.update(
        last_payment_error=error,
        latest_charge=error.get("charge", intent["latest_charge"]),
        next_action=None,
        payment_method=None,
        processing=None,
        status="requires_payment_method",
    )
    desk.save(intent)
    desk.emit("payment_intent.payment_failed", intent)
    return intent


def fail_promptpay(desk: Desk, intent: JsonObject, *, has_expired: bool = False) -> JsonObject:
    """The buyer's bank refused, or the QR code ran out of time."""
    code, message = "payment_intent_payment_attempt_failed", "The payment attempt failed."
    if has_expired:
        code, message = "payment_intent_payment_attempt_expired", "The QR code has expired."
    error = {"code": code, "message": message, "type": "invalid_request_error"}
    return fail(desk, intent, error)


def charge_by_hand(desk: Desk, amount: int) -> JsonObject:
    """A payment the shop knows nothing of, as somebody can take one in Stripe's own dashboard."""
    check_amount(amount, "thb", param="amount")
    params = {"description": "Taken by hand"}
    intent = open_intent(desk, amount=amount, methods=["card"], params=params)
    return attempt_card(desk, intent, "pm_card_visa", NO_BILLING)


def settle_promptpay(desk: Desk, intent_id: str, outcome: str) -> JsonObject:
    """End a waiting PromptPay payment: "succeed", "fail" or "expire"; or let money arrive for one
    that is closed: "pay_late", which a bank can do. Refused in any other state."""
    intent = desk.get("payment_intent", intent_id)
    waits = intent["status"] in ("requires_action", "processing")
    is_closed = intent["status"] in ("canceled", "requires_payment_method")
    if intent["_method"] != "promptpay" or not (is_closed if outcome == "pay_late" else waits):
        raise unexpected_state(intent, "settle")
    if outcome in ("succeed", "pay_late"):
        return succeed(desk, intent)
    return fail_promptpay(desk, intent, has_expired=outcome == "expire")


def cancel_intent(desk: Desk, intent: JsonObject, reason: str | None) -> JsonObject:
    intent.update(
        canceled_at=desk.now, cancellation_reason=reason, next_action=None, status="canceled"
    )
    desk.save(intent)
    desk.emit("payment_intent.canceled", intent)
    return intent


def unexpected_state(intent: JsonObject, verb: str) -> StripeError:
    return StripeError(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        extra={"payment_intent": {k: v for k, v in intent.items() if not k.startswith("_")}},
    )


def _require_open(intent: JsonObject) -> None:
    if intent["status"] not in OPEN_STATES:
        raise unexpected_state(intent, "confirm")
