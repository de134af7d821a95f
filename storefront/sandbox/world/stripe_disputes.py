"""Disputes: a card holder's bank takes the money back until the case is decided."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_balance import book
from storefront.sandbox.world.stripe_desk import Desk, new_id
from storefront.sandbox.world.stripe_errors import StripeError, invalid

EVIDENCE_WITHIN_S = 7 * 24 * 3600
DISPUTE_FEE = 150_00
OPEN_STATES = ("needs_response", "under_review")
INQUIRY_STATES = ("warning_needs_response", "warning_under_review")
DISPUTE_VERBS = ("won", "lost", "escalate", "close_inquiry")


def open_dispute(
    desk: Desk,
    intent_id: str,
    *,
    amount: int | None = None,
    reason: str = "fraudulent",
    is_inquiry: bool = False,
) -> JsonObject:
    """Dispute a card payment for `amount` satang (all of it by default). PromptPay has none. An
    inquiry moves no money until it escalates
    (https://docs.stripe.com/disputes/how-disputes-work#inquiries)."""
    intent = desk.get("payment_intent", intent_id)
    if intent["status"] != "succeeded":
        raise StripeError("Only a paid PaymentIntent can be disputed.")
    charge = desk.get("charge", intent["latest_charge"])
    if charge["payment_method_details"]["type"] != "card":
        raise StripeError("PromptPay payments cannot be disputed.")
    if charge["disputed"] or charge.get("_case"):
        raise StripeError("This charge is already disputed.")
    claimed = charge["amount"] if amount is None else amount
    if not 0 < claimed <= charge["amount"]:
        raise invalid("A dispute is about a part of the charge at most.", param="amount")
    dispute = _dispute(desk, charge, claimed, reason)
    charge["_case"] = dispute["id"]
    desk.save(charge)
    if is_inquiry:
        dispute.update(status="warning_needs_response", is_charge_refundable=True)
        desk.save(dispute)
    else:
        _withdraw(desk, dispute, charge)
    desk.emit("charge.dispute.created", dispute)
    if not is_inquiry:
        desk.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def move_dispute(desk: Desk, dispute_id: str, verb: str) -> JsonObject:
    """What a bank can do with a case: decide a dispute, make one of an inquiry, or let that go."""
    if verb in ("won", "lost"):
        return decide(desk, dispute_id, is_won=verb == "won")
    dispute = desk.get("dispute", dispute_id)
    if dispute["status"] not in INQUIRY_STATES:
        raise StripeError(f"This dispute has a status of {dispute['status']}: it is no inquiry.")
    before = {"status": dispute["status"]}
    if verb == "close_inquiry":
        dispute["status"] = "warning_closed"
        desk.save(dispute)
        desk.emit("charge.dispute.closed", dispute)
        return dispute
    dispute.update(status="needs_response", is_charge_refundable=False)
    _withdraw(desk, dispute, desk.get("charge", dispute["charge"]))
    desk.emit("charge.dispute.updated", dispute, before)
    desk.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide(desk: Desk, dispute_id: str, *, is_won: bool) -> JsonObject:
    """Close a dispute: won brings the money back."""
    dispute = desk.get("dispute", dispute_id)
    if dispute["status"] not in OPEN_STATES:
        raise StripeError(f"This dispute has a status of {dispute['status']}: it is closed.")
    before = {"status": dispute["status"]}
    dispute["status"] = "under_review"
    desk.save(dispute)
    desk.emit("charge.dispute.updated", dispute, before)
    dispute["status"] = "won" if is_won else "lost"
    if is_won:
        _move_money(desk, dispute, dispute["amount"])
    desk.save(dispute)
    if is_won:
        desk.emit("charge.dispute.funds_reinstated", dispute)
    desk.emit("charge.dispute.closed", dispute)
    return dispute


def close(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    """The seller accepts the loss."""
    return decide(desk, object_id, is_won=False)


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("dispute", object_id)


def _dispute(desk: Desk, charge: JsonObject, amount: int, reason: str) -> JsonObject:
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": desk.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": desk.now + EVIDENCE_WITHIN_S,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "type": "card",
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
        },
        "reason": reason,
        "status": "needs_response",
    }


def _withdraw(desk: Desk, dispute: JsonObject, charge: JsonObject) -> None:
    _move_money(desk, dispute, -dispute["amount"], fee=DISPUTE_FEE)
    charge["disputed"] = True
    desk.save(charge)


def _move_money(desk: Desk, dispute: JsonObject, amount: int, fee: int = 0) -> None:
    category = "dispute" if amount < 0 else "dispute_reversal"
    movement = book(
        desk, source=dispute, kind="adjustment", category=category, amount=amount, fee=fee
    )
    dispute["balance_transactions"].append(movement)
    desk.save(dispute)
