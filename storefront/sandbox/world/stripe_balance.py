"""Balance transactions: what each payment, refund and dispute does to the Stripe balance, and the
trouble that can be made with them."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, new_id

# Stripe Thailand's price list in basis points and satang (https://stripe.com/en-th/pricing).
CARD_FEE_BPS, CARD_FEE_FIXED = 365, 1000
PROMPTPAY_FEE_BPS, PROMPTPAY_FEE_FIXED = 165, 0
CURRENCY = "thb"
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
    return _save(
        desk,
        kind=kind,
        category=category,
        amount=amount,
        fee=fee,
        source=source["id"],
        description=source.get("description"),
    )


def move(desk: Desk, *, kind: str, amount: int) -> JsonObject:
    """Let money move for a reason no buyer has: a payout to the seller's bank, a fee for Radar or
    the like, or an adjustment by Stripe itself. `amount` satang with its sign."""
    source = None
    if kind == "payout":
        payout = desk.save(
            {
                "id": new_id("po"),
                "object": "payout",
                "amount": -amount,
                "created": desk.now,
                "currency": CURRENCY,
                "livemode": False,
                "metadata": {},
                "status": "paid",
            }
        )
        source = str(payout["id"])
    return _save(
        desk,
        kind={"fee": "stripe_fee"}.get(kind, kind),
        category={"adjustment": "other_adjustment"}.get(kind, kind),
        amount=amount,
        source=source,
    )


def hide(desk: Desk, object_id: str) -> JsonObject:
    """Leave one movement out of every list, as if it had never happened."""
    return desk.save({**desk.get("balance_transaction", object_id), "_hidden": True})


def show(desk: Desk, object_id: str) -> JsonObject:
    """List it again."""
    return desk.save({**desk.get("balance_transaction", object_id), "_hidden": False})


def duplicate(desk: Desk, object_id: str) -> JsonObject:
    """Let the same thing move money a second time."""
    return desk.save({**desk.get("balance_transaction", object_id), "id": new_id("txn")})


def change(
    desk: Desk, object_id: str, *, amount: int | None = None, currency: str | None = None
) -> JsonObject:
    """Let one movement be of another amount or currency than everybody believes."""
    movement = desk.get("balance_transaction", object_id)
    amount = movement["amount"] if amount is None else amount
    return desk.save(
        {
            **movement,
            "amount": amount,
            "currency": currency or movement["currency"],
            "net": amount - movement["fee"],
        }
    )


def _save(
    desk: Desk,
    *,
    kind: str,
    category: str,
    amount: int,
    fee: int = 0,
    source: str | None,
    description: str | None = None,
) -> JsonObject:
    return desk.save(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": desk.now + SETTLES_AFTER_S,
            "balance_type": "payments",
            "created": desk.now,
            "currency": CURRENCY,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": _fee_details(fee) if fee else [],
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "pending",
            "type": kind,
        }
    )


def _fee_details(fee: int) -> list[JsonObject]:
    return [
        {
            "amount": fee,
            "application": None,
            "currency": CURRENCY,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("balance_transaction", object_id)
