"""Putting products on the shelves and taking them off, one by one and many at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry, User
from storefront.catalog.editing import (
    DraftRefused,
    Fault,
    ProductDraft,
    TierDraft,
    create_product,
    move_products,
    set_status,
    set_statuses,
)
from storefront.catalog.models import Product, ProductStatus
from storefront.db import Database
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.outbox import OutboxMessage
from tests.support.factories import Factory

LATER = datetime(2040, 1, 1, tzinfo=UTC)
PUBLISHED, SOON = ProductStatus.PUBLISHED, ProductStatus.COMING_SOON
DRAFT, ARCHIVED = ProductStatus.DRAFT, ProductStatus.ARCHIVED


@pytest.fixture
def editor(make: Factory) -> User:
    return make.user(role="admin")


def put(database: Database, product_id: UUID, status: ProductStatus, editor: User) -> bool:
    with database.transaction() as session:
        return set_status(session, product_id, status, actor_id=editor.id, now=LATER)


def fresh(database: Database, product_id: UUID) -> Product:
    with database.reading() as session:
        return session.get_one(Product, product_id)


@pytest.mark.parametrize("before", list(ProductStatus))
@pytest.mark.parametrize("after", list(ProductStatus))
def test_a_finished_product_can_go_from_every_status_to_every_other(
    database: Database, make: Factory, editor: User, before: ProductStatus, after: ProductStatus
) -> None:
    product = make.product(status=before)

    assert put(database, product.id, after, editor) is (before != after)

    kept = fresh(database, product.id)
    assert (kept.status, kept.revision) == (after, 1 + (before != after))


def test_each_step_is_on_record_once_and_the_index_and_the_card_follow(
    database: Database, make: Factory, editor: User
) -> None:
    product = make.product(status=DRAFT)

    for _ in range(2):
        put(database, product.id, PUBLISHED, editor)

    with database.reading() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == str(product.id))
        ).all()
        tasks = session.scalars(select(OutboxMessage.task)).all()
    assert [entry.detail["changes"] for entry in entries] == [{"status": ["draft", "published"]}]
    assert entries[0].actor_id == editor.id
    assert sorted(tasks) == ["draw_share_card", "index_product"]


def test_a_product_is_new_when_it_is_published_for_the_first_time_only(
    database: Database, make: Factory, editor: User
) -> None:
    words = dict.fromkeys(("summary_th", "summary_en", "description_th", "description_en"), "x")
    draft = ProductDraft(
        slug="fresh",
        category_id=make.category().id,
        name_th="ใหม่",
        name_en="New",
        tiers=(TierDraft(None, "standard", "มาตรฐาน", "Standard", baht(100)),),
        **words,  # type: ignore[arg-type]
    )
    made = datetime(2030, 1, 1, tzinfo=UTC)
    with database.transaction() as session:
        product_id = create_product(session, draft, actor_id=editor.id, now=made)

    dates = []
    for status in (SOON, PUBLISHED, ARCHIVED):
        put(database, product_id, status, editor)
        dates.append(fresh(database, product_id).published_at)
    with database.transaction() as session:
        again = datetime(2050, 1, 1, tzinfo=UTC)
        set_status(session, product_id, PUBLISHED, actor_id=editor.id, now=again)
    dates.append(fresh(database, product_id).published_at)

    assert dates == [made, LATER, LATER, LATER]


@pytest.mark.parametrize(
    ("values", "status", "wanted"),
    [
        ({"name_th": ""}, PUBLISHED, {("name_th", Fault.MISSING)}),
        ({"summary_en": ""}, PUBLISHED, {("summary_en", Fault.MISSING)}),
        ({"description_th": ""}, PUBLISHED, {("description_th", Fault.MISSING)}),
        (
            {"name_th": "", "name_en": ""},
            SOON,
            {("name_th", Fault.MISSING), ("name_en", Fault.MISSING)},
        ),
        ({"description_th": ""}, SOON, set()),
        ({"name_th": "", "summary_en": ""}, ARCHIVED, set()),
    ],
)
def test_what_is_not_ready_stays_in_the_drawer(
    database: Database,
    make: Factory,
    editor: User,
    values: dict[str, Any],
    status: ProductStatus,
    wanted: set[tuple[str, Fault]],
) -> None:
    product = make.product(status=DRAFT, **values)
    found: set[tuple[str, Fault]] = set()

    try:
        put(database, product.id, status, editor)
    except DraftRefused as refusal:
        found = {(problem.field, problem.fault) for problem in refusal.problems}

    assert found == wanted
    assert fresh(database, product.id).status == (DRAFT if wanted else status)


def test_a_bundle_is_sold_only_when_its_parts_can_be_delivered(
    database: Database, make: Factory, editor: User
) -> None:
    part = make.product(status=DRAFT)
    bundle = make.bundle(part)
    put(database, bundle.id, DRAFT, editor)

    with pytest.raises(DraftRefused) as refusal:
        put(database, bundle.id, PUBLISHED, editor)
    put(database, part.id, PUBLISHED, editor)
    put(database, bundle.id, PUBLISHED, editor)

    assert [problem.fault for problem in refusal.value.problems] == [Fault.CONTENT_NOT_SOLD]


def test_of_many_the_fit_ones_are_changed_and_the_others_named(
    database: Database, make: Factory, editor: User
) -> None:
    good, bad, there = (
        make.product(status=DRAFT),
        make.product(status=DRAFT, name_th=""),
        make.product(),
    )
    unknown = new_id()

    with database.transaction() as session:
        outcome = set_statuses(
            session,
            [good.id, bad.id, there.id, unknown, good.id],
            PUBLISHED,
            actor_id=editor.id,
            now=LATER,
        )

    assert (outcome.changed, outcome.unchanged) == (1, 1)
    refused = {one.product_id: one for one in outcome.refused}
    assert set(refused) == {bad.id, unknown}
    assert refused[bad.id].name_en == bad.name_en
    assert [problem.field for problem in refused[bad.id].problems] == ["name_th"]
    assert refused[unknown].error.code == "product_not_found"
    assert fresh(database, good.id).status == PUBLISHED
    assert fresh(database, bad.id).revision == 1


def test_nothing_moves_into_a_category_that_is_not_there(
    database: Database, make: Factory, editor: User
) -> None:
    product = make.product()

    with pytest.raises(NotFound), database.transaction() as session:
        move_products(session, [product.id], new_id(), actor_id=editor.id, now=LATER)

    assert fresh(database, product.id).category_id == product.category_id
