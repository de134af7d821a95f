"""How often a server may ask: 30 times a minute for one key, 300 times a minute for all keys of an
address with 100 of them at once (a restart with 40 scripts is 40 checks in a second), and 20
unknown keys in ten minutes.

Counted by GCRA, the leaky bucket that keeps one number per name. Here in the memory of one process;
`shared_limits` lets all processes count together. Whoever had a good key at this address in the
last day is told apart, because many servers share a host's address and nobody is shut out for a
neighbour.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Final, NamedTuple, Protocol

PAIR_MS, PAIR_BURST_MS = 2_000, 30 * 2_000
ADDRESS_MS, ADDRESS_BURST_MS = 200, 100 * 200
MISSES, MISSES_MS = 20, 600_000
GOOD_MS: Final = 24 * 3_600_000
# A quarter of each limit is little.
LITTLE: Final = 4
_MOST_NAMES: Final = 100_000


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
    """Counts what one process is asked. Safe from several threads. Bounded: a flood of names
    empties it rather than the machine's memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[str, float] = {}
        self._misses: dict[str, tuple[int, float]] = {}
        self._good: dict[str, float] = {}

    def count(self, key: str, network: str) -> Standing:
        """See `Limits`."""
        return self.weigh(key, network)[0]

    def weigh(self, key: str, network: str) -> tuple[Standing, bool]:
        """Count, and say whether it is little so far: no unknown key, and no limit used to more
        than a quarter."""
        now = time.monotonic() * 1000
        pair_name = f"{key}:{network}"
        with self._lock:
            pair = max(self._due.get(pair_name, 0.0), now) + PAIR_MS
            address = max(self._due.get(network, 0.0), now) + ADDRESS_MS
            wait = max(0.0, pair - now - PAIR_BURST_MS, address - now - ADDRESS_BURST_MS)
            missed, until = self._misses.get(network, (0, 0.0))
            if until <= now:
                missed = 0
            if missed >= MISSES:
                wait = max(wait, until - now)
            if not wait:
                _make_room(self._due, now)
                self._due[pair_name], self._due[network] = pair, address
        is_little = (
            not missed
            and pair - now <= PAIR_BURST_MS / LITTLE
            and address - now <= ADDRESS_BURST_MS / LITTLE
        )
        return Standing(-int(-wait), self._good.get(pair_name, 0.0) > now), is_little

    def miss(self, network: str) -> None:
        """See `Limits`."""
        now = time.monotonic() * 1000
        with self._lock:
            missed, until = self._misses.get(network, (0, 0.0))
            if until <= now:
                missed, until = 0, now + MISSES_MS
            if len(self._misses) >= _MOST_NAMES:
                self._misses.clear()
            self._misses[network] = (missed + 1, until)

    def know(self, key: str, network: str) -> None:
        """See `Limits`."""
        now = time.monotonic() * 1000
        with self._lock:
            _make_room(self._good, now)
            self._good[f"{key}:{network}"] = now + GOOD_MS


def _make_room(names: dict[str, float], now: float) -> None:
    """Forget what is over; when nothing is, everything."""
    if len(names) < _MOST_NAMES:
        return
    current = {name: until for name, until in names.items() if until > now}
    names.clear()
    if len(current) < _MOST_NAMES // 2:
        names.update(current)
