"""Making a PDF out of a template of ours and plain data.

Typst runs in a process of its own (`typesetter`): what it takes of memory goes back, and one that
hangs or crashes is ended without harm to the web or the worker. A paper takes a tenth of a second
and 40 MB, so a few at a time are enough; whoever cannot wait for a turn is told to try again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final

import structlog

from storefront.db import forbid_open_transaction
from storefront.errors import Unavailable
from storefront.paths import ROOT

TEMPLATES: Final = ROOT / "templates" / "papers"
MOST_DATA_BYTES: Final = 2 * 1024 * 1024
MOST_PDF_BYTES: Final = 8 * 1024 * 1024
PATIENCE_SECONDS: Final = 10
TURN_SECONDS: Final = 5
AT_ONCE: Final = 2
MIMETYPE: Final = "application/pdf"

_turns = BoundedSemaphore(AT_ONCE)
log = structlog.get_logger()


class PressUnavailable(Unavailable):
    """No PDF can be made now: the reason is in the log. The page with the same content stands."""

    def __init__(self, reason: str) -> None:
        super().__init__("paper_unavailable", reason)


def print_paper(template: str, data: Mapping[str, Any], *, folder: Path = TEMPLATES) -> bytes:
    """The PDF of `<template>.typ` in that folder with this data, which must be JSON. Texts in it
    are set as they are: none is ever read as markup. A template reads nothing outside its folder.
    The same data gives the same bytes.

    Raises PressUnavailable when it takes too long, grows too large or fails.
    """
    forbid_open_transaction("the press")
    body = json.dumps(data, ensure_ascii=False).encode()
    if len(body) > MOST_DATA_BYTES:
        raise _failure(template, f"{len(body)} bytes of data")
    if not _turns.acquire(timeout=TURN_SECONDS):
        raise _failure(template, "too many papers at once")
    try:
        done = subprocess.run(  # noqa: S603 - our own program, and a template of ours
            [
                sys.executable,
                "-m",
                "storefront.printing.typesetter",
                str(folder / f"{template}.typ"),
            ],
            input=body,
            capture_output=True,
            check=False,
            cwd=ROOT,
            env={"PATH": os.environ.get("PATH", "")},
            timeout=PATIENCE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failure(template, type(error).__name__) from error
    finally:
        _turns.release()
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()[-500:]
        raise _failure(template, f"exit {done.returncode}: {reason}")
    if not done.stdout.startswith(b"%PDF-") or len(done.stdout) > MOST_PDF_BYTES:
        raise _failure(template, f"{len(done.stdout)} bytes that are no paper")
    return done.stdout


def _failure(template: str, reason: str) -> PressUnavailable:
    log.error("paper_failed", template=template, reason=reason)
    return PressUnavailable(reason)
