"""What pages of orders and of the wallet share about payments."""

from __future__ import annotations

from flask import Response, make_response

from storefront.payments.pictures import draw_png, draw_svg


def code_picture(payload: str, kind: str) -> Response:
    """A PromptPay code as `svg` for a page or as `png` to be saved. Never cached, because it
    belongs to one payment of one buyer."""
    response = make_response(draw_svg(payload) if kind == "svg" else draw_png(payload))
    response.content_type = "image/svg+xml" if kind == "svg" else "image/png"
    response.headers["Cache-Control"] = "private, no-store"
    return response
