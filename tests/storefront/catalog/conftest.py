"""Counting what pages ask of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import event

from storefront.bootstrap import Shop

CountStatements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def statements(shop: Shop) -> CountStatements:
    """`with statements() as seen:` collects the SQL that runs inside."""

    @contextmanager
    def collect() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(shop.database.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(shop.database.engine, "before_cursor_execute", note)

    return collect
