"""The worker: `python -m jobs.worker`. Takes bells from RQ and runs the messages they name."""

from __future__ import annotations

import sys

from rq import Queue, SimpleWorker

from jobs.outbox import worker_shop
from storefront.config import Settings, SettingsError
from storefront.logs import init_logging
from storefront.queue import QUEUE_NAME, connect_redis


def main() -> None:
    """Work until told to stop; the message in hand is finished first."""
    init_logging()
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        sys.exit(str(error))
    worker_shop()
    redis = connect_redis(settings.redis_url, timeout=None)
    # Messages run in this process, no fork per bell: the lease in PostgreSQL, not RQ, decides what
    # becomes of a message whose worker was killed.
    SimpleWorker([Queue(QUEUE_NAME, connection=redis)], connection=redis).work(
        logging_level="WARNING"
    )


if __name__ == "__main__":
    main()
