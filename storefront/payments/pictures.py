"""The picture of a PromptPay code."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import segno

# Banking apps want the quiet zone of four modules and black on white, in a dark theme too.
QUIET_ZONE: Final = 4
DOTS_PER_MODULE: Final = 12


def draw_svg(payload: str) -> bytes:
    """An EMV QR text as a picture that scales with the page."""
    drawn = BytesIO()
    segno.make_qr(payload, error="m").save(
        drawn, kind="svg", border=QUIET_ZONE, dark="#000", light="#fff", omitsize=True
    )
    return drawn.getvalue()


def draw_png(payload: str) -> bytes:
    """The same as dots, to be saved and opened in a banking app."""
    drawn = BytesIO()
    segno.make_qr(payload, error="m").save(
        drawn, kind="png", border=QUIET_ZONE, scale=DOTS_PER_MODULE
    )
    return drawn.getvalue()
