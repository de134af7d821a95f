"""Start the sandbox: Stripe, Discord, a mailbox and S3 as real HTTP and SMTP on the loopback.

    python -m storefront.sandbox.serve --data-dir DIR --port P --smtp-port P2 --s3-port P3 \\
        --webhook-url http://127.0.0.1:8000/api/webhooks/stripe --webhook-secret whsec_x
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from storefront.sandbox.world.running import RefusedToStart, RunningSandbox, start_sandbox
from storefront.sandbox.world.state import STRIPE_WEBHOOK_SECRET

__all__ = ["RefusedToStart", "RunningSandbox", "main", "start_sandbox"]

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. The first line on stdout is JSON: every address and key."""
    options = _options(arguments)
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    try:
        sandbox = start_sandbox(**vars(options))
    except (RefusedToStart, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return USAGE_ERROR
    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    print(json.dumps(_addresses(sandbox)), flush=True)
    stop.wait()
    sandbox.close()
    return 0


def _addresses(sandbox: RunningSandbox) -> dict[str, object]:
    return {name: value for name, value in asdict(sandbox).items() if name != "close"}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="storefront.sandbox.serve", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--smtp-port", type=int, default=0)
    parser.add_argument("--s3-port", type=int, default=0)
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-secret", default=STRIPE_WEBHOOK_SECRET)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
