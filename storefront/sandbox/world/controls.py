"""The levers of demo and tests: trouble on request, and what a bank or a buyer would do.

There is no sign-in: the sandbox listens on the loopback only.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from storefront.sandbox.world import stripe_balance
from storefront.sandbox.world.discord_users import add_user
from storefront.sandbox.world.state import Fault, StripeKnobs, WebhookKnobs, World
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, public, work
from storefront.sandbox.world.stripe_disputes import (
    DISPUTE_VERBS,
    move_dispute,
    open_dispute,
)
from storefront.sandbox.world.stripe_errors import StripeError
from storefront.sandbox.world.stripe_intents import charge_by_hand
from storefront.sandbox.world.stripe_pages import (
    INTENT_VERBS,
    SESSION_VERBS,
    act_on_intent,
    act_on_session,
)
from storefront.sandbox.world.stripe_refunds import fail_refund, succeed_refund
from storefront.sandbox.world.stripe_webhooks import hurry

REFUSALS = (None, "451", "550")
REFUND_STATES = ("succeeded", "pending", "failed")
MOVEMENTS = ("charge", "fee", "payout", "adjustment")
MOVEMENT_VERBS: dict[str, Callable[..., JsonObject]] = {
    "hide": stripe_balance.hide,
    "show": stripe_balance.show,
    "duplicate": stripe_balance.duplicate,
    "change": stripe_balance.change,
}


class BadControl(Exception):
    """A control was asked for something it does not know."""


def register_controls(app: Flask, world: World) -> None:
    blueprint = Blueprint("controls", __name__, url_prefix="/control")
    blueprint.register_error_handler(BadControl, lambda error: _refused(str(error), 400))
    blueprint.register_error_handler(
        StripeError, lambda error: _refused(error.message, error.status)
    )
    _add_knobs(blueprint, world)
    _add_stripe_knobs(blueprint, world)
    _add_stripe_actions(blueprint, world)
    _add_movements(blueprint, world)
    _add_events(blueprint, world)
    app.register_blueprint(blueprint)


def _add_knobs(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/webhook")
    def webhook() -> Response:
        wanted = _asked("url", "secret")
        world.webhook_url = wanted.get("url", world.webhook_url)
        world.webhook_secret = wanted.get("secret") or world.webhook_secret
        hurry(world)
        return jsonify(url=world.webhook_url)

    @blueprint.route("/discord", methods=["GET", "POST"])
    def discord() -> Response:
        return _turn(world.discord)

    @blueprint.post("/discord/users")
    def discord_users() -> Response:
        try:
            return jsonify(add_user(world.store, request.get_json()))
        except ValueError as error:
            raise BadControl(str(error)) from error

    @blueprint.route("/mail", methods=["GET", "POST"])
    def mail() -> Response:
        wanted = _asked("down", "refuse", "delay_ms") if request.method == "POST" else {}
        if wanted.get("refuse") not in REFUSALS:
            raise BadControl("refuse must be 451, 550 or null")
        answer = _turn(world.mail)
        if request.method == "POST":
            world.set_mail_down(world.mail.down)
        return answer

    @blueprint.route("/s3", methods=["GET", "POST"])
    def s3() -> Response:
        return _turn(world.s3)


def _add_stripe_knobs(blueprint: Blueprint, world: World) -> None:
    @blueprint.route("/stripe", methods=["GET", "POST"])
    def stripe() -> Response:
        if request.method == "POST":
            wanted = _asked(
                "delay_ms", "jitter_ms", "card_refunds", "webhooks", "fail_next", "timeout_next"
            )
            if wanted.get("card_refunds", "succeeded") not in REFUND_STATES:
                raise BadControl(f"card_refunds must be one of {', '.join(REFUND_STATES)}")
            faults = [_fault(item, None) for item in wanted.pop("fail_next", [])]
            faults += [_fault(item, 30.0) for item in wanted.pop("timeout_next", [])]
            webhooks = wanted.pop("webhooks", {})
            with world.lock:
                _set(world.stripe.webhooks, webhooks)
                _set(world.stripe, wanted)
                world.stripe.faults.extend(faults)
            world.wake.set()
        return jsonify(asdict(world.stripe))

    @blueprint.get("/stripe/calls")
    def calls() -> Response:
        """The latest calls of the API, the latest last, those under way among them."""
        return jsonify([asdict(call) for call in list(world.calls)])

    @blueprint.post("/stripe/reset")
    def reset() -> Response:
        """End all trouble; what was paid, refunded and sent stays."""
        with world.lock:
            world.stripe = StripeKnobs(webhooks=WebhookKnobs())
        hurry(world)
        return jsonify(asdict(world.stripe))

    @blueprint.post("/stripe/forget")
    def forget() -> Response:
        """A new account: nothing was ever paid, refunded or sent."""
        world.store.forget_stripe()
        return jsonify(forgotten=True)


def _add_stripe_actions(blueprint: Blueprint, world: World) -> None:
    def act(action: Callable[[], JsonObject]) -> AnyResponse:
        return _done(work(world, action))

    @blueprint.post("/stripe/sessions/<object_id>/<verb>")
    def session(object_id: str, verb: str) -> AnyResponse:
        _require(verb, SESSION_VERBS)
        email = _asked("email", "back").get("email") or "buyer@example.com"
        return _done(act_on_session(world, object_id, verb, email))

    @blueprint.post("/stripe/payment_intents/<object_id>/<verb>")
    def intent(object_id: str, verb: str) -> AnyResponse:
        _require(verb, (*INTENT_VERBS, "dispute"))
        wanted = _asked("amount", "reason", "inquiry", "back")
        if verb != "dispute":
            return _done(act_on_intent(world, object_id, verb))
        return act(
            lambda: open_dispute(
                Desk(world),
                object_id,
                amount=wanted.get("amount"),
                reason=wanted.get("reason", "fraudulent"),
                is_inquiry=bool(wanted.get("inquiry")),
            )
        )

    @blueprint.post("/stripe/refunds/<object_id>/<verb>")
    def refund(object_id: str, verb: str) -> AnyResponse:
        _require(verb, ("succeed", "fail"))
        change = succeed_refund if verb == "succeed" else fail_refund
        return act(lambda: change(Desk(world), object_id))

    @blueprint.post("/stripe/disputes/<object_id>/<verb>")
    def dispute(object_id: str, verb: str) -> AnyResponse:
        _require(verb, DISPUTE_VERBS)
        return act(lambda: move_dispute(Desk(world), object_id, verb))


def _add_movements(blueprint: Blueprint, world: World) -> None:
    """Trouble with the balance, for a reconciliation to find."""

    @blueprint.post("/stripe/movements")
    def move() -> AnyResponse:
        wanted = _asked("kind", "amount", "back")
        _require(str(wanted.get("kind")), MOVEMENTS)
        kind, amount = wanted["kind"], _satang(wanted.get("amount"))
        if kind == "charge":
            return _done(work(world, lambda: charge_by_hand(Desk(world), amount)))
        return _done(
            work(world, lambda: stripe_balance.move(Desk(world), kind=kind, amount=amount))
        )

    @blueprint.post("/stripe/movements/<object_id>/<verb>")
    def change(object_id: str, verb: str) -> AnyResponse:
        _require(verb, tuple(MOVEMENT_VERBS))
        wanted = _asked("amount", "currency", "back")
        changes = {name: wanted[name] for name in ("amount", "currency") if name in wanted}
        if "amount" in changes:
            changes["amount"] = _satang(changes["amount"])
        if (verb == "change") != bool(changes):
            raise BadControl("change, and change alone, takes an amount or a currency")
        return _done(work(world, lambda: MOVEMENT_VERBS[verb](Desk(world), object_id, **changes)))


def _add_events(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/stripe/events/<event_id>/resend")
    def resend(event_id: str) -> AnyResponse:
        desk = Desk(world)
        with world.store.transaction():
            event = desk.get("event", event_id)
            desk.queue_delivery(event_id, event["type"])
        return _done(event)

    @blueprint.get("/stripe/deliveries")
    def deliveries() -> Response:
        rows = world.store.rows(
            "SELECT d.*, json_extract(o.body, '$.type') AS type FROM stripe_deliveries d"
            " JOIN stripe_objects o ON o.id = d.event_id ORDER BY d.id DESC LIMIT 500"
        )
        return jsonify([dict(row) for row in rows])


def _turn(knobs: object) -> Response:
    if request.method == "POST":
        _set(knobs, _asked(*(field.name for field in fields(knobs))))  # type: ignore[arg-type]
    return jsonify(asdict(knobs))  # type: ignore[call-overload]


def _set(knobs: object, wanted: JsonObject) -> None:
    """Change the named knobs; a wrong name or a wrong type changes nothing."""
    for name, value in wanted.items():
        if not hasattr(knobs, name):
            raise BadControl(f"unknown control: {name}")
        old = getattr(knobs, name)
        if old is not None and type(value) is not type(old) and name != "refuse":
            raise BadControl(f"{name} must be a {type(old).__name__}")
    for name, value in wanted.items():
        setattr(knobs, name, value)


def _fault(item: Any, seconds: float | None) -> Fault:
    known = {field.name for field in fields(Fault)}
    if not isinstance(item, dict) or "match" not in item or not set(item) <= known:
        raise BadControl(f"a fault has the fields {', '.join(sorted(known))}")
    if not re.match(r"(GET|POST|\*) ?/?", str(item["match"])):
        raise BadControl('match looks like "POST /v1/checkout/sessions"')
    return Fault(**{"seconds": seconds, **item})


def _asked(*known: str) -> JsonObject:
    wanted = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    if not isinstance(wanted, dict) or (request.is_json and wanted is None):
        raise BadControl("a JSON object is needed")
    if unknown := set(wanted) - set(known):
        raise BadControl(f"unknown control: {', '.join(sorted(unknown))}")
    return wanted


def _satang(value: Any) -> int:
    """A whole number of satang, from JSON or from a form."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value):
        return int(value)
    if type(value) is not int:
        raise BadControl("amount must be a whole number of satang")
    return value


def _require(verb: str, known: tuple[str, ...]) -> None:
    if verb not in known:
        raise BadControl(f"unknown action: {verb}; known: {', '.join(known)}")


def _done(document: JsonObject) -> AnyResponse:
    """JSON for a script; a browser's form, which carries `back`, returns to the overview."""
    if request.form.get("back"):
        return redirect("/stripe", 303)
    return jsonify(public(document))


def _refused(message: str, status: int) -> tuple[Response, int]:
    return jsonify(error=message), status
