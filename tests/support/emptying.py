"""Emptying a test database: faster than cloning one per test."""

from __future__ import annotations

from sqlalchemy import text

from storefront.db import Base, Database

_KEPT = ("ledger_entries", "ledger_postings", "receipts")
_FULL = text(
    " UNION ALL ".join(f"SELECT '{table}', EXISTS (SELECT 1 FROM {table})" for table in _KEPT)
)


def empty(database: Database) -> None:
    """Delete every row and start order numbers anew. The triggers of ledger and receipts, which
    refuse that, are off for this one transaction; where there is nothing in those tables they are
    not touched, because every prepared plan over them would have to be made anew."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    with database.engine.begin() as connection:
        kept = [name for name, is_full in connection.execute(_FULL) if is_full]
        statements = [
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in kept),
            *(f"DELETE FROM {table}" for table in tables if table in kept or table not in _KEPT),
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in kept),
            "SELECT setval('orders_number_seq', 100001, false)",
        ]
        connection.execute(text("; ".join(statements)))
