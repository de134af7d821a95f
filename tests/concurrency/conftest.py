"""A database per test: races make scratch tables and triggers, which nobody else must inherit."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator

import pytest

from storefront.bootstrap import Shop, boot
from storefront.config import Settings
from storefront.sandbox.services.databases import create_database, drop_database
from tests.support.invariants import check_invariants

_names = itertools.count(1)


@pytest.fixture
def shop(settings: Settings, postgres_url: str) -> Iterator[Shop]:
    """A booted shop over a fresh clone; the invariants are checked afterwards."""
    name = f"race_{os.getpid()}_{next(_names)}"
    url = create_database(postgres_url, name, template="migrated")
    shop = boot(dataclasses.replace(settings, database_url=url), pool_size=20)
    yield shop
    try:
        check_invariants(shop.database)
    finally:
        shop.database.engine.dispose()
        drop_database(postgres_url, name)
