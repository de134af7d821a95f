"""Redis as the limits of the key check need it: scripts, no waiting, and rest while it is away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, Final

import structlog
from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

REDIS_SECONDS: Final = 0.2
REST_SECONDS: Final = 5.0

log = structlog.get_logger()


class Script:
    """A script and the digest under which Redis keeps it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class LimitStore:
    """Connections to Redis, one for each call under way; safe from several threads. While Redis is
    away or silent one call in five seconds costs a fifth of a second, all others nothing."""

    def __init__(self, redis_url: str) -> None:
        self._pool: ConnectionPool = Redis.from_url(
            redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ).connection_pool
        self._idle: deque[Any] = deque()
        self._resting_until = 0.0
        self._is_away = False

    def run(self, script: Script, names: Sequence[str], values: Sequence[str]) -> Any:
        """What the script says; None while Redis is away."""
        now = time.monotonic()
        if now < self._resting_until:
            return None
        if self._is_away:
            # One call looks whether it is back; the others do not wait for that.
            self._resting_until = now + REST_SECONDS
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._pool.make_connection()
        try:
            answer = _call(connection, script, names, values)
        except (RedisError, OSError) as error:
            self._lost(connection, error)
            return None
        self._idle.append(connection)
        self._is_away = False
        return answer

    def close(self) -> None:
        """End all connections."""
        while self._idle:
            self._idle.pop().disconnect()

    def _lost(self, connection: Any, error: Exception) -> None:
        connection.disconnect()
        self._resting_until = time.monotonic() + REST_SECONDS
        if not self._is_away:
            self._is_away = True
            log.warning("limits_count_alone", error=type(error).__name__)
        self.close()


def _call(connection: Any, script: Script, names: Sequence[str], values: Sequence[str]) -> Any:
    try:
        return _send(connection, ("EVALSHA", script.digest), names, values)
    except NoScriptError:
        return _send(connection, ("EVAL", script.text), names, values)


def _send(
    connection: Any, command: tuple[str, str], names: Sequence[str], values: Sequence[str]
) -> Any:
    words = (*command, str(len(names)), *names, *values)
    packed = f"*{len(words)}\r\n" + "".join(
        [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    )
    connection.send_packed_command([packed.encode()], check_health=False)
    return connection.read_response()
