"""`/api/licenses`: what game servers ask every time a script starts, and the keys that prove the
answers."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, jsonify, request

from api.verify_gate import VerifyGate
from storefront.web import public, public_machine, shop

bp = Blueprint("api_licenses", __name__)

GATE = "verify_gate"
KEYS_KEPT_SECONDS = 300


@bp.route("/api/licenses/verify", methods=["GET", "POST"], strict_slashes=False)
@public_machine
def verify_license() -> Response:
    """Judge a key; see `VerifyGate`, which stands before Flask and takes GET and POST itself. What
    comes here is HEAD and OPTIONS, and the declaration that strangers may call this path."""
    gate = cast("VerifyGate", current_app.extensions[GATE])
    answer = gate.answer(request.environ)
    return Response(answer.body, answer.status, answer.headers)


@bp.get("/api/licenses/keys")
@public
def signing_keys() -> Response:
    """The public keys by which signed answers are checked, the one that signs now first."""
    response = jsonify(
        {
            "keys": [
                {
                    "kid": key.kid,
                    "alg": "RS256",
                    "n": key.modulus,
                    "e": key.exponent,
                    "pem": key.pem,
                }
                for key in shop().signing.public
            ]
        }
    )
    response.headers["Cache-Control"] = f"public, max-age={KEYS_KEPT_SECONDS}"
    return response
