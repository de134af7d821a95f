"""Events from outside: signed, stored once, applied by a job."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from storefront.errors import DomainError, Kind, NotFound
from storefront.payments.service import receive_event
from storefront.providers import tebex
from storefront.web import public_machine, shop

bp = Blueprint("api_webhooks", __name__)

LARGEST_EVENT_BYTES = 256 * 1024


@bp.post("/api/webhooks/stripe")
@public_machine
def stripe_webhook() -> Response:
    """Take an event in. 200 also for one that is known; 400 for a bad signature, which writes
    nothing (X2); 413 above 256 KiB."""
    event = shop().gateway.read_event(
        _read_body(),
        request.headers.get("Stripe-Signature", ""),
        now=shop().clock(),
    )
    with shop().database.transaction() as session:
        receive_event(session, source="stripe", event=event)
    return jsonify(received=True)


@bp.post("/api/webhooks/tebex")
@public_machine
def tebex_webhook() -> Response:
    """Take an event of Tebex's in, or answer its question whether we are there.

    404 where no secret is set: the shop does not sell through Tebex. 200 also for an event that is
    known; 400 for a bad signature, which writes nothing (X2); 413 above 256 KiB. Source:
    https://docs.tebex.io/developers/webhooks/overview
    """
    secrets = shop().settings.tebex_webhook_secrets
    if not secrets:
        raise NotFound("page")
    body = _read_body()
    event = tebex.read_event(body, request.headers.get("X-Signature", ""), secrets=secrets)
    if event.event_type == tebex.VALIDATION:
        return jsonify(id=event.event_id)
    with shop().database.transaction() as session:
        receive_event(session, source=tebex.SOURCE, event=event)
    return jsonify(received=True)


def _read_body() -> bytes:
    """The body as it came. Raises DomainError `too_large`."""
    stated = request.content_length
    if stated is not None and stated > LARGEST_EVENT_BYTES:
        raise DomainError("too_large", Kind.TOO_LARGE)
    body = request.get_data(cache=False)
    # A body in chunks states no length and is cut off at the limit instead of refused.
    if stated is None and len(body) >= LARGEST_EVENT_BYTES:
        raise DomainError("too_large", Kind.TOO_LARGE)
    return body
