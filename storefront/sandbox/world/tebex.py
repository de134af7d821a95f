"""A little Tebex: sells packages at the press of a button and tells the shop by signed webhooks.

Only what the shop hears of Tebex: payments, refunds, disputes, subscriptions and the question
whether an endpoint is there, each sent once (https://docs.tebex.io/developers/webhooks/overview).
A subscription is its payments, the first one first. What is sold is forgotten when the sandbox
stops; the shop remembers.
"""

import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, abort, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from storefront.sandbox.world.state import TEBEX_WEBHOOK_SECRET, World
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_webhooks import ANSWER_WITHIN_S, OPENER

STRIPE_PATH, TEBEX_PATH = "/api/webhooks/stripe", "/api/webhooks/tebex"
# What each button sends, and how the payment stands afterwards: Tebex's ids of a status.
VERBS: dict[str, tuple[str, int, str]] = {
    "complete": ("payment.completed", 1, "Complete"),
    "refund": ("payment.refunded", 2, "Refund"),
    "dispute": ("payment.dispute.opened", 3, "Chargeback"),
    "win": ("payment.dispute.won", 1, "Complete"),
    "lose": ("payment.dispute.lost", 3, "Chargeback"),
    "close": ("payment.dispute.closed", 1, "Complete"),
}
# The same for a subscription: what is sent, and how it stands afterwards.
PLAN_VERBS: dict[str, tuple[str, str]] = {
    "renew": ("recurring-payment.renewed", "Active"),
    "cancel": ("recurring-payment.cancellation.requested", "Pending Cancellation"),
    "keep": ("recurring-payment.cancellation.aborted", "Active"),
    "end": ("recurring-payment.ended", "Cancelled"),
}
TERM = timedelta(days=30)
FIELDS = ("package", "name", "quantity", "email", "discord_id", "username", "country")


def register_tebex(app: Flask, world: World) -> None:
    blueprint = Blueprint("tebex", __name__)

    @blueprint.get("/tebex")
    def page() -> str:
        payments = list(world.tebex.values())[::-1]
        return render_template(
            "tebex.html",
            payments=payments,
            verbs=VERBS,
            plan_verbs=PLAN_VERBS,
            plans=_plans(world)[::-1],
            url=address_of(world),
        )

    @blueprint.post("/control/tebex")
    def sell() -> AnyResponse:
        """Sell a package, perhaps as a subscription, and tell the shop, unless `silent` is said."""
        wanted = _asked()
        payment = _payment(wanted)
        world.tebex[payment["transaction_id"]] = {"subject": payment, "sent": []}
        if not wanted.get("silent"):
            _tell(world, payment["transaction_id"], "complete")
            if payment["recurring_payment_reference"]:
                _tell_plan(
                    world, payment["recurring_payment_reference"], "recurring-payment.started"
                )
        return _done(world.tebex[payment["transaction_id"]])

    @blueprint.post("/control/tebex/<transaction>/<verb>")
    def act(transaction: str, verb: str) -> AnyResponse:
        if transaction not in world.tebex or verb not in VERBS:
            abort(404)
        _tell(world, transaction, verb)
        return _done(world.tebex[transaction])

    @blueprint.post("/control/tebex/validations")
    def validate() -> AnyResponse:
        """Ask whether the endpoint is there; what it answered."""
        status, body = send(world, "validation.webhook", {})
        return jsonify(status=status, body=body)

    _register_plans(blueprint, world)
    app.register_blueprint(blueprint)


