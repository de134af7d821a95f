"""What the shop's answers are measured against: Flask with nothing around it.

    granian --interface wsgi tests.bench.floor:app        DATABASE_URL=postgresql://...

/json     a constant as JSON
/verify   parse JSON, one SELECT over a pooled connection, JSON: the least a key check can be
/signed   the same with one RSA-2048 signature over what was found
/facts    /verify with the shop's own query, so that the query's share can be told apart
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

import psycopg
from flask import Flask, Response, jsonify, request

from storefront.kit.signing import SigningKeys, make_signing_key

# As many as the server has blocking threads: nobody waits for a connection.
POOL_SIZE = 8

STATUS = "SELECT status, expires_at, slots FROM licenses WHERE key_hash = %s"
FACTS = """
    SELECT l.status, l.expires_at, l.slots, p.slug, u.username,
        (SELECT r.version FROM releases r
         WHERE r.product_id = l.product_id AND r.channel = 'stable'
             AND r.published_at <= now() AND r.yanked_at IS NULL
         ORDER BY r.published_at DESC LIMIT 1)
    FROM licenses l JOIN products p ON p.id = l.product_id JOIN users u ON u.id = l.user_id
    WHERE l.key_hash = %s"""

app = Flask(__name__)
signing = SigningKeys([make_signing_key()])
_pool: LifoQueue[psycopg.Connection[Any] | None] = LifoQueue()
for _ in range(POOL_SIZE):
    _pool.put(None)


@app.get("/json")
def constant() -> Response:
    return jsonify(status="ok")


@app.post("/verify")
def verify() -> Response:
    return _look_up(STATUS)


@app.post("/signed")
def signed() -> Response:
    answer = _look_up(STATUS)
    answer.headers["X-Signature"] = signing.sign(answer.get_data(as_text=True)).sig
    return answer


@app.post("/facts")
def facts() -> Response:
    return _look_up(FACTS)


def _look_up(query: str) -> Response:
    asked = request.get_json()
    with _connection() as connection:
        row = connection.execute(query, (asked["key_hash"],)).fetchone()
    if row is None:
        return jsonify(valid=False)
    return jsonify(valid=True, status=row[0], expires_at=row[1], rest=row[2:])


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    connection = _pool.get()
    try:
        connection = connection or psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        yield connection
    finally:
        _pool.put(connection)
