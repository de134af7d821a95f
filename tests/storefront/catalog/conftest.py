"""Counting what pages ask of the database, and planning flash sales."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.editing import (
    ProductDraft,
    TierDraft,
    create_product,
    read_rows,
    update_product,
)
from storefront.catalog.flash_sales import SaleDraft, change_sale, schedule_sale
from storefront.db import Database
from storefront.kit.money import baht
from tests.storefront.catalog.flash_drafts import NOW
from tests.support.factories import Factory

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


@pytest.fixture
def schedule(database: Database, make: Factory) -> Callable[..., UUID]:
    """schedule(draft, now=NOW): the id of the sale that was written."""
    actor = make.user(role="admin")

    def schedule(draft: SaleDraft, *, now: datetime = NOW) -> UUID:
        with database.transaction() as session:
            return schedule_sale(session, draft, actor_id=actor.id, now=now)

    return schedule


@pytest.fixture
def change(database: Database, make: Factory) -> Callable[..., None]:
    """change(sale_id, draft, revision=1, now=NOW)."""
    actor = make.user(role="admin")

    def change(sale_id: UUID, draft: SaleDraft, *, revision: int = 1, now: datetime = NOW) -> None:
        with database.transaction() as session:
            change_sale(session, sale_id, draft, revision=revision, actor_id=actor.id, now=now)

    return change


@pytest.fixture
def editor(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def draft(make: Factory) -> ProductDraft:
    """Fit for the shelves."""
    return ProductDraft(
        slug="night-market",
        category_id=make.category().id,
        name_th="ตลาดกลางคืน",
        name_en="Night Market",
        summary_th="แผงขายของยามค่ำ",
        summary_en="Stalls after dark",
        description_th="ขายได้ทุกอย่าง",
        description_en="Sells **everything**",
        features_en=("Stalls", "Lights"),
        tags=("market",),
        frameworks=("esx", "qbcore"),
        resource_cost_us=40,
        tiers=(
            TierDraft(None, "standard", "มาตรฐาน", "Standard", baht(490)),
            TierDraft(None, "pro", "โปร", "Pro", baht(990), stock=50, slots=5),
        ),
    )


@pytest.fixture
def keep(database: Database, editor: User) -> Callable[[ProductDraft], UUID]:
    """Write a draft down; its product's id."""

    def keep(draft: ProductDraft) -> UUID:
        with database.transaction() as session:
            return create_product(session, draft, actor_id=editor.id, now=datetime.now(UTC))

    return keep


@pytest.fixture
def save(database: Database, editor: User) -> Callable[..., None]:
    """save(product_id, **changes): edit what stands there now."""

    def save(product_id: UUID, *, revision: int | None = None, **changes: Any) -> None:
        with database.transaction() as session:
            rows = read_rows(session, product_id)
            update_product(
                session,
                product_id,
                replace(rows.draft, **changes),
                revision=revision or rows.product.revision,
                actor_id=editor.id,
                now=datetime.now(UTC),
            )

    return save
