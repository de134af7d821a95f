"""The doorbell: tells the workers of outbox messages. It may fail at any time, nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

import structlog
from redis import Redis, RedisError
from rq import Queue

QUEUE_NAME = "shop"
RUN_MESSAGE = "jobs.outbox.run_message"
REDIS_TIMEOUT_SECONDS = 0.5
REST_SECONDS = 5.0

log = structlog.get_logger()


def connect_redis(url: str, *, timeout: float | None = REDIS_TIMEOUT_SECONDS) -> Redis:
    """A client whose waits are bounded: a silent Redis costs half a second, not a request.
    Workers pass None for `timeout`, because they wait on purpose."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout or 2)


class Bell:
    """Rings RQ once per message; after a failure it rests, and the sweep does the work."""

    def __init__(self, redis: Redis) -> None:
        self._queue = Queue(QUEUE_NAME, connection=redis)
        self._resting_until = 0.0

    def ring(self, message_ids: Sequence[UUID]) -> None:
        """Enqueue a run for each message; never raises for a Redis that is away."""
        if time.monotonic() < self._resting_until:
            return
        jobs = [
            Queue.prepare_data(RUN_MESSAGE, args=(str(message_id),), result_ttl=0, failure_ttl=3600)
            for message_id in message_ids
        ]
        try:
            self._queue.enqueue_many(jobs)
        except RedisError as error:
            self._resting_until = time.monotonic() + REST_SECONDS
            log.warning("bell_is_broken", error=type(error).__name__)
