"""When a delivery is tried again, and when an endpoint is switched off: values in, values out."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

# The schedule that Standard Webhooks 1.0 gives as its example: ten attempts over 75 hours.
WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS: Final = len(WAITS) + 1
JITTER: Final = 0.1
FAILING_FOR: Final = timedelta(days=3)
OVERLAP: Final = timedelta(hours=24)
GONE: Final = 410


def wait_before(attempt: int, *, retry_after: int | None = None) -> timedelta | None:
    """How long after attempt number `attempt` failed the next one comes; None after the last. Up
    to a tenth longer, so that many do not come back at once, and never sooner than the receiver
    asked for, in seconds."""
    if attempt >= MOST_ATTEMPTS:
        return None
    wait = WAITS[attempt - 1] * (1 + random.uniform(0, JITTER))
    return max(wait, timedelta(seconds=retry_after or 0))


def must_switch_off(*, failing_since: datetime | None, failures: int, now: datetime) -> bool:
    """Whether an endpoint has answered nothing well for so long that it is given up: three days,
    and at least as many attempts in a row as one delivery has."""
    if failing_since is None or failures < MOST_ATTEMPTS:
        return False
    return now - failing_since >= FAILING_FOR
