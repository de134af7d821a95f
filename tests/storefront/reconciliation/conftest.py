"""Books to be compared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storefront.bootstrap import Shop
from storefront.sandbox.serve import RunningSandbox
from tests.support.books import Books, opened_books
from tests.support.factories import Factory


@pytest.fixture
def books(shop: Shop, make: Factory, sandbox: RunningSandbox) -> Iterator[Books]:
    """The books of an empty shop."""
    with opened_books(shop, make, sandbox) as books:
        yield books
