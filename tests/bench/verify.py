"""The key check against its floors: bare Flask on the same server, and the database's own rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from statistics import median
from typing import Final

import psycopg
from redis import Redis, RedisError

from storefront.licenses.keys import KeyVault
from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.databases import create_database
from storefront.sandbox.services.ports import LOOPBACK, choose_port
from tests.bench import licenses
from tests.bench.flood import flood, request
from tests.bench.load import Load
from tests.bench.lookups import database_rate
from tests.bench.servers import FLOOR, SHOP, running_web

UNSIGNED: Final = "tests.bench.unsigned:app"
SMALL: Final = 1_000
WARM_UP_SECONDS: Final = 0.7
PATH: Final = "/api/licenses/verify"
FLOOR_NAME: Final = "bare Flask: verify floor"
SIGNED_FLOOR_NAME: Final = "bare Flask: verify floor and one RSA signature"
Turn = Callable[[float], Load]


def print_verify(stack: DemoStack, *, count: int, seconds: float, rounds: int) -> None:
    """Fill two databases, ask everything in turn, round after round, and print the ratios."""
    with _turns(stack, count) as turns:
        done = [{name: turn(seconds) for name, turn in turns.items()} for _ in range(rounds)]
    floor = median(one[FLOOR_NAME].per_second for one in done)
    signed = median(one[SIGNED_FLOOR_NAME].per_second for one in done)
    print("\n| Key check | A second | To the floor | To floor and signature | p99 ms | Failures |")
    print("|---|---|---|---|---|---|")
    for name in turns:
        rate = median(one[name].per_second for one in done)
        slow = median(one[name].p99_ms for one in done)
        failures = sum(one[name].failures for one in done)
        print(
            f"| {name} | {rate:,.0f} | {rate / floor:.2f} | {rate / signed:.2f} | {slow:.1f}"
            f" | {failures} |"
        )


@contextmanager
def _turns(stack: DemoStack, count: int) -> Iterator[Mapping[str, Turn]]:
    """What is measured, by name; each call is one turn of so many seconds."""
    vault = _vault(stack)
    small, large = _database(stack, vault, SMALL), _database(stack, vault, count)
    hashes = [vault.hash_key(key) or "" for key, _ in licenses.servers(SMALL)]
    lookups = [{"key_hash": one} for one in hashes]
    settings = {"DATABASE_URL": f"{small}?options=-c%20idle_session_timeout%3D0"}
    with ExitStack() as running:
        floor, _ = running.enter_context(
            running_web(stack, FLOOR, first_path="/json", settings=settings)
        )

        def bare(path: str) -> Turn:
            bodies = lookups if path != "/json" else [None]
            sent = [request(f"{floor}{path}", body) for body in bodies]
            return lambda seconds: flood(floor, sent, seconds=seconds)

        ours = stack.environment["REDIS_URL"].rsplit("/", 1)[0] + "/5"
        dead = f"redis://{LOOPBACK}:{choose_port()}/0"

        def verify(app: str, database_url: str, redis_url: str, count: int) -> Turn:
            settings = {
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "TRUSTED_PROXIES": LOOPBACK,
            }
            # Not /health, which says 503 without Redis.
            started = running_web(stack, app, first_path=f"{PATH}?key=x", settings=settings)
            return _asking(running.enter_context(started)[0], redis_url, count)

        yield {
            "PostgreSQL alone: the floor's look-up": lambda seconds: Load(
                database_rate(small, hashes, seconds=seconds), 0.0, 0
            ),
            "bare Flask: JSON": bare("/json"),
            FLOOR_NAME: bare("/verify"),
            SIGNED_FLOOR_NAME: bare("/signed"),
            f"shop, not signed, {SMALL:,} licences": verify(UNSIGNED, small, ours, SMALL),
            f"shop, not signed, {count:,} licences": verify(UNSIGNED, large, ours, count),
            "the same, Redis down": verify(UNSIGNED, large, dead, count),
            f"shop, signed, {SMALL:,} licences": verify(SHOP, small, ours, SMALL),
            f"shop, signed, {count:,} licences": verify(SHOP, large, ours, count),
            "the same, signed, Redis down": verify(SHOP, large, dead, count),
            "the same, signed, one key beyond its limit": verify(SHOP, large, ours, 1),
        }


def _asking(url: str, redis_url: str, count: int) -> Turn:
    """Ask a shop about so many licences, each from the address of its server."""
    sent = [
        request(f"{url}{PATH}", {"license_key": key, "resource": "r"}, address=address)
        for key, address in licenses.servers(count)
    ]

    def turn(seconds: float) -> Load:
        flood(url, sent[-500:], seconds=WARM_UP_SECONDS)
        # Within the limits: what is beyond them has a turn of its own.
        with suppress(RedisError):
            Redis.from_url(redis_url).flushdb()
        return flood(url, sent, seconds=seconds)

    return turn


def _vault(stack: DemoStack) -> KeyVault:
    settings = stack.environment
    return KeyVault(
        pepper=settings["LICENSE_PEPPER"],
        encryption_keys=tuple(settings["LICENSE_ENCRYPTION_KEYS"].split(",")),
    )


def _database(stack: DemoStack, vault: KeyVault, count: int) -> str:
    url = create_database(stack.environment["DATABASE_URL"], f"licenses_{count}")
    licenses.fill(url, vault, count=count)
    with psycopg.connect(url, autocommit=True) as connection:
        # All shops together would hold more connections than there are: between their turns the
        # look-ups lose theirs, and get others.
        connection.execute(f"ALTER DATABASE licenses_{count} SET idle_session_timeout = '3s'")
    return url
