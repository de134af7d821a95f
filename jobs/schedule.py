"""The clock: `python -m jobs.schedule`. One declared list of what runs how often.

Several schedulers at once do no harm, because everything here is safe to run twice.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType

import structlog

from jobs.alerts import tell_who_waits
from jobs.bonus import expire_bonuses, warn_of_bonus_expiry
from jobs.cleanup import purge
from jobs.copies import purge as purge_copies
from jobs.discord_roles import sweep as sweep_discord_roles
from jobs.flash_sales import announce_flash_sales
from jobs.guests import finish_adoptions
from jobs.licenses import (
    expire_licenses,
    tell_of_moved_slots,
    warn_of_license_expiry,
    watch_licenses,
)
from jobs.outbox import sweep_outbox
from jobs.outgoing import plan_due as plan_outgoing
from jobs.payments import sweep_payments
from jobs.receipts import sweep as sweep_receipts
from jobs.reconciliation import start_due_run
from jobs.refunds import sweep_refunds
from jobs.release_uploads import sweep as sweep_release_uploads
from jobs.search import tend_index
from jobs.share_cards import sweep as sweep_share_cards
from storefront.bootstrap import Shop, boot
from storefront.config import Settings, SettingsError
from storefront.logs import init_logging

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the schedule."""

    name: str
    every: timedelta
    run: Callable[[Shop], object]


SCHEDULE = (
    Entry("sweep_outbox", timedelta(seconds=5), sweep_outbox),
    Entry("sweep_payments", timedelta(seconds=60), sweep_payments),
    Entry("sweep_refunds", timedelta(seconds=60), sweep_refunds),
    Entry("sweep_receipts", timedelta(seconds=60), sweep_receipts),
    Entry("tell_who_waits", timedelta(seconds=60), tell_who_waits),
    Entry("sweep_share_cards", timedelta(seconds=60), sweep_share_cards),
    Entry("announce_flash_sales", timedelta(seconds=30), announce_flash_sales),
    Entry("expire_bonuses", timedelta(seconds=60), expire_bonuses),
    Entry("warn_of_bonus_expiry", timedelta(minutes=30), warn_of_bonus_expiry),
    Entry("expire_licenses", timedelta(seconds=60), expire_licenses),
    Entry("warn_of_license_expiry", timedelta(minutes=30), warn_of_license_expiry),
    Entry("tell_of_moved_slots", timedelta(seconds=60), tell_of_moved_slots),
    Entry("watch_licenses", timedelta(minutes=5), watch_licenses),
    Entry("finish_adoptions", timedelta(seconds=60), finish_adoptions),
    Entry("tend_index", timedelta(minutes=5), tend_index),
    Entry("start_due_run", timedelta(minutes=1), start_due_run),
    Entry("sweep_release_uploads", timedelta(minutes=15), sweep_release_uploads),
    Entry("plan_outgoing", timedelta(seconds=5), plan_outgoing),
    Entry("sweep_discord_roles", timedelta(seconds=60), sweep_discord_roles),
    Entry("purge_copies", timedelta(minutes=10), purge_copies),
    Entry("purge", timedelta(hours=1), purge),
)


def main() -> None:
    """Run the schedule until told to stop."""
    init_logging()
    try:
        shop = boot(Settings.from_env(), pool_size=2)
    except SettingsError as error:
        sys.exit(str(error))
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    due = {entry.name: time.monotonic() for entry in SCHEDULE}
    while not stop.wait(0.5):
        for entry in SCHEDULE:
            if due[entry.name] <= time.monotonic():
                _run(shop, entry)
                due[entry.name] = time.monotonic() + entry.every.total_seconds()


def _run(shop: Shop, entry: Entry) -> None:
    try:
        entry.run(shop)
    except Exception:
        # One entry that fails must not stop the others; it comes round again.
        log.exception("schedule_failed", entry=entry.name)


if __name__ == "__main__":
    main()
