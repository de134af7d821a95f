"""Bringing the database up to date, and checking that models and migrations agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from storefront import tables
from storefront.db import Base
from storefront.paths import ROOT

__all__ = ["find_drift", "migrate", "tables"]


def migrate(engine: Engine) -> None:
    """Apply every migration that is not applied yet. Safe to run twice and side by side: an
    advisory lock lets one at a time."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["engine"] = engine
    command.upgrade(config, "head")


def find_drift(engine: Engine) -> Sequence[Any]:
    """Differences between the models and the migrated database; empty when they agree."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))
