"""Writes checks down without making anybody wait: a queue in memory, emptied in batches by a
thread.

Nothing that happens here slows or breaks an answer. What is in the queue is written when the
process ends in order; a kill -9 loses what came in the last second, and nothing but the list of
checks hangs on it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storefront.db import Database
from storefront.kit.ticker import Ticker
from storefront.licenses.checks import Check, write_checks
from storefront.licenses.slots import Sighting, see_servers

EVERY_SECONDS: Final = 1.0
MOST_WAITING: Final = 20_000
BATCH: Final = 2_000
T = TypeVar("T")

log = structlog.get_logger()


class Recorder:
    """The queue of one process. The thread starts with the first check."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._checks: deque[Check] = deque()
        self._sightings: dict[tuple[UUID, str], Sighting] = {}
        self._dropped = 0
        self._writing = threading.Lock()
        self._ticker = Ticker("checks", self.flush, every_seconds=EVERY_SECONDS)

    def record(self, check: Check) -> None:
        """Have a check written. With 20,000 waiting, because the database is away, it is dropped
        and counted."""
        if len(self._checks) >= MOST_WAITING:
            self._dropped += 1
            return
        self._checks.append(check)
        self._ticker.start()

    def see(self, sighting: Sighting) -> None:
        """Have it noted that a server was seen: once a batch for each."""
        if len(self._sightings) < MOST_WAITING:
            self._sightings[sighting.license_id, str(sighting.server.network)] = sighting

    def flush(self) -> bool:
        """Write what waits, now. False when the database took nothing; then it waits on."""
        with self._writing:
            while self._checks or self._sightings:
                if not self._write_batch():
                    return False
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            log.warning("checks_dropped", count=dropped)
        return True

    def close(self) -> None:
        """Write what waits and end the thread. Idempotent."""
        self._ticker.close()
        self.flush()

    def _write_batch(self) -> bool:
        checks = _take(self._checks, BATCH)
        sightings = [self._sightings.pop(key) for key in list(self._sightings)]
        try:
            with self._database.transaction() as session:
                write_checks(session, checks)
                see_servers(session, sightings)
        except (OperationalError, PoolTimeout) as error:
            log.warning("checks_wait", count=len(checks), error=type(error).__name__)
            self._checks.extendleft(reversed(checks))
            return False
        except SQLAlchemyError:
            # Whatever is wrong with them would be wrong for ever.
            log.exception("checks_lost", count=len(checks))
        return True


def _take(waiting: deque[T], most: int) -> list[T]:
    return [waiting.popleft() for _ in range(min(most, len(waiting)))]
