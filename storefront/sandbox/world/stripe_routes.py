"""Every API address the Stripe stand-in answers, with its parameters and its handler."""

from dataclasses import dataclass
from typing import Literal

from storefront.sandbox.world import (
    stripe_balance,
    stripe_charges,
    stripe_customers,
    stripe_disputes,
    stripe_intents_api,
    stripe_refunds,
    stripe_sessions_api,
)
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk
from storefront.sandbox.world.stripe_lists import Handler, line_items, list_spec, lister
from storefront.sandbox.world.stripe_params import LISTING, Spec

NOTHING: Spec = {}


@dataclass(frozen=True)
class Route:
    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    spec: Spec


def _get(path: str, handler: Handler, spec: Spec = NOTHING) -> Route:
    return Route("GET", path, handler, spec)


def _post(path: str, handler: Handler, spec: Spec = NOTHING) -> Route:
    return Route("POST", path, handler, spec)


def _list(path: str, kind: str) -> Route:
    return Route("GET", f"/{path}", lister(kind, path), list_spec(kind))


def _retrieve_event(desk: Desk, object_id: str, _params: JsonObject) -> JsonObject:
    return desk.get("event", object_id)


_ID = "<object_id>"
_SESSIONS, _INTENTS = "/checkout/sessions", "/payment_intents"

ROUTES: tuple[Route, ...] = (
    _post("/customers", stripe_customers.create, stripe_customers.FIELDS),
    _list("customers", "customer"),
    _get(f"/customers/{_ID}", stripe_customers.retrieve),
    _post(f"/customers/{_ID}", stripe_customers.update, stripe_customers.FIELDS),
    _post(_SESSIONS, stripe_sessions_api.create, stripe_sessions_api.CREATE),
    _list("checkout/sessions", "checkout.session"),
    _get(f"{_SESSIONS}/{_ID}", stripe_sessions_api.retrieve),
    _post(f"{_SESSIONS}/{_ID}", stripe_sessions_api.update, stripe_sessions_api.UPDATE),
    _post(f"{_SESSIONS}/{_ID}/expire", stripe_sessions_api.expire),
    _get(f"{_SESSIONS}/{_ID}/line_items", line_items, LISTING),
    _post(_INTENTS, stripe_intents_api.create, stripe_intents_api.CREATE),
    _list("payment_intents", "payment_intent"),
    _get(f"{_INTENTS}/{_ID}", stripe_intents_api.retrieve),
    _post(f"{_INTENTS}/{_ID}", stripe_intents_api.update, stripe_intents_api.UPDATE),
    _post(f"{_INTENTS}/{_ID}/confirm", stripe_intents_api.confirm, stripe_intents_api.CONFIRM),
    _post(f"{_INTENTS}/{_ID}/cancel", stripe_intents_api.cancel, stripe_intents_api.CANCEL),
    _list("charges", "charge"),
    _get(f"/charges/{_ID}", stripe_charges.retrieve),
    _post("/refunds", stripe_refunds.create, stripe_refunds.CREATE),
    _list("refunds", "refund"),
    _get(f"/refunds/{_ID}", stripe_refunds.retrieve),
    _post(f"/refunds/{_ID}", stripe_refunds.update, stripe_refunds.UPDATE),
    _post(f"/refunds/{_ID}/cancel", stripe_refunds.cancel),
    _list("disputes", "dispute"),
    _get(f"/disputes/{_ID}", stripe_disputes.retrieve),
    _post(f"/disputes/{_ID}/close", stripe_disputes.close),
    _list("balance_transactions", "balance_transaction"),
    _get(f"/balance_transactions/{_ID}", stripe_balance.retrieve),
    _list("events", "event"),
    _get(f"/events/{_ID}", _retrieve_event),
)
