"""Measure the shop against its floor: `python -m tests.bench [--seconds 3] [--rounds 3]
[--products 100000] [--licenses 1000000] [--only-growth | --only-verify]`.

Everything is asked in turn, round after round, so that a machine that slows down slows all of
them. Absolute figures are the machine's; the ratios are the shop's. Exits 0 whatever it finds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from statistics import median

import psycopg

from storefront.licenses.keys import KeyVault
from storefront.sandbox.demo_stack import DemoStack
from tests.bench.growth import print_growth
from tests.bench.load import CONNECTIONS, Load, Target, measure, tool
from tests.bench.servers import FLOOR, SHOP, running_stack, running_web, workers_memory_mb
from tests.bench.verify import print_verify
from tests.bench.weight import weigh

COLD_STARTS = 3


def main() -> None:
    """Start everything, measure, print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--products", type=int, default=100_000, help="of the large catalogue")
    parser.add_argument("--only-growth", action="store_true", help="only the two catalogues")
    parser.add_argument("--licenses", type=int, default=1_000_000, help="of the large database")
    parser.add_argument("--only-verify", action="store_true", help="only the key check")
    options = parser.parse_args()
    if options.only_verify:
        with running_stack() as stack:
            print(f"{os.cpu_count()} cores, loopback, {CONNECTIONS} connections by one thread")
            _print_verify(stack, options)
        return
    if options.only_growth:
        with running_stack() as stack:
            print(f"{os.cpu_count()} cores, loopback, {CONNECTIONS} connections by {tool()}")
            _print_growth(stack, options)
        return
    with (
        running_stack() as stack,
        running_web(stack, FLOOR, first_path="/json") as (floor_url, floor_start),
    ):
        print(
            f"{os.cpu_count()} cores, loopback, {CONNECTIONS} connections by {tool()}; "
            f"medians of {options.rounds} alternating rounds of {options.seconds:g} s.\n"
        )
        targets = _targets(stack, floor_url)
        _warm_up(targets)
        rounds = [
            {target.name: measure(target, seconds=options.seconds) for target in targets}
            for _ in range(options.rounds)
        ]
        _print_loads(rounds)
        _print_processes(stack, floor_start)
        _print_weights(stack)
        _print_verify(stack, options)
        _print_growth(stack, options)


def _print_verify(stack: DemoStack, options: argparse.Namespace) -> None:
    print_verify(stack, count=options.licenses, seconds=options.seconds, rounds=options.rounds)


def _print_growth(stack: DemoStack, options: argparse.Namespace) -> None:
    print_growth(stack, products=options.products, seconds=options.seconds, rounds=options.rounds)


def _targets(stack: DemoStack, floor_url: str) -> list[Target]:
    key, slug = _active_license(stack)
    key_hash = {"key_hash": _hash_of(stack, key)}
    question = {"license_key": key, "resource": slug, "version": "1.0.0"}
    return [
        Target("bare Flask: JSON", f"{floor_url}/json"),
        Target("bare Flask: verify floor", f"{floor_url}/verify", key_hash),
        Target("bare Flask: the shop's query", f"{floor_url}/facts", key_hash),
        Target("shop: verify a key", f"{stack.url}/api/licenses/verify", question),
        Target("shop: home", f"{stack.url}/"),
        Target("shop: list of products", f"{stack.url}/products"),
        Target("shop: product page", f"{stack.url}/products/{slug}"),
    ]


def _active_license(stack: DemoStack) -> tuple[str, str]:
    licenses = stack.report["licenses"]
    assert isinstance(licenses, list)
    return next((one["key"], one["product"]) for one in licenses if one["status"] == "active")


def _hash_of(stack: DemoStack, key: str) -> str:
    """Checked against the table, so that the floor does find its row."""
    settings = stack.environment
    vault = KeyVault(
        pepper=settings["LICENSE_PEPPER"],
        encryption_keys=tuple(settings["LICENSE_ENCRYPTION_KEYS"].split(",")),
    )
    key_hash = vault.hash_key(key) or ""
    with psycopg.connect(settings["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT 1 FROM licenses WHERE key_hash = %s", (key_hash,))
        assert found.fetchone(), "the licence to ask about is there"
    return key_hash


def _warm_up(targets: Sequence[Target]) -> None:
    for target in targets:
        measure(target, seconds=1)


def _print_loads(rounds: Sequence[Mapping[str, Load]]) -> None:
    floor = median(one["bare Flask: verify floor"].per_second for one in rounds)
    print("| What | Requests a second | Ratio to the floor | p99 ms | Failures |")
    print("|---|---|---|---|---|")
    for name in rounds[0]:
        loads = [one[name] for one in rounds]
        rate = median(load.per_second for load in loads)
        slow = median(load.p99_ms for load in loads)
        failures = sum(load.failures for load in loads)
        print(f"| {name} | {rate:,.0f} | {rate / floor:.2f} | {slow:.1f} | {failures} |")


def _print_processes(stack: DemoStack, floor_start: float) -> None:
    starts = []
    for _ in range(COLD_STARTS):
        with running_web(stack, SHOP, first_path="/health") as (_url, seconds):
            starts.append(seconds)
    memory = workers_memory_mb(stack.pid_of("web"))
    shown = ", ".join(f"{mb:.0f} MB" for mb in memory) or "not known here"
    print(f"\nMemory of each web worker after the load: {shown}.")
    print(
        f"Cold start to the first answer: {median(starts):.1f} s (bare Flask {floor_start:.1f} s)."
    )


def _print_weights(stack: DemoStack) -> None:
    _key, slug = _active_license(stack)
    print("\n| First visit, compressed KB | HTML | CSS | Scripts | Fonts (at most) | Total |")
    print("|---|---|---|---|---|---|")
    for name, path in (("home", "/"), ("list", "/products"), ("product", f"/products/{slug}")):
        weight = weigh(f"{stack.url}{path}")
        sizes = (weight.html, weight.css, weight.scripts, weight.fonts, weight.total)
        print(f"| {name} | " + " | ".join(f"{size / 1000:.1f}" for size in sizes) + " |")


if __name__ == "__main__":
    main()