def _register_plans(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/control/tebex/subscriptions/<reference>/<verb>")
    def act_on_plan(reference: str, verb: str) -> AnyResponse:
        """A renewal is a payment of its own, told of by two events unless `once` is said."""
        if reference not in _plans(world) or verb not in PLAN_VERBS:
            abort(404)
        kind, _status = PLAN_VERBS[verb]
        if verb == "renew":
            renewal = _renewal(_payments_of(world, reference)[0]["subject"])
            world.tebex[renewal["transaction_id"]] = {"subject": renewal, "sent": []}
            if not _asked().get("once"):
                _tell(world, renewal["transaction_id"], "complete")
        _tell_plan(world, reference, kind)
        return _done(_payments_of(world, reference)[-1])


def address_of(world: World) -> str | None:
    """Where the shop listens for Tebex, beside where it listens for Stripe."""
    url = world.webhook_url
    return url.replace(STRIPE_PATH, TEBEX_PATH) if url and STRIPE_PATH in url else None


def send(world: World, kind: str, subject: JsonObject) -> tuple[int | None, str]:
    """Send one signed event; the status and the body of the answer, None when there was none."""
    url = address_of(world)
    if url is None:
        return None, "no address"
    event = {
        "id": str(uuid.uuid4()),
        "type": kind,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "subject": subject,
    }
    body = json.dumps(event).encode()
    headers = {"Content-Type": "application/json", "X-Signature": _sign(body)}
    try:
        call = urllib.request.Request(url, body, headers)  # noqa: S310 - our own address
        with OPENER.open(call, timeout=ANSWER_WITHIN_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return None, str(error)


def _tell(world: World, transaction: str, verb: str) -> None:
    kind, status_id, status = VERBS[verb]
    payment = world.tebex[transaction]
    payment["subject"]["status"] = {"id": status_id, "description": status}
    code, _body = send(world, kind, payment["subject"])
    payment["sent"].append({"type": kind, "status": code})


def _tell_plan(world: World, reference: str, kind: str) -> None:
    payments = _payments_of(world, reference)
    status = next((word for told, word in PLAN_VERBS.values() if told == kind), "Active")
    now = datetime.now(UTC)
    subject = {
        "reference": reference,
        "created_at": payments[0]["subject"]["created_at"],
        "paused_at": None,
        "paused_until": None,
        "next_payment_at": (now + TERM).isoformat(),
        "status": {"id": 2 if status == "Active" else 4, "description": status},
        "initial_payment": payments[0]["subject"],
        "last_payment": payments[-1]["subject"],
        "fail_count": 0,
        "price": payments[0]["subject"]["price"],
        "cancelled_at": now.isoformat() if status == "Cancelled" else None,
        "cancel_reason": "Ended at the press of a button" if status == "Cancelled" else None,
    }
    code, _body = send(world, kind, subject)
    payments[-1]["sent"].append({"type": kind, "status": code})


def _plans(world: World) -> list[str]:
    named = (one["subject"]["recurring_payment_reference"] for one in world.tebex.values())
    return list(dict.fromkeys(reference for reference in named if reference))


def _payments_of(world: World, reference: str) -> list[JsonObject]:
    return [
        payment
        for payment in world.tebex.values()
        if payment["subject"]["recurring_payment_reference"] == reference
    ]


def _renewal(first: JsonObject) -> JsonObject:
    return {
        **first,
        "transaction_id": _new_transaction(),
        "status": {"id": 1, "description": "Complete"},
        "created_at": datetime.now(UTC).isoformat(),
    }


def _new_transaction() -> str:
    return f"tbx-{secrets.token_hex(7)}-{secrets.token_hex(3)}"


def _sign(body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()
    return hmac.new(TEBEX_WEBHOOK_SECRET.encode(), digest.encode(), hashlib.sha256).hexdigest()


def _payment(wanted: JsonObject) -> JsonObject:
    package = str(wanted.get("package") or "6276316")
    quantity = str(wanted.get("quantity") or "1")
    if not (package.isdigit() and quantity.isdigit()):
        abort(400)
    discord_id = str(wanted.get("discord_id") or "")
    variables = [{"identifier": "discord_id", "option": discord_id}] if discord_id else []
    price = {"amount": 14.0 * int(quantity), "currency": "USD"}
    username = {"id": "1234567", "username": str(wanted.get("username") or "somchai")}
    return {
        "transaction_id": _new_transaction(),
        "status": {"id": 1, "description": "Complete"},
        "payment_sequence": "recurring" if wanted.get("subscription") else "oneoff",
        "created_at": datetime.now(UTC).isoformat(),
        "price": price,
        "price_paid": price,
        "payment_method": {"name": "Test Payments", "refundable": True},
        "fees": {"tax": {"amount": 0, "currency": "USD"}},
        "customer": {
            "first_name": "Test",
            "last_name": "Buyer",
            "email": str(wanted.get("email") or "buyer@example.com"),
            "ip": "203.0.113.20",
            "username": username,
            "marketing_consent": False,
            "country": str(wanted.get("country") or "TH"),
            "postal_code": "10110",
        },
        "products": [
            {
                "id": int(package),
                "name": str(wanted.get("name") or f"Package {package}"),
                "quantity": int(quantity),
                "base_price": price,
                "paid_price": price,
                "variables": variables,
                "expires_at": None,
                "custom": None,
                "username": username,
            }
        ],
        "coupons": [],
        "gift_cards": [],
        "recurring_payment_reference": _new_reference() if wanted.get("subscription") else None,
        "decline_reason": None,
    }


def _new_reference() -> str:
    return f"tbx-r-{secrets.randbelow(10**9):09}"


def _asked() -> dict[str, Any]:
    wanted = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    if not isinstance(wanted, dict) or set(wanted) - {
        *FIELDS,
        "subscription",
        "silent",
        "once",
        "back",
    }:
        abort(400)
    return wanted


def _done(payment: JsonObject) -> AnyResponse:
    """JSON for a script; a browser's form, which carries `back`, returns to the page."""
    return redirect("/tebex", 303) if request.form.get("back") else jsonify(payment)
