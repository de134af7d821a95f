"""Tables and content in one process: `python -m storefront.sandbox.demo_prepare --write-summary F`.

The same as `python -m storefront.cli migrate`, `python -m storefront.cli allow-uploads` and then
`python -m storefront.sandbox.seed`, but the shop's code is imported and the shop booted once, which
is a good part of what each of them takes. Started together with the servers it needs, it waits for
them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.exc import OperationalError

from storefront.bootstrap import Shop, boot
from storefront.config import Settings
from storefront.migrate import migrate
from storefront.sandbox.seed.__main__ import seed, write_summary
from storefront.sandbox.services.ports import answers
from storefront.sandbox.services.process import wait_until

PATIENCE_SECONDS = 120.0


def main() -> None:
    """All of it may run again at any time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-summary", type=Path, required=True)
    arguments = parser.parse_args()
    shop = boot(Settings.from_env())
    if not wait_until(lambda: _can_begin(shop), seconds=PATIENCE_SECONDS):
        sys.exit("The database or the bucket does not answer.")
    migrate(shop.database.engine)
    shop.files.parts.allow_origin(shop.settings.origin)
    seed(shop)
    write_summary(shop, arguments.write_summary)
    # Everything is committed and written. Taking the interpreter apart piece by piece would keep
    # the first visitor waiting for another half second.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _can_begin(shop: Shop) -> bool:
    """Whether the servers are there."""
    if not answers(urlsplit(shop.settings.s3_endpoint_url).port or 0):
        return False
    try:
        shop.database.engine.connect().close()
    except OperationalError:
        return False
    return True


if __name__ == "__main__":
    main()
