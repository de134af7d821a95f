"""One SQLite file keeps what the stand-ins must remember across a restart."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS stripe_objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS stripe_objects_kind ON stripe_objects (kind, seq);
CREATE TABLE IF NOT EXISTS stripe_idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS stripe_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    due_at REAL NOT NULL,
    last_status INTEGER,
    last_error TEXT
);
CREATE TABLE IF NOT EXISTS discord_users (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS discord_codes (
    code TEXT PRIMARY KEY, user_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL, challenge TEXT, expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS discord_tokens (
    token TEXT PRIMARY KEY, user_id TEXT NOT NULL, scope TEXT NOT NULL, expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS discord_roles (
    user_id TEXT NOT NULL, role_id TEXT NOT NULL, PRIMARY KEY (user_id, role_id)
);
CREATE TABLE IF NOT EXISTS discord_outsiders (user_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS received (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    status INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received REAL NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    raw BLOB NOT NULL
);
"""


class Store:
    """A serialised SQLite connection.

    Every access holds one re-entrant lock, so two requests never interleave: the second of two
    equal idempotency keys waits for the first, and a session can be paid only once.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. A nested one is a savepoint: it can fail while the outer one goes on."""
        with self._lock:
            name = f"level_{self._depth}"
            self._db.execute("BEGIN IMMEDIATE" if self._depth == 0 else f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                self._db.execute("ROLLBACK" if self._depth == 0 else f"ROLLBACK TO {name}")
                raise
            self._depth -= 1
            self._db.execute("COMMIT" if self._depth == 0 else f"RELEASE {name}")

    def run(self, sql: str, *values: Any) -> int:
        """Execute one writing statement and return the number of rows it touched."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found = self.rows(sql, *values)
        return found[0] if found else None

    def save(self, document: JsonObject) -> None:
        """Insert or replace a Stripe object; its `object` field is its kind."""
        self.run(
            "INSERT INTO stripe_objects (id, kind, body) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            document["id"],
            document["object"],
            json.dumps(document),
        )

    def find(self, document_id: str, kind: str | None = None) -> JsonObject | None:
        row = self.row("SELECT kind, body FROM stripe_objects WHERE id = ?", document_id)
        if row is None or (kind is not None and row["kind"] != kind):
            return None
        document: JsonObject = json.loads(row["body"])
        return document

    def newest_first(self, kind: str) -> list[JsonObject]:
        sql = "SELECT body FROM stripe_objects WHERE kind = ? ORDER BY seq DESC"
        return [json.loads(row["body"]) for row in self.rows(sql, kind)]

    def forget_stripe(self) -> None:
        """A Stripe account on which nothing ever happened."""
        with self.transaction():
            for table in ("stripe_objects", "stripe_idempotency", "stripe_deliveries"):
                self.run(f"DELETE FROM {table}")  # noqa: S608 - names of our own

    def close(self) -> None:
        with self._lock:
            self._db.close()
