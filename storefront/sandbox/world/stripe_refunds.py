"""Refunds: at once for a card, waiting for the buyer's bank details for PromptPay."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_balance import book
from storefront.sandbox.world.stripe_desk import Desk, new_id
from storefront.sandbox.world.stripe_errors import StripeError, invalid
from storefront.sandbox.world.stripe_params import (
    INTEGER,
    METADATA,
    STRING,
    Spec,
    merge_metadata,
    one_of,
)

CREATE: Spec = {
    "payment_intent": STRING,
    "charge": STRING,
    "amount": INTEGER,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
    "instructions_email": STRING,
    "metadata": METADATA,
}
UPDATE: Spec = {"metadata": METADATA}
WAITING = ("pending", "requires_action")
BANK_DETAILS_WITHIN_S = 45 * 24 * 3600


def create(desk: Desk, _id: str, params: JsonObject) -> JsonObject:
    """Refund all or a part of a charge; never more than what is left of it."""
    charge = _charge_to_refund(desk, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    _check_refundable(charge, amount, left)
    refund = _refund(desk, charge, amount, params)
    if charge["id"].startswith("py_"):
        _ask_for_bank_details(desk, refund, charge, params.get("instructions_email"))
    else:
        refund["status"] = desk.world.stripe.card_refunds
    if refund["status"] != "failed":
        _move_money(desk, refund, charge)
    desk.save(refund)
    desk.emit("refund.created", refund)
    if refund["status"] == "failed":
        refund["failure_reason"] = "expired_or_canceled_card"
        desk.save(refund)
        desk.emit("refund.failed", refund)
    else:
        desk.emit("charge.refunded", charge)
    return refund


def succeed_refund(desk: Desk, refund_id: str) -> JsonObject:
    """End the wait of a pending refund well."""
    refund = desk.get("refund", refund_id)
    if refund["status"] not in WAITING:
        raise StripeError(f"This refund has a status of {refund['status']}: it does not wait.")
    return _become(desk, refund, "succeeded")


def fail_refund(desk: Desk, refund_id: str, reason: str = "unknown") -> JsonObject:
    """Fail a refund; even a succeeded one can come back from the bank. The money returns."""
    refund = desk.get("refund", refund_id)
    if refund["status"] not in (*WAITING, "succeeded"):
        raise StripeError(f"This refund has a status of {refund['status']}: it cannot fail.")
    _return_money(desk, refund)
    refund["failure_reason"] = reason
    _become(desk, refund, "failed")
    desk.emit("refund.failed", refund)
    return refund


def cancel(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    refund = desk.get("refund", object_id)
    if refund["status"] != "requires_action":
        raise StripeError("You can only cancel a refund with a status of requires_action.")
    _return_money(desk, refund)
    return _become(desk, refund, "canceled")


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("refund", object_id)


def update(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    refund = desk.get("refund", object_id)
    if "metadata" in params:
        refund["metadata"] = merge_metadata(refund["metadata"], params["metadata"])
    return desk.save(refund)


def _charge_to_refund(desk: Desk, params: JsonObject) -> JsonObject:
    if "charge" in params and "payment_intent" not in params:
        return desk.get("charge", params["charge"], param="charge", status=404)
    if "payment_intent" not in params:
        message = "One of the following params should be provided for this request: payment_intent"
        raise invalid(f"{message} or charge.", code="parameter_missing")
    intent = desk.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a charge to refund."
        raise StripeError(message)
    return desk.get("charge", intent["latest_charge"])


def _check_refundable(charge: JsonObject, amount: int, left: int) -> None:
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(message, code="charge_disputed")
    if not charge["paid"]:
        raise StripeError(f"Charge {charge['id']} has failed; there is nothing to refund.")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded")
    if amount <= 0:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        raise StripeError(
            f"Refund amount (฿{amount / 100:,.2f}) is greater than unrefunded amount on charge"
            f" (฿{left / 100:,.2f})",
            param="amount",
        )


def _refund(desk: Desk, charge: JsonObject, amount: int, params: JsonObject) -> JsonObject:
    return {
        "id": new_id("re" if charge["id"].startswith("ch_") else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": desk.now,
        "currency": charge["currency"],
        "description": None,
        "failure_balance_transaction": None,
        "failure_reason": None,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _ask_for_bank_details(
    desk: Desk, refund: JsonObject, charge: JsonObject, given: str | None
) -> None:
    """PromptPay cannot pull money back: Stripe mails the buyer and waits for an account number."""
    email = given or charge["billing_details"]["email"]
    if not email:
        message = "An instructions_email is needed to refund this payment method."
        raise invalid(message, param="instructions_email", code="parameter_missing")
    refund["instructions_email"] = email
    refund["status"] = "requires_action"
    refund["next_action"] = {
        "type": "display_details",
        "display_details": {
            "email_sent": {"email_sent_at": desk.now, "email_sent_to": email},
            "expires_at": desk.now + BANK_DETAILS_WITHIN_S,
        },
    }


def _move_money(desk: Desk, refund: JsonObject, charge: JsonObject) -> None:
    kind = "refund" if charge["id"].startswith("ch_") else "payment_refund"
    movement = book(desk, source=refund, kind=kind, category="refund", amount=-refund["amount"])
    refund["balance_transaction"] = movement["id"]
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    desk.save(charge)


def _return_money(desk: Desk, refund: JsonObject) -> None:
    charge = desk.get("charge", refund["charge"])
    movement = book(
        desk,
        source=refund,
        kind="refund_failure",
        category="refund_failure",
        amount=refund["amount"],
    )
    refund["failure_balance_transaction"] = movement["id"]
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    desk.save(charge)


def _become(desk: Desk, refund: JsonObject, status: str) -> JsonObject:
    before = {"status": refund["status"]}
    refund.update(status=status, next_action=None)
    desk.save(refund)
    desk.emit("refund.updated", refund, before)
    return refund
