"""A database apart for races: they make scratch tables and triggers, which nobody must inherit. It
is cloned anew after a test that changed its shape, and emptied after all others."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from storefront.bootstrap import Shop, boot
from storefront.config import Settings
from storefront.sandbox.services.databases import create_database, drop_database
from tests.support.emptying import empty
from tests.support.invariants import check_invariants

_names = itertools.count(1)
_SHAPE = text(
    """
    SELECT md5(string_agg(fact, ',' ORDER BY fact)) FROM (
        SELECT concat('class ', oid, relname, relkind, relhastriggers, relchecks) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat('trigger ', oid, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat('constraint ', oid, conname) FROM pg_constraint
        UNION ALL SELECT concat('function ', oid, md5(prosrc)) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat('column ', attrelid, attname, attnotnull, atthasdef)
            FROM pg_attribute WHERE attnum > 0 AND attrelid >= 16384
    ) shape (fact)"""
)


class Ground:
    """The database of this process's races, and the shop over it."""

    def __init__(self, settings: Settings, postgres_url: str) -> None:
        self._settings = settings
        self._postgres_url = postgres_url
        self._clone()

    def clean(self) -> None:
        """As good as new for the next test."""
        self.shop.database.engine.dispose()
        try:
            empty(self.shop.database)
            is_same = self._find_shape() == self._shape
        except SQLAlchemyError:
            is_same = False
        if not is_same:
            self.drop()
            self._clone()

    def drop(self) -> None:
        """Nothing is left."""
        self.shop.database.engine.dispose()
        drop_database(self._postgres_url, self._name)

    def _clone(self) -> None:
        self._name = f"race_{os.getpid()}_{next(_names)}"
        url = create_database(self._postgres_url, self._name, template="migrated")
        self.shop = boot(dataclasses.replace(self._settings, database_url=url), pool_size=20)
        self._shape = self._find_shape()

    def _find_shape(self) -> object:
        with self.shop.database.engine.connect() as connection:
            return connection.scalar(_SHAPE)


@pytest.fixture(scope="session")
def ground(settings: Settings, postgres_url: str) -> Iterator[Ground]:
    """One for each process."""
    ground = Ground(settings, postgres_url)
    yield ground
    ground.drop()


@pytest.fixture
def shop(ground: Ground) -> Iterator[Shop]:
    """A booted shop over an empty database; the invariants are checked afterwards."""
    yield ground.shop
    try:
        check_invariants(ground.shop.database)
    finally:
        ground.clean()
