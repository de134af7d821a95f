"""Customers: an e-mail, a name and metadata under one id."""

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, new_id
from storefront.sandbox.world.stripe_params import (
    METADATA,
    STRING,
    Field,
    Spec,
    list_of,
    merge_metadata,
)

FIELDS: Spec = {
    "email": Field(max_length=512),
    "name": Field(max_length=256),
    "phone": Field(max_length=20),
    "description": STRING,
    "metadata": METADATA,
    "preferred_locales": list_of(STRING),
}


def create(desk: Desk, _id: str, params: JsonObject) -> JsonObject:
    customer = {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": desk.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": new_id("x", 8)[2:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": params.get("preferred_locales", []),
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    desk.save(customer)
    desk.emit("customer.created", customer)
    return customer


def retrieve(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("customer", object_id)


def update(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    customer = desk.get("customer", object_id)
    changes = {key: value for key, value in params.items() if key != "expand"}
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(customer["metadata"], changes["metadata"])
    before = {key: customer[key] for key in changes if customer[key] != changes[key]}
    customer.update(changes)
    desk.save(customer)
    if before:
        desk.emit("customer.updated", customer, before)
    return customer
