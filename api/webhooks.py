"""Events from outside: signed, stored once, applied by a job."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from storefront.errors import DomainError, Kind
from storefront.payments.service import receive_event
from storefront.web import public_machine, shop

bp = Blueprint("api_webhooks", __name__)

LARGEST_EVENT_BYTES = 256 * 1024


@bp.post("/api/webhooks/stripe")
@public_machine
def stripe_webhook() -> Response:
    """Take an event in. 200 also for one that is known; 400 for a bad signature, which writes
    nothing (X2); 413 above 256 KiB."""
    if (request.content_length or 0) > LARGEST_EVENT_BYTES:
        raise DomainError("too_large", Kind.TOO_LARGE)
    event = shop().gateway.read_event(
        request.get_data(cache=False),
        request.headers.get("Stripe-Signature", ""),
        now=shop().clock(),
    )
    with shop().database.transaction() as session:
        receive_event(session, source="stripe", event=event)
    return jsonify(received=True)
