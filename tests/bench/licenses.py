"""Any number of licences, with keys that can be made again from their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import psycopg

from storefront.config import sqlalchemy_url
from storefront.db import Database, connect
from storefront.kit.ids import CROCKFORD, new_id
from storefront.licenses.keys import KeyVault
from storefront.migrate import migrate
from tests.bench import catalog
from tests.bench.flood import addresses

PRODUCTS = 20
ASKED_ABOUT = 40_000
"""So many of the licences have a server that asks, and a slot it holds."""


def key_of(number: int) -> str:
    """The key of the licence with this number."""
    value = int.from_bytes(sha256(b"%d" % number).digest()[:10])
    return "".join(CROCKFORD[value >> shift & 31] for shift in range(0, 80, 5))


def fill(url: str, vault: KeyVault, *, count: int) -> None:
    """Fill an empty database: some products with a release each, and so many licences."""
    engine = connect(sqlalchemy_url(url))
    migrate(engine)
    catalog.fill(url, Database(engine, on_enqueued=lambda _messages: None), count=PRODUCTS)
    engine.dispose()
    with psycopg.connect(url) as connection:
        _release_everything(connection)
        owner = new_id()
        connection.execute(
            "INSERT INTO users (id, discord_id, username, display_name, email_verified, role,"
            " locale) VALUES (%s, '1', 'bench', 'Bench', false, 'customer', 'en')",
            (owner,),
        )
        goods = connection.execute("SELECT product_id, id FROM variants ORDER BY id").fetchall()
        with connection.cursor() as cursor:
            with cursor.copy(
                "COPY licenses (id, key_hash, key_hint, key_encrypted, product_id, variant_id,"
                " user_id, source, source_reference, unit, status, slots) FROM STDIN"
            ) as copy:
                for number in range(count):
                    key = key_of(number)
                    copy.write_row(
                        (
                            *(new_id(), vault.hash_key(key), key[:4], "-", *goods[number % 20]),
                            *(owner, "tebex", f"bench-{number}", 1, "active", 2),
                        )
                    )
            connection.execute(
                "INSERT INTO license_slots (license_id, position, network)"
                " SELECT id, 1, ('10.0.0.0'::inet + substr(source_reference, 7)::bigint)::cidr"
                " FROM licenses WHERE substr(source_reference, 7)::bigint < %s",
                (ASKED_ABOUT,),
            )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")


def servers(count: int) -> Iterator[tuple[str, str]]:
    """The key and the address of every server that asks."""
    yield from zip(map(key_of, range(min(count, ASKED_ABOUT))), addresses(), strict=False)


def _release_everything(connection: psycopg.Connection) -> None:
    for (product,) in connection.execute("SELECT id FROM products").fetchall():
        connection.execute(
            "INSERT INTO releases (id, product_id, version, version_key, channel, changelog_th,"
            " changelog_en, file_key, file_name, size_bytes, sha256, published_at)"
            " VALUES (%s, %s, '1.0.0', '1.0.0', 'stable', '', '', 'x', 'x.zip', 1,"
            " repeat('0', 64), now())",
            (new_id(), product),
        )
