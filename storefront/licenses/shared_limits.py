"""The limits of the key check, counted by all processes together in Redis.

Nearly every question is far from any limit, and asking Redis costs half as much as the whole
answer. So a process lets the first quarter of each limit pass by its own count, and tells Redis
within a fifth of a second what it let pass. Redis then says whose number is no longer little, for
all processes together; such servers, and whoever sent an unknown key, are counted in Redis before
they are answered. What is let through beyond a limit is thus at most a quarter of it for each
further process, once.

The first question of an address in a minute is told when a second one comes: most servers ask four
times a day, and of those Redis never hears.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Final

from storefront.kit.ticker import Ticker
from storefront.licenses.limit_store import LimitStore, Script
from storefront.licenses.limits import (
    ADDRESS_BURST_MS,
    ADDRESS_MS,
    GOOD_MS,
    LITTLE,
    MISSES,
    MISSES_MS,
    PAIR_BURST_MS,
    PAIR_MS,
    MemoryLimits,
    Standing,
)

TELL_SECONDS: Final = 0.2
ALONE_SECONDS: Final = 60.0
# So many servers at once: Redis does nothing else meanwhile, for about a millisecond.
_BATCH: Final = 200
_MOST_WATCHED: Final = 20_000
_MOST_ALONE: Final = 10_000

# Four names (pair, address, misses, good) and three numbers (questions that passed, unknown keys,
# whether the key was good) for each server. Returns whose number is not little, and for how long.
_TELL: Final = Script(f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function add(name, each, count)
    local due = math.max(tonumber(redis.call('GET', name)) or 0, now) + each * count
    if count > 0 then redis.call('SET', name, due, 'PX', due - now) end
    return due - now
end
local watched = {{}}
for one = 1, #KEYS / 4 do
    local name, value = one * 4 - 3, one * 3 - 2
    local count, missed = tonumber(ARGV[value]), tonumber(ARGV[value + 1])
    local pair = add(KEYS[name], {PAIR_MS}, count)
    local address = add(KEYS[name + 1], {ADDRESS_MS}, count)
    local watch = math.max(pair - {PAIR_BURST_MS // LITTLE}, address - {ADDRESS_BURST_MS // LITTLE})
    if missed > 0 and redis.call('INCRBY', KEYS[name + 2], missed) == missed then
        redis.call('PEXPIRE', KEYS[name + 2], {MISSES_MS})
    end
    watch = math.max(watch, redis.call('PTTL', KEYS[name + 2]))
    if ARGV[value + 2] == '1' then redis.call('SET', KEYS[name + 3], 1, 'PX', {GOOD_MS}) end
    if watch > 0 then
        watched[#watched + 1] = one - 1
        watched[#watched + 1] = math.ceil(watch)
    end
end
return watched
""")
_COUNT: Final = Script(f"""
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
""")


@dataclass(slots=True)
class _Untold:
    """What Redis does not know yet of one key at one address."""

    passed: int = 0
    missed: int = 0
    is_good: bool = False


_Keys = defaultdict[str, _Untold]


class SharedLimits:
    """Counts in Redis; while that is away or silent, in this process alone."""

    def __init__(self, redis_url: str) -> None:
        self._store = LimitStore(redis_url)
        self._memory = MemoryLimits()
        self._lock = Lock()
        # By address, because what is untold of one is told together.
        self._untold: dict[str, _Keys] = {}
        self._alone: dict[str, _Keys] = {}
        self._alone_before: dict[str, _Keys] = {}
        self._forget_at = 0.0
        self._watched: dict[str, float] = {}
        self._ticker = Ticker("limits", self.tell, every_seconds=TELL_SECONDS)

    def count(self, key: str, network: str) -> Standing:
        """See `Limits`."""
        mine, is_little = self._memory.weigh(key, network)
        if is_little and self._watched.get(network, 0.0) < time.monotonic():
            self._pass(key, network)
            self._ticker.start()
            return mine
        self._tell_of([network])
        counted = self._store.run(_COUNT, _names(key, network), ())
        if counted is None:
            return mine
        wait, is_good = divmod(int(counted), 2)
        return Standing(wait, bool(is_good) or mine.is_good)

    def miss(self, network: str) -> None:
        """See `Limits`."""
        self._memory.miss(network)
        with self._lock:
            self._to_be_told(network)[""].missed += 1
        self._ticker.start()

    def know(self, key: str, network: str) -> None:
        """See `Limits`."""
        self._memory.know(key, network)
        with self._lock:
            alone = self._alone.get(network)
            keys = self._to_be_told(network) if alone is None else alone
            keys[key].is_good = True
        self._ticker.start()

    def tell(self) -> None:
        """Tell Redis what passed. What it does not take, because it is away, is told to nobody."""
        with self._lock:
            if self._forget_at < time.monotonic() or len(self._alone) >= _MOST_ALONE:
                self._forget_at = time.monotonic() + ALONE_SECONDS
                self._alone_before, self._alone = self._alone, {}
        networks = iter(list(self._untold))
        while some := list(islice(networks, _BATCH)):
            self._tell_of(some)

    def close(self) -> None:
        """Tell the rest and end all connections. Idempotent."""
        self._ticker.close()
        self.tell()
        self._store.close()

    def _pass(self, key: str, network: str) -> None:
        with self._lock:
            is_first = not any(
                network in told for told in (self._untold, self._alone, self._alone_before)
            )
            if is_first:
                keys = self._alone[network] = defaultdict(_Untold)
            else:
                keys = self._to_be_told(network)
            keys[key].passed += 1

    def _to_be_told(self, network: str) -> _Keys:
        alone = self._alone.pop(network, None) or self._alone_before.pop(network, None)
        if alone is not None:
            self._untold[network] = alone
        return self._untold.setdefault(network, defaultdict(_Untold))

    def _tell_of(self, networks: Sequence[str]) -> None:
        with self._lock:
            for one in networks:
                self._to_be_told(one)
            taken = [(one, self._untold.pop(one)) for one in networks]
        told = [(network, key, it) for network, keys in taken for key, it in keys.items()]
        for start in range(0, len(told), _BATCH):
            self._tell(told[start : start + _BATCH])

    def _tell(self, told: Sequence[tuple[str, str, _Untold]]) -> None:
        names: list[str] = []
        values: list[str] = []
        for network, key, it in told:
            names += _names(key, network)
            values += (str(it.passed), str(it.missed), "1" if it.is_good else "0")
        watched = iter(self._store.run(_TELL, names, values) or ())
        self._watch(
            (told[int(one)][0], int(wait)) for one, wait in zip(watched, watched, strict=True)
        )

    def _watch(self, networks: Iterable[tuple[str, int]]) -> None:
        now = time.monotonic()
        for network, wait_ms in networks:
            if len(self._watched) >= _MOST_WATCHED:
                self._watched.clear()
            self._watched[network] = max(self._watched.get(network, 0.0), now + wait_ms / 1000)


def _names(key: str, network: str) -> tuple[str, str, str, str]:
    pair = f"{key}:{network}"
    return f"v:p:{pair}", f"v:a:{network}", f"v:m:{network}", f"v:g:{pair}"
