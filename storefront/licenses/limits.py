"""How often a server may ask: 30 times a minute for one key, 300 times a minute for all keys of an
address with 100 of them at once (a restart with 40 scripts is 40 checks in a second), and 20
unknown keys in ten minutes.

Counted by GCRA, the leaky bucket that keeps one number per name, in Redis, so that all processes
count together: one script, one round trip. While Redis is away each process counts for itself.
Whoever had a good key at this address in the last day is told apart, because many servers share a
host's address and nobody is shut out for a neighbour.
"""

from __future__ import annotations

import time
from collections import deque
from hashlib import sha1
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol

import structlog
from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

PAIR_MS, PAIR_BURST_MS = 2_000, 30 * 2_000
ADDRESS_MS, ADDRESS_BURST_MS = 200, 100 * 200
MISSES, MISSES_MS = 20, 600_000
GOOD_MS: Final = 24 * 3_600_000
REDIS_SECONDS: Final = 0.2
REST_SECONDS: Final = 5.0
_MOST_NAMES: Final = 50_000

_COUNT: Final = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
local pair = math.max(tonumber(held[1]) or 0, now) + {PAIR_MS}
local address = math.max(tonumber(held[2]) or 0, now) + {ADDRESS_MS}
local wait = math.max(0, pair - now - {PAIR_BURST_MS}, address - now - {ADDRESS_BURST_MS})
if (tonumber(held[3]) or 0) >= {MISSES} then
    wait = math.max(wait, redis.call('PTTL', KEYS[3]), 1)
end
if wait == 0 then
    redis.call('SET', KEYS[1], pair, 'PX', pair - now)
    redis.call('SET', KEYS[2], address, 'PX', address - now)
end
return wait * 2 + (held[4] and 1 or 0)
"""
_MISS: Final = f"""
if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], {MISSES_MS}) end
return 0
"""
_GOOD: Final = f"""
redis.call('SET', KEYS[1], 1, 'PX', {GOOD_MS})
return 0
"""

log = structlog.get_logger()


class Standing(NamedTuple):
    """`wait_ms` is 0 within the limits; `is_good` says that this key was valid at this address
    within a day."""

    wait_ms: int
    is_good: bool


class Limits(Protocol):
    """Counts questions. `key` names the key that was sent, `network` the server."""

    def count(self, key: str, network: str) -> Standing:
        """One more question; beyond a limit it is not counted."""

    def miss(self, network: str) -> None:
        """The key of the question was unknown."""

    def know(self, key: str, network: str) -> None:
        """The key was good at this address."""


class NoLimits:
    """Everybody may ask as often as they like: for tests."""

    def count(self, key: str, network: str) -> Standing:
        """See `Limits`."""
        return Standing(0, True)

    def miss(self, network: str) -> None:
        """See `Limits`."""

    def know(self, key: str, network: str) -> None:
        """See `Limits`."""


class MemoryLimits:
    """The same in one process, for as long as Redis is away. Bounded: a flood of names empties
    it rather than the machine's memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[str, float] = {}
        self._misses: dict[str, tuple[int, float]] = {}
        self._good: dict[str, float] = {}

    def count(self, key: str, network: str) -> Standing:
        """See `Limits`."""
        now = time.monotonic() * 1000
        pair_name, address_name = f"{key}:{network}", network
        with self._lock:
            pair = max(self._due.get(pair_name, 0.0), now) + PAIR_MS
            address = max(self._due.get(address_name, 0.0), now) + ADDRESS_MS
            wait = max(0.0, pair - now - PAIR_BURST_MS, address - now - ADDRESS_BURST_MS)
            missed, until = self._misses.get(network, (0, 0.0))
            if missed >= MISSES and until > now:
                wait = max(wait, until - now)
            if not wait:
                self._make_room(self._due)
                self._due[pair_name], self._due[address_name] = pair, address
        return Standing(-int(-wait), self.knows(key, network))

    def miss(self, network: str) -> None:
        """See `Limits`."""
        now = time.monotonic() * 1000
        with self._lock:
            missed, until = self._misses.get(network, (0, 0.0))
            if until <= now:
                missed, until = 0, now + MISSES_MS
            self._make_room(self._misses)
            self._misses[network] = (missed + 1, until)

    def know(self, key: str, network: str) -> None:
        """See `Limits`."""
        self._make_room(self._good)
        self._good[f"{key}:{network}"] = time.monotonic() * 1000 + GOOD_MS

    def knows(self, key: str, network: str) -> bool:
        """Whether this key was good here within a day, as far as this process saw."""
        until = self._good.get(f"{key}:{network}")
        return until is not None and until > time.monotonic() * 1000

    def _make_room(self, names: dict[str, float] | dict[str, tuple[int, float]]) -> None:
        if len(names) >= _MOST_NAMES:
            names.clear()


class SharedLimits:
    """Counts in Redis, and in memory while that is away or silent: then one call in five seconds
    costs a fifth of a second, all others nothing."""

    def __init__(self, redis_url: str) -> None:
        self._pool: ConnectionPool = Redis.from_url(
            redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ).connection_pool
        self._idle: deque[Any] = deque()
        self._memory = MemoryLimits()
        self._resting_until = 0.0
        self._is_away = False

    def count(self, key: str, network: str) -> Standing:
        """See `Limits`."""
        pair = f"{key}:{network}"
        names = (f"v:p:{pair}", f"v:a:{network}", f"v:m:{network}", f"v:g:{pair}")
        counted = self._run(_COUNT, names)
        if counted is None:
            return self._memory.count(key, network)
        wait, is_good = divmod(counted, 2)
        if is_good:
            self._memory.know(key, network)
        return Standing(wait, bool(is_good))

    def miss(self, network: str) -> None:
        """See `Limits`."""
        self._memory.miss(network)
        self._run(_MISS, (f"v:m:{network}",))

    def know(self, key: str, network: str) -> None:
        """See `Limits`."""
        self._memory.know(key, network)
        self._run(_GOOD, (f"v:g:{key}:{network}",))

    def close(self) -> None:
        """End all connections."""
        while self._idle:
            self._idle.pop().disconnect()

    def _run(self, script: str, names: tuple[str, ...]) -> int | None:
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
            answer = _call(connection, script, names)
        except (RedisError, OSError) as error:
            self._lost(connection, error)
            return None
        self._idle.append(connection)
        self._is_away = False
        return answer

    def _lost(self, connection: Any, error: Exception) -> None:
        connection.disconnect()
        self._resting_until = time.monotonic() + REST_SECONDS
        if not self._is_away:
            self._is_away = True
            log.warning("limits_count_alone", error=type(error).__name__)
        self.close()


def _call(connection: Any, script: str, names: tuple[str, ...]) -> int:
    try:
        return _send(connection, "EVALSHA", _HASHES[script], names)
    except NoScriptError:
        return _send(connection, "EVAL", script, names)


def _send(connection: Any, command: str, script: str, names: tuple[str, ...]) -> int:
    words = (command, script, str(len(names)), *names)
    packed = f"*{len(words)}\r\n" + "".join([f"${len(word)}\r\n{word}\r\n" for word in words])
    connection.send_packed_command([packed.encode()], check_health=False)
    return int(connection.read_response())


_HASHES: Final = {
    script: sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (_COUNT, _MISS, _GOOD)
}
