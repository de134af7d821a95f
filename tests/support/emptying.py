"""Emptying a test database: faster than cloning one per test."""

from __future__ import annotations

from sqlalchemy import text

from storefront.db import Base, Database

_KEPT = ("ledger_entries", "ledger_postings", "receipts")


def empty(database: Database) -> None:
    """Delete every row and start order numbers anew. The triggers of ledger and receipts, which
    refuse that, are off for this one transaction."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    statements = [
        *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in _KEPT),
        *(f"DELETE FROM {table}" for table in tables),
        *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in _KEPT),
        "ALTER SEQUENCE orders_number_seq RESTART",
    ]
    with database.engine.begin() as connection:
        connection.execute(text("; ".join(statements)))
