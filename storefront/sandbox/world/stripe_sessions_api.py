"""The API's verbs on Checkout Sessions."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, new_id
from storefront.sandbox.world.stripe_errors import invalid
from storefront.sandbox.world.stripe_intents import METHOD_FIELDS, check_amount, methods_of
from storefront.sandbox.world.stripe_params import (
    INTEGER,
    METADATA,
    STRING,
    Field,
    Spec,
    group,
    list_of,
    merge_metadata,
    must,
    one_of,
)
from storefront.sandbox.world.stripe_sessions import expire_session

SHORTEST_LIFE_S, LONGEST_LIFE_S = 30 * 60, 24 * 60 * 60
PRODUCT = group(name=must(STRING), description=STRING, images=list_of(STRING), metadata=METADATA)
PRICE = group(currency=must(STRING), unit_amount=must(INTEGER), product_data=must(PRODUCT))
CREATE: Spec = {
    "mode": must(one_of("payment")),
    "success_url": must(STRING),
    "cancel_url": STRING,
    "line_items": must(list_of(group(price_data=must(PRICE), quantity=INTEGER))),
    **METHOD_FIELDS,
    "client_reference_id": Field(max_length=200),
    "customer": STRING,
    "customer_email": Field(max_length=800),
    "expires_at": INTEGER,
    "locale": one_of("auto", "en", "th"),
    "metadata": METADATA,
    "payment_intent_data": group(
        metadata=METADATA,
        description=Field(max_length=1000),
        receipt_email=STRING,
        statement_descriptor_suffix=Field(max_length=22),
    ),
    "submit_type": one_of("auto", "book", "donate", "pay"),
}
NOT_YET_OR_NEVER = (
    "after_expiration",
    "allow_promotion_codes",
    "billing_address_collection",
    "client_secret",
    "consent",
    "consent_collection",
    "customer_details",
    "invoice",
    "payment_intent",
    "payment_link",
    "recovered_from",
    "setup_intent",
    "subscription",
)
UPDATE: Spec = {"metadata": METADATA}


def create(desk: Desk, _id: str, params: JsonObject) -> JsonObject:
    lines = [_line(item, place) for place, item in enumerate(params["line_items"])]
    if not lines:
        raise invalid("The `line_items` parameter is required in payment mode.", param="line_items")
    total = sum(line["amount_total"] for line in lines)
    check_amount(total, "thb", param="line_items")
    for name in ("success_url", "cancel_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    session = _session(desk, params, total)
    session["_lines"] = lines
    session["_customer_email"] = _customer_email(desk, params)
    return desk.save(session)


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("checkout.session", object_id)


def update(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    session = desk.get("checkout.session", object_id)
    if "metadata" in params:
        session["metadata"] = merge_metadata(session["metadata"], params["metadata"])
    return desk.save(session)


def expire(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return expire_session(desk, object_id)


def _line(item: JsonObject, place: int) -> JsonObject:
    price, quantity = item["price_data"], item.get("quantity", 1)
    path = f"line_items[{place}]"
    if price["currency"].lower() != "thb":
        message = f"Invalid currency: {price['currency']}. This sandbox sells in thb."
        raise invalid(message, param=f"{path}[price_data][currency]")
    if price["unit_amount"] < 0:
        message = "Invalid non-negative integer"
        raise invalid(message, param=f"{path}[price_data][unit_amount]")
    if quantity < 1:
        raise invalid("Quantity must be at least 1.", param=f"{path}[quantity]")
    amount = price["unit_amount"] * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": "thb",
        "description": price["product_data"]["name"],
        "metadata": {},
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "currency": "thb",
            "type": "one_time",
            "unit_amount": price["unit_amount"],
        },
        "quantity": quantity,
    }


def _customer_email(desk: Desk, params: JsonObject) -> str | None:
    if not params.get("customer"):
        return None
    if params.get("customer_email"):
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer_email")
    customer = desk.get("customer", params["customer"], param="customer", status=400)
    email: str | None = customer["email"]
    return email


def _expires_at(desk: Desk, params: JsonObject) -> int:
    expires_at: int = params.get("expires_at", desk.now + LONGEST_LIFE_S)
    if expires_at < desk.now + SHORTEST_LIFE_S:
        edge = "at least 30 minutes from"
    elif expires_at > desk.now + LONGEST_LIFE_S:
        edge = "less than 24 hours from"
    else:
        return expires_at
    message = f"The `expires_at` timestamp must be {edge} Checkout Session creation."
    raise invalid(message, param="expires_at")


def _session(desk: Desk, params: JsonObject, total: int) -> JsonObject:
    session_id = new_id("cs_test", 58)
    for_intent = params.get("payment_intent_data", {})
    return {
        "id": session_id,
        "object": "checkout.session",
        **dict.fromkeys(NOT_YET_OR_NEVER),
        "adaptive_pricing": {"enabled": False},
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": desk.now,
        "currency": "thb",
        "custom_fields": [],
        "customer": params.get("customer"),
        "customer_creation": None if params.get("customer") else "if_required",
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "expires_at": _expires_at(desk, params),
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": methods_of(desk, params),
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": desk.url(f"pay/{session_id}"),
        "_intent": {**for_intent, "metadata": merge_metadata({}, for_intent.get("metadata", {}))},
        "_email": None,
    }
