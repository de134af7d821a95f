"""Tables and content in one process: `python -m storefront.sandbox.demo_prepare --write-summary F`.

The same as `python -m storefront.cli migrate`, `python -m storefront.cli allow-uploads` and then
`python -m storefront.sandbox.seed`, but the shop's code is imported once, which is a good part of
what each of them takes.
"""

from __future__ import annotations

import os
import sys

from storefront.cli import allow_uploads, run_migrate
from storefront.sandbox.seed.__main__ import main as seed


def main() -> None:
    """All may run again at any time; the last reads the arguments."""
    run_migrate()
    allow_uploads()
    seed()
    # Everything is committed and written. Taking the interpreter apart piece by piece would keep
    # the first visitor waiting for another half second.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
