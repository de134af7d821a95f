"""Somebody's server that takes the shop's webhooks: it remembers them and answers as told."""

import json
from dataclasses import asdict, fields

from flask import Blueprint, Flask, Response, jsonify
from flask import request as http

from storefront.sandbox.world.state import ReceiverKnobs, World
from storefront.sandbox.world.storage import JsonObject

KEPT_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type")


def register_receiver(app: Flask, world: World) -> None:
    blueprint = Blueprint("receiver", __name__)

    @blueprint.post("/receiver")
    @blueprint.post("/receiver/<path:rest>")
    def take(rest: str = "") -> Response:
        knobs = _turn(world)
        status = knobs.status
        world.store.run(
            "INSERT INTO received (at, path, headers, body, status) VALUES (?, ?, ?, ?, ?)",
            world.clock(),
            http.path,
            json.dumps({name: http.headers.get(name, "") for name in KEPT_HEADERS}),
            http.get_data().decode("utf-8", "replace"),
            0 if knobs.hang_up else status,
        )
        world.stopping.wait(knobs.delay_ms / 1000)
        if knobs.hang_up:
            raise ConnectionAbortedError("hung up as asked")
        answer = Response(knobs.body, status, mimetype="text/plain")
        if knobs.retry_after:
            answer.headers["Retry-After"] = str(knobs.retry_after)
        if 300 <= status < 400:
            answer.headers["Location"] = f"{world.base_url}/receiver/redirected"
        return answer

    @blueprint.get("/control/receiver/messages")
    def messages() -> Response:
        return jsonify(received(world, limit=500))

    @blueprint.post("/control/receiver")
    def control() -> tuple[Response, int]:
        wanted = http.get_json()
        known = {field.name for field in fields(ReceiverKnobs)}
        if not isinstance(wanted, dict) or not set(wanted) <= known:
            return jsonify(error=f"known: {', '.join(sorted(known))}"), 400
        with world.lock:
            world.receiver = ReceiverKnobs(**wanted)
        return jsonify(asdict(world.receiver)), 200

    @blueprint.post("/control/receiver/forget")
    def forget() -> Response:
        """Nothing ever came, and everything is answered well."""
        world.store.run("DELETE FROM received")
        world.receiver = ReceiverKnobs()
        return jsonify(forgotten=True)

    app.register_blueprint(blueprint)


def received(world: World, *, limit: int) -> list[JsonObject]:
    """The newest messages first."""
    rows = world.store.rows("SELECT * FROM received ORDER BY id DESC LIMIT ?", limit)
    return [
        {**dict(row), "headers": json.loads(row["headers"]), "type": _type(row["body"])}
        for row in rows
    ]


def _turn(world: World) -> ReceiverKnobs:
    """How this message is answered; a turn of a limited trouble is used up."""
    with world.lock:
        knobs = world.receiver
        if knobs.times == 1:
            world.receiver = ReceiverKnobs()
        elif knobs.times > 1:
            knobs.times -= 1
        return knobs


def _type(body: str) -> str:
    try:
        return str(json.loads(body)["type"])
    except (ValueError, KeyError, TypeError):
        return "?"
