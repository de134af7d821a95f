"""Lists, pages of lists, and the expansion of ids into objects."""

from collections.abc import Callable
from typing import Any

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, public
from storefront.sandbox.world.stripe_errors import invalid
from storefront.sandbox.world.stripe_params import LISTING, STRING, Spec, list_of, one_of

Handler = Callable[[Desk, str, JsonObject], JsonObject]

EXPANDABLE = {
    "balance_transaction",
    "charge",
    "customer",
    "failure_balance_transaction",
    "latest_charge",
    "line_items",
    "payment_intent",
    "source",
}
FILTERS: dict[str, tuple[str, ...]] = {
    "balance_transaction": ("currency", "source", "type"),
    "charge": ("customer", "payment_intent"),
    "checkout.session": ("customer", "payment_intent", "status"),
    "customer": ("email",),
    "dispute": ("charge", "payment_intent"),
    "event": ("type",),
    "payment_intent": ("customer",),
    "refund": ("charge", "payment_intent"),
}


def list_spec(kind: str) -> Spec:
    spec = {**LISTING, **dict.fromkeys(FILTERS[kind], STRING)}
    if kind == "event":
        spec["types"] = list_of(STRING)
    if kind == "checkout.session":
        spec["status"] = one_of("open", "complete", "expired")
    return spec


def lister(kind: str, path: str) -> Handler:
    """A handler that lists one kind, newest first."""

    def list_objects(desk: Desk, _id: str, params: JsonObject) -> JsonObject:
        found = [
            item for item in desk.world.store.newest_first(kind) if _matches(kind, item, params)
        ]
        return page_of(found, params, f"/v1/{path}")

    return list_objects


def line_items(desk: Desk, object_id: str, params: JsonObject) -> JsonObject:
    session = desk.get("checkout.session", object_id)
    path = f"/v1/checkout/sessions/{object_id}/line_items"
    return page_of(session["_lines"], params, path)


def page_of(found: list[JsonObject], params: JsonObject, path: str) -> JsonObject:
    """One page after `starting_after`, of `limit` (1 to 100, 10 by default) objects."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid("Invalid limit: must be between 1 and 100", param="limit")
    start = 0
    if "starting_after" in params:
        places = [item["id"] for item in found]
        if params["starting_after"] not in places:
            raise invalid(f"No such object: '{params['starting_after']}'", param="starting_after")
        start = places.index(params["starting_after"]) + 1
    return {
        "object": "list",
        "data": found[start : start + limit],
        "has_more": len(found) > start + limit,
        "url": path,
    }


def shown(desk: Desk, document: JsonObject, expand: list[str]) -> JsonObject:
    """The public form of an object or a list, with the asked-for ids replaced by objects."""
    if document["object"] == "list":
        deeper = [path.removeprefix("data.") for path in expand]
        data = [shown(desk, item, deeper) for item in document["data"]]
        return {**document, "data": data}
    result = public(document)
    for path in expand:
        head, _, rest = path.partition(".")
        result[head] = _expanded(desk, document, result, head, [rest] if rest else [])
    return result


def _expanded(
    desk: Desk, document: JsonObject, result: JsonObject, name: str, deeper: list[str]
) -> Any:
    if name == "line_items" and "_lines" in document:
        return page_of(document["_lines"], {}, f"/v1/checkout/sessions/{document['id']}/line_items")
    if name not in EXPANDABLE or name not in result:
        message = f"This property cannot be expanded ({name})."
        raise invalid(message, param="expand")
    value = result[name]
    if isinstance(value, dict):
        return shown(desk, value, deeper)
    found = desk.world.store.find(value) if value else None
    return shown(desk, found, deeper) if found else value


def _matches(kind: str, item: JsonObject, params: JsonObject) -> bool:
    if item.get("_hidden"):
        return False
    edges = params.get("created", {})
    created = item["created"]
    if not (
        edges.get("gte", created) <= created <= edges.get("lte", created)
        and ("gt" not in edges or created > edges["gt"])
        and ("lt" not in edges or created < edges["lt"])
    ):
        return False
    if "types" in params and item["type"] not in params["types"]:
        return False
    return all(
        params[name] in (item[name], "*") if name in params else True for name in FILTERS[kind]
    )
