"""What a hundred times more products cost: the same pages over a small and a large catalogue, asked
in turn, each by a web server of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from urllib.parse import urlencode

import psycopg

from storefront.catalog.filters import Sort
from storefront.config import sqlalchemy_url
from storefront.db import Database, connect
from storefront.kit.pages import encode_cursor
from storefront.migrate import migrate
from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.databases import create_database
from tests.bench import catalog
from tests.bench.load import Target, measure
from tests.bench.servers import SHOP, running_web

SMALL: Final = 1_000
GOAL: Final = 1.5
_DEPTH: Final = 0.9


def print_growth(stack: DemoStack, *, products: int, seconds: float, rounds: int) -> None:
    """Fill two catalogues, measure them alternately and print the ratios."""
    with _shop_of(stack, SMALL) as small, _shop_of(stack, products) as large:
        print(f"\n| Catalogue page | {SMALL:,} products | {products:,} | Times slower | p99 ms |")
        print("|---|---|---|---|---|")
        for name in small:
            rates: dict[int, list[float]] = {SMALL: [], products: []}
            slowest: list[float] = []
            for at in range(rounds + 1):
                for size, targets in ((SMALL, small), (products, large)):
                    load = measure(targets[name], seconds=seconds if at else 1)
                    # The first turn only warms up.
                    if at:
                        rates[size].append(load.per_second)
                        slowest += [load.p99_ms] if size == products else []
                    if load.failures:
                        print(f"| {name}: {load.failures} failures at {size:,} | | | | |")
            few, many = median(rates[SMALL]), median(rates[products])
            late = "" if few / many <= GOAL else " (goal missed)"
            print(
                f"| {name} | {few:,.0f} a second | {many:,.0f} | {few / many:.2f}{late}"
                f" | {median(slowest):.0f} |",
                flush=True,
            )


@contextmanager
def _shop_of(stack: DemoStack, count: int) -> Iterator[Mapping[str, Target]]:
    """A shop with so many products, and what to ask it."""
    url = create_database(stack.environment["DATABASE_URL"], f"bench_{count}")
    engine = connect(sqlalchemy_url(url))
    migrate(engine)
    catalog.fill(url, Database(engine, on_enqueued=_no_bell), count=count)
    engine.dispose()
    with running_web(stack, SHOP, first_path="/health", settings={"DATABASE_URL": url}) as web:
        yield {name: Target(name, f"{web[0]}{path}") for name, path in _paths(url).items()}


def _paths(url: str) -> Mapping[str, str]:
    narrowed = {"framework": "esx", "delivery": "protected", "in_stock": 1, "price_from": 500}
    asked: Mapping[str, Mapping[str, object]] = {
        "list": {},
        "list: category": {"category": "vehicles"},
        "list: four filters": narrowed,
        "list: by price": {"sort": "price_asc"},
        "list: deep page": {"sort": "newest", "cursor": _deep_cursor(url)},
        "search: common English word": {"q": catalog.COMMON[0]},
        "search: common Thai word": {"q": catalog.COMMON[1]},
        "search: rare English word": {"q": catalog.RARE[0]},
        "search: rare Thai word": {"q": catalog.RARE[1]},
    }
    typed: Mapping[str, Mapping[str, object]] = {
        "suggestions: common word begun": {"q": catalog.COMMON[0][:4]},
        "suggestions: rare Thai word begun": {"q": catalog.RARE[1][:4]},
    }
    return {
        **{name: f"/en/products?{urlencode(query)}" for name, query in asked.items()},
        **{name: f"/en/products/suggest?{urlencode(query)}" for name, query in typed.items()},
        "product page": "/en/products/bench-7",
    }


def _deep_cursor(url: str) -> str:
    """The cursor of a page nine tenths down the list."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT published_at, id FROM products ORDER BY published_at DESC, id DESC"
            " OFFSET (SELECT count(*) * %s FROM products)::bigint LIMIT 1",
            (_DEPTH,),
        ).fetchone()
    assert row, "there are products"
    moment: datetime = row[0]
    microseconds = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    return encode_cursor(Sort.NEWEST.value, microseconds, str(row[1]))


def _no_bell(_messages: Sequence[object]) -> None:
    """Nobody works for these shops."""
