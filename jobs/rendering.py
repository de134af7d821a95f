"""Decoding strangers' pictures apart: `python -m jobs.rendering <folder>`.

A decoder fed with hostile bytes may eat memory, run for ever or crash. It does that in a process
of its own with hard limits and without the shop's secrets; the worker lives on and knows why.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from storefront.catalog.pictures import render_sizes
from storefront.errors import Invalid
from storefront.paths import ROOT

# The largest picture that is taken in needs about 800 MB as a WebP and 650 MB as an AVIF.
MOST_MEMORY: Final = 1280 * 1024 * 1024
MOST_CPU_SECONDS: Final = 60
PATIENCE_SECONDS: Final = 180

_REFUSED: Final = 3
_CRASHES: Final = frozenset(
    -one
    for one in (
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGXCPU,
    )
)


class RenderingBroke(RuntimeError):
    """The process ended for a reason that is not the picture's: worth another attempt."""


def render_apart(body: bytes) -> Mapping[str, bytes]:
    """`render_sizes` in a process of its own.

    Raises Invalid like it, and `picture_unreadable` where the decoder crashed or did not come to
    an end; RenderingBroke, OSError or TimeoutExpired when it is worth trying again.
    """
    with TemporaryDirectory(prefix="pictures-") as folder:
        done = subprocess.run(  # noqa: S603 - our own program with a folder we made
            [sys.executable, "-m", "jobs.rendering", folder],
            input=body,
            capture_output=True,
            check=False,
            cwd=ROOT,
            env={"PATH": os.environ.get("PATH", "")},
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode == _REFUSED:
            raise Invalid(done.stdout.decode().strip(), "refused while decoding")
        if done.returncode in _CRASHES:
            raise Invalid("picture_unreadable", f"the decoder ended with {done.returncode}")
        if done.returncode != 0:
            raise RenderingBroke(done.stderr.decode(errors="replace")[-500:])
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def main() -> None:
    """In the child: read a picture from the standard input, write its sizes into the folder."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sizes = render_sizes(sys.stdin.buffer.read())
    except Invalid as refusal:
        code = refusal.code
    except MemoryError:
        code = "picture_too_large"
    else:
        for ending, body in sizes.items():
            (Path(sys.argv[1]) / ending).write_bytes(body)
        return
    sys.stdout.write(code)
    sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
