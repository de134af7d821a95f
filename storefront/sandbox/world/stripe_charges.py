"""Charges: one per attempt to take money, failed or not."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_balance import book, fee_for
from storefront.sandbox.world.stripe_desk import Desk, new_id

TEST_CARDS = {"pm_card_visa": "visa", "pm_card_mastercard": "mastercard"}
DECLINED_CARDS = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
}


def take_money(desk: Desk, intent: JsonObject, method: str) -> JsonObject:
    """Record a succeeded charge with its fee and emit charge.succeeded."""
    charge = _charge(desk, intent, method)
    is_card = method == "card"
    movement = book(
        desk,
        source=charge,
        kind="charge" if is_card else "payment",
        category="charge",
        amount=charge["amount"],
        fee=fee_for(method, charge["amount"]),
    )
    charge["balance_transaction"] = movement["id"]
    desk.save(charge)
    desk.emit("charge.succeeded", charge)
    return charge


def fail_to_take_money(
    desk: Desk, intent: JsonObject, method: str, *, code: str, message: str
) -> JsonObject:
    """Record a failed charge and emit charge.failed."""
    charge = _charge(desk, intent, method)
    charge.update(
        amount_captured=0,
        captured=False,
        failure_code=code,
        failure_message=message,
        outcome={"network_status": "declined_by_network", "type": "issuer_declined"},
        paid=False,
        status="failed",
    )
    desk.save(charge)
    desk.emit("charge.failed", charge)
    return charge


def _charge(desk: Desk, intent: JsonObject, method: str) -> JsonObject:
    charge_id = new_id("ch" if method == "card" else "py")
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": intent["_billing"],
        "captured": True,
        "created": desk.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": {"network_status": "approved_by_network", "type": "authorized"},
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": _method_details(method),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
    }


def _method_details(method: str) -> JsonObject:
    if method == "promptpay":
        return {"type": "promptpay", "promptpay": {"reference": new_id("pp", 12)[3:].upper()}}
    card = {
        "brand": "visa",
        "country": "TH",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
        "last4": "4242",
    }
    return {"type": "card", "card": card}


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("charge", object_id)
