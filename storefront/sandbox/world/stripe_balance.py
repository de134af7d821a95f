"""Balance transactions: what each payment, refund and dispute does to the Stripe balance."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, new_id

# Stripe Thailand's price list in basis points and satang (https://stripe.com/en-th/pricing).
CARD_FEE_BPS, CARD_FEE_FIXED = 365, 1000
PROMPTPAY_FEE_BPS, PROMPTPAY_FEE_FIXED = 165, 0
SETTLES_AFTER_S = 5 * 24 * 3600


def fee_for(method: str, amount: int) -> int:
    """The fee in satang for a payment of `amount` satang, half a satang rounded up."""
    is_card = method == "card"
    rate = CARD_FEE_BPS if is_card else PROMPTPAY_FEE_BPS
    fixed = CARD_FEE_FIXED if is_card else PROMPTPAY_FEE_FIXED
    return (amount * rate + 5_000) // 10_000 + fixed


def book(
    desk: Desk, *, source: JsonObject, kind: str, category: str, amount: int, fee: int = 0
) -> JsonObject:
    """Write one movement: `amount` satang with its sign, `fee` taken off it."""
    details = []
    if fee:
        details.append(
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        )
    return desk.save(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": desk.now + SETTLES_AFTER_S,
            "balance_type": "payments",
            "created": desk.now,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details,
            "net": amount - fee,
            "reporting_category": category,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("balance_transaction", object_id)
