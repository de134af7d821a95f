"""Stripe's HTTP: keys, parameters, idempotency, errors, and the trouble asked for."""

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from storefront.sandbox.world.state import Call, Fault, World
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import API_VERSION, Desk, new_id, work
from storefront.sandbox.world.stripe_errors import StripeError
from storefront.sandbox.world.stripe_lists import shown
from storefront.sandbox.world.stripe_params import check, parse_form
from storefront.sandbox.world.stripe_routes import ROUTES, Route
from storefront.sandbox.world.stripe_sessions import expire_due_sessions

HANG_LONGEST_S = 120.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: JsonObject
    request_id: str
    is_replay: bool = False


def register_stripe_api(app: Flask, world: World) -> None:
    blueprint = Blueprint("stripe_api", __name__, url_prefix="/stripe/v1")
    for number, route in enumerate(ROUTES):
        blueprint.add_url_rule(
            route.path,
            endpoint=f"route_{number}",
            view_func=_view(world, route),
            methods=[route.method],
        )
    blueprint.add_url_rule("/<path:rest>", "unknown", _unknown, methods=["GET", "POST", "DELETE"])
    app.register_blueprint(blueprint)


def _view(world: World, route: Route) -> Callable[..., Response]:
    def view(object_id: str = "") -> Response:
        request_id = new_id("req", 14)
        call = Call(request_id, f"{request.method} {request.path.removeprefix('/stripe')}")
        world.calls.append(call)
        fault = world.take_fault(call.name)
        knobs = world.stripe
        world.stopping.wait((knobs.delay_ms + random.uniform(0, knobs.jitter_ms)) / 1000)
        if fault and not fault.after_effect and (lost := _meet(world, fault, request_id)):
            return lost
        answer = _answer(world, route, object_id, request_id)
        call.has_effect = True
        if fault and fault.after_effect and (lost := _meet(world, fault, request_id)):
            return lost
        call.is_answered = True
        return _respond(answer)

    return view


def _answer(world: World, route: Route, object_id: str, request_id: str) -> Answer:
    try:
        _require_key(world)
        if route.method == "POST":
            return _once(world, route, object_id, request_id)
        pairs = parse_qsl(request.query_string.decode(), keep_blank_values=True)
        with world.store.transaction():
            body = _perform(_desk(world, request_id), route, object_id, parse_form(pairs))
        return Answer(200, body, request_id)
    except StripeError as error:
        return Answer(error.status, error.body(request_id), request_id)
    except HTTPException:
        raise
    except Exception as error:  # the API promises JSON, whatever breaks inside
        body = StripeError(f"{error!r}", status=500, kind="api_error").body(request_id)
        return Answer(500, body, request_id)


def _require_key(world: World) -> None:
    given = request.authorization
    key = ""
    if given is not None:
        key = (given.token if given.type == "bearer" else given.username) or ""
    if not key:
        raise StripeError("You did not provide an API key.", status=401, save=False)
    if key != world.stripe_secret_key:
        message = f"Invalid API Key provided: {key[:7]}****{key[-4:]}"
        raise StripeError(message, status=401, save=False)


def _once(world: World, route: Route, object_id: str, request_id: str) -> Answer:
    """Do the work of one idempotency key once, and replay its answer, good or bad, ever after.

    The effect and the saved answer are one transaction: a crash between them is impossible.
    """
    key = request.headers.get("Idempotency-Key")
    raw = request.get_data()
    pairs = parse_qsl(raw.decode(), keep_blank_values=True)
    fingerprint = hashlib.sha256(f"{request.path}\n{sorted(pairs)}".encode()).hexdigest()
    desk = _desk(world, request_id, key)
    with world.store.transaction():
        if key and (replay := _replay(world, key, fingerprint)):
            return replay
        is_saved = True
        try:
            answer = Answer(
                200,
                work(world, lambda: _perform(desk, route, object_id, parse_form(pairs))),
                request_id,
            )
        except StripeError as error:
            is_saved = error.save
            answer = Answer(error.status, error.body(request_id), request_id)
        if key and is_saved:
            world.store.run(
                "INSERT INTO stripe_idempotency VALUES (?, ?, ?, ?, ?)",
                key,
                fingerprint,
                answer.status,
                json.dumps(answer.body),
                request_id,
            )
        return answer


def _desk(world: World, request_id: str, key: str | None = None) -> Desk:
    version = request.headers.get("Stripe-Version", API_VERSION)
    return Desk(world, request_id, key, version)


def _replay(world: World, key: str, fingerprint: str) -> Answer | None:
    row = world.store.row("SELECT * FROM stripe_idempotency WHERE key = ?", key)
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were"
            f" first used with. Try using a key other than '{key}' if you meant to execute a"
            " different request.",
            kind="idempotency_error",
            save=False,
        )
    return Answer(row["status"], json.loads(row["body"]), row["request_id"], is_replay=True)


def _perform(desk: Desk, route: Route, object_id: str, raw: JsonObject) -> JsonObject:
    params = check(route.spec, raw)
    expire_due_sessions(desk)
    expand = params.pop("expand", [])
    return shown(desk, route.handler(desk, object_id, params), expand)


def _meet(world: World, fault: Fault, request_id: str) -> Response | None:
    """Wait as asked; None when the call goes on well after that."""
    if fault.seconds is not None:
        world.stopping.wait(min(fault.seconds, HANG_LONGEST_S))
    return None if fault.answers else _trouble(fault, request_id)


def _trouble(fault: Fault, request_id: str) -> Response:
    if fault.seconds is not None:
        # Cutting the connection without an answer is what a client sees of a lost server.
        raise ConnectionAbortedError("hung up as asked")
    kind = "rate_limit_error" if fault.status == 429 else "api_error"
    code = "rate_limit" if fault.status == 429 else None
    error = StripeError("Trouble, as asked.", status=fault.status, kind=kind, code=code)
    return _respond(Answer(fault.status, error.body(request_id), request_id))


def _unknown(rest: str) -> Response:
    message = f"Unrecognized request URL ({request.method}: /v1/{rest})."
    request_id = new_id("req", 14)
    error = StripeError(message, status=404)
    return _respond(Answer(404, error.body(request_id), request_id))


def _respond(answer: Answer) -> Response:
    response = Response(json.dumps(answer.body, indent=2), answer.status)
    response.headers["Content-Type"] = "application/json"
    response.headers["Request-Id"] = answer.request_id
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    if key := request.headers.get("Idempotency-Key"):
        response.headers["Idempotency-Key"] = key
    if answer.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return response
