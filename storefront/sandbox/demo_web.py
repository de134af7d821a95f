"""The demo's web server: Granian's own command, after the shop's code has been imported once.

    python -m storefront.sandbox.demo_web --interface wsgi --workers 2 wsgi:app

Where workers are forked they need not import everything again, each for itself. Elsewhere (macOS)
this is nothing but `python -m granian`.
"""

from __future__ import annotations

import importlib
import multiprocessing
import runpy
import sys


def main() -> None:
    """Serve until told to stop."""
    if sys.platform == "linux":
        # From 3.14 on Python does not fork unless it is told to.
        multiprocessing.set_start_method("fork")
        importlib.import_module("storefront.app")
    runpy.run_module("granian", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
