"""Where Alembic meets the shop: the same engine and the same tables, one transaction for all."""

from alembic import context
from flask import current_app
from sqlalchemy import Engine

from storefront import tables
from storefront.db import Base

assert tables  # noqa: S101 - imported so that the metadata is complete


def run(engine: Engine) -> None:
    """Migrate over one connection; a lock keeps a second migration waiting."""
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=True,
            # The lock below must outlive every step, not only the first.
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            # One migration at a time, whatever is started side by side.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(726115)")
            # DDL may take longer than a request may wait.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            context.run_migrations()


# `storefront.migrate` hands its engine over; under `flask db` the app has one.
run(context.config.attributes.get("engine") or current_app.extensions["shop"].database.engine)
