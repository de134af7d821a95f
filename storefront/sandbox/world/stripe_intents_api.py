"""The API's verbs on Payment Intents."""

from typing import Any

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk
from storefront.sandbox.world.stripe_errors import StripeError, invalid
from storefront.sandbox.world.stripe_intents import (
    METHOD_FIELDS,
    METHODS,
    OPEN_STATES,
    attempt_card,
    cancel_intent,
    check_amount,
    methods_of,
    open_intent,
    show_promptpay,
    unexpected_state,
)
from storefront.sandbox.world.stripe_params import (
    BOOLEAN,
    INTEGER,
    METADATA,
    STRING,
    Field,
    Spec,
    group,
    merge_metadata,
    must,
    one_of,
)

BILLING = group(email=STRING, name=STRING, phone=STRING)
PAYMENT: Spec = {
    "payment_method": STRING,
    "payment_method_data": group(type=must(one_of(*METHODS)), billing_details=BILLING),
    "return_url": STRING,
    "receipt_email": STRING,
}
CREATE: Spec = {
    **PAYMENT,
    "amount": must(INTEGER),
    "currency": must(STRING),
    "customer": STRING,
    "description": Field(max_length=1000),
    "metadata": METADATA,
    "statement_descriptor_suffix": Field(max_length=22),
    **METHOD_FIELDS,
    "automatic_payment_methods": group(
        enabled=must(BOOLEAN), allow_redirects=one_of("always", "never")
    ),
    "confirm": BOOLEAN,
}
CONFIRM: Spec = PAYMENT
UPDATE: Spec = {
    "amount": INTEGER,
    "description": Field(max_length=1000),
    "metadata": METADATA,
    "receipt_email": STRING,
}
CANCEL: Spec = {
    "cancellation_reason": one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")
}


def create(desk: Desk, _id: str, params: JsonObject) -> JsonObject:
    check_amount(params["amount"], params["currency"], param="amount")
    if params.get("customer"):
        desk.get("customer", params["customer"], param="customer", status=400)
    confirms = params.pop("confirm", False)
    methods = methods_of(desk, params)
    if not confirms and ("payment_method" in params or "payment_method_data" in params):
        message = "This sandbox takes a payment method only together with confirm=true."
        raise invalid(message, param="payment_method")
    params["metadata"] = merge_metadata({}, params.get("metadata", {}))
    intent = open_intent(desk, amount=params["amount"], methods=methods, params=params)
    return _pay(desk, intent, params) if confirms else intent


def confirm(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    intent = _own(desk, object_id, "confirm")
    if "receipt_email" in params:
        intent["receipt_email"] = params["receipt_email"]
    return _pay(desk, intent, params)


def update(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    intent = desk.get("payment_intent", object_id)
    if "amount" in params:
        if intent["status"] not in OPEN_STATES[:2] or intent.get("_session"):
            raise unexpected_state(intent, "update")
        check_amount(params["amount"], intent["currency"], param="amount")
    if "metadata" in params:
        params["metadata"] = merge_metadata(intent["metadata"], params["metadata"])
    intent.update({key: value for key, value in params.items() if key in UPDATE})
    return desk.save(intent)


def cancel(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    intent = _own(desk, object_id, "cancel")
    if intent["status"] not in OPEN_STATES:
        raise unexpected_state(intent, "cancel")
    return cancel_intent(desk, intent, params.get("cancellation_reason"))


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("payment_intent", object_id)


def _own(desk: Desk, object_id: str, verb: str) -> JsonObject:
    intent = desk.get("payment_intent", object_id)
    if intent.get("_session"):
        raise StripeError(
            f"You cannot {verb} this PaymentIntent because it was created by Checkout."
            " Expire its Checkout Session instead."
        )
    return intent


def _pay(desk: Desk, intent: JsonObject, params: JsonObject) -> JsonObject:
    data: dict[str, Any] = params.get("payment_method_data", {})
    card = params.get("payment_method")
    method = data.get("type", "card")
    if method == "card" and card is None:
        message = "You must provide a payment method: payment_method=pm_card_visa or similar."
        raise invalid(message, param="payment_method", code="parameter_missing")
    if method not in intent["payment_method_types"]:
        message = f"The payment method type {method} is not allowed for this PaymentIntent."
        raise invalid(message, param="payment_method")
    billing: JsonObject = data.get("billing_details", {})
    if method == "promptpay":
        return show_promptpay(desk, intent, billing)
    return attempt_card(desk, intent, str(card), billing)
