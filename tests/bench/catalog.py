"""A catalogue of any size, the same every time: products made of the demo's sentences and some
thousand words that follow Zipf's law, and a few words that stand in a known share of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

import psycopg
from pythainlp.corpus import thai_words

from storefront.catalog.search.indexing import index_batch, refresh_top
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.sandbox.seed.content import categories, products

COMMON: Final = ("satellite", "ดาวเทียม")
"""Words of every third product."""
RARE: Final = ("meringue", "ลูกโป่ง")
"""Words of twenty products, however many there are."""
RARE_IN: Final = 20
BATCH: Final = 500
NOW: Final = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Pool:
    """What texts are made of, with the running sums of how often."""

    thai: Sequence[str]
    english: Sequence[str]
    weights: Sequence[float]
    thai_sentences: Sequence[str]
    english_sentences: Sequence[str]


def fill(url: str, database: Database, *, count: int) -> None:
    """Fill a migrated, empty database and index it."""
    dice, pool = random.Random(7), _pool()
    with psycopg.connect(url) as connection:
        shelves = _categories(connection)
        # Triggers look at each row; their result is written along with it.
        connection.execute("ALTER TABLE variants DISABLE TRIGGER USER")
        ids = []
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            rows = [_product(number, dice, pool, shelves, count) for number in numbers]
            _copy(connection, "products", rows)
            _copy(connection, "variants", [_variant(row) for row in rows])
            ids += [row["id"] for row in rows]
        connection.execute("ALTER TABLE variants ENABLE TRIGGER USER")
    _index(url, database, ids)


def _index(url: str, database: Database, ids: Sequence[UUID]) -> None:
    """Index everything; the two big indexes are made afterwards, which is ten times faster."""
    with psycopg.connect(url, autocommit=True) as connection:
        made = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '%USING gin (words)%'"
        ).fetchall()
        for name, _ in made:
            connection.execute(f"DROP INDEX {name}")
        for start in range(0, len(ids), BATCH):
            index_batch(database, ids[start : start + BATCH])
        with database.transaction() as session:
            refresh_top(session)
        for _, definition in made:
            connection.execute(definition)
        connection.execute("VACUUM (ANALYZE)")


def _pool() -> _Pool:
    thai = sorted(word for word in thai_words() if 3 <= len(word) <= 9 and " " not in word)
    random.Random(1).shuffle(thai)
    english = sorted({word.lower() for p in products() for word in p.description_en.split()})
    english = [word for word in english if word.isalpha() and len(word) > 3]
    english += [f"{word}{suffix}" for suffix in ("er", "ist", "ium") for word in english]
    thai = [word for word in thai if word not in (*COMMON, *RARE)][: len(english)]
    return _Pool(
        thai,
        english,
        list(accumulate(1 / (rank + 10) for rank in range(len(english)))),
        sorted({line for p in products() for line in p.description_th.splitlines() if line}),
        sorted({line for p in products() for line in p.description_en.splitlines() if line}),
    )


def _categories(connection: psycopg.Connection[Any]) -> Sequence[UUID]:
    ids: dict[str, UUID] = {}
    for shelf in categories():
        ids[shelf.slug] = new_id()
        connection.execute(
            "INSERT INTO categories (id, slug, parent_id, name_th, name_en, position)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                *(ids[shelf.slug], shelf.slug, ids.get(shelf.parent or "")),
                *(shelf.name_th, shelf.name_en, shelf.position),
            ),
        )
    parents = {shelf.parent for shelf in categories()}
    return [ids[shelf.slug] for shelf in categories() if shelf.slug not in parents]


def _product(
    number: int, dice: random.Random, pool: _Pool, shelves: Sequence[UUID], count: int
) -> dict[str, Any]:
    def some(words: Sequence[str], many: int) -> list[str]:
        return dice.choices(words, cum_weights=pool.weights, k=many)

    marks_en = [COMMON[0]] if number % 3 == 0 else []
    marks_th = [COMMON[1]] if number % 3 == 1 else []
    if number % max(1, count // RARE_IN) == 0:
        marks_en, marks_th = [*marks_en, RARE[0]], [*marks_th, RARE[1]]
    rated = dice.randrange(40)
    price = 100 * dice.randrange(90, 4_000)
    return {
        "id": new_id(),
        "category_id": dice.choice(shelves),
        "slug": f"bench-{number}",
        "status": "published",
        "name_th": f"{' '.join(some(pool.thai, 2))} {number}",
        "name_en": " ".join((*some(pool.english, 2), *(marks_en if number % 2 else []))).title(),
        "summary_th": " ".join((*some(pool.thai, 6), *marks_th)),
        "summary_en": " ".join((*some(pool.english, 8), *marks_en)),
        "description_th": "\n".join(dice.choices(pool.thai_sentences, k=2)),
        "description_en": "\n".join(dice.choices(pool.english_sentences, k=2)),
        "features_th": json.dumps([" ".join(some(pool.thai, 3)) for _ in range(3)]),
        "features_en": json.dumps([" ".join(some(pool.english, 3)) for _ in range(3)]),
        "tags": some(pool.english, 3),
        "frameworks": dice.choice((["esx"], ["qbcore", "qbox"], ["esx", "qbcore", "qbox"])),
        "dependencies": ["ox_lib"],
        "delivery": dice.choice(("open_source", "protected")),
        "resource_cost_us": 10,
        "featured": number % max(1, count // 12) == 0,
        "sold_count": int(dice.paretovariate(1.1)),
        "published_at": NOW - timedelta(minutes=number * 7),
        "rating_count": rated,
        "rating_sum": rated * 4,
        "offer_variant_id": new_id(),
        "offer_price_satang": price,
        "offer_original_satang": price * 2 if number % 10 == 0 else None,
        "tier_count": 1,
    }


def _variant(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["offer_variant_id"],
        "product_id": row["id"],
        "code": "standard",
        "position": 0,
        "name_th": "มาตรฐาน",
        "name_en": "Standard",
        "price_satang": row["offer_price_satang"],
        "original_price_satang": row["offer_original_satang"],
        "stock": -1,
        "sold": 0,
        "held": 0,
        "slots": 2,
    }


def _copy(connection: psycopg.Connection[Any], table: str, rows: Sequence[dict[str, Any]]) -> None:
    command = f"COPY {table} ({', '.join(rows[0])}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(list(row.values()))
