"""Tables and content in one process: `python -m storefront.sandbox.demo_prepare --write-summary F`.

The same as `python -m storefront.cli migrate` and then `python -m storefront.sandbox.seed`, but the
shop's code is imported once, which is a good part of what each of them takes.
"""

from __future__ import annotations

from storefront.cli import run_migrate
from storefront.sandbox.seed.__main__ import main as seed


def main() -> None:
    """Both may run again at any time; the second reads the arguments."""
    run_migrate()
    seed()


if __name__ == "__main__":
    main()
