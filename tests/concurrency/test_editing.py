"""Two editors at once: bundles that would hold each other, categories that would stand in each
other, and saving against buying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.categories import CategoryDraft, change_category
from storefront.catalog.editing import read_rows, update_product
from storefront.catalog.editing.rows import constraint_of
from storefront.catalog.models import BundleItem, Category, Product, Variant
from storefront.catalog.service import StockWish, hold_stock, release_stock
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from tests.concurrency.racing import (
    codes_of,
    race,
    slow_down_updates,
    successes_in,
    wait_for_lingering,
)
from tests.support.factories import Factory

ROUNDS = 5


def within(database: Database, change: Callable[[Session], object]) -> bool:
    with database.transaction() as session:
        change(session)
    return True


def put_into(database: Database, bundle: Product, part: Product, editor: User) -> bool:
    """Save a product with one more product inside."""

    def change(session: Session) -> None:
        rows = read_rows(session, bundle.id)
        update_product(
            session,
            bundle.id,
            replace(rows.draft, contents=(part.id,)),
            revision=rows.product.revision,
            actor_id=editor.id,
            now=datetime.now(UTC),
        )

    return within(database, change)


def test_two_products_put_into_each_other_at_once_make_one_bundle(
    shop: Shop, make: Factory
) -> None:
    editor = make.user(role="admin")
    for _ in range(ROUNDS):
        one, other = make.product(), make.product()

        outcomes = race(
            [
                partial(put_into, shop.database, one, other, editor),
                partial(put_into, shop.database, other, one, editor),
            ]
        )

        assert codes_of(outcomes) == ["product_refused"]
        with shop.database.reading() as session:
            ids = (one.id, other.id)
            found = session.scalars(select(BundleItem).where(BundleItem.bundle_id.in_(ids))).all()
        assert len(found) == 1


def test_two_categories_put_into_each_other_at_once_make_no_circle(
    shop: Shop, make: Factory
) -> None:
    editor = make.user(role="admin")

    def put_inside(inner: Category, outer: Category) -> bool:
        draft = CategoryDraft(inner.name_th, inner.name_en, inner.slug, outer.id)
        return within(
            shop.database,
            lambda session: change_category(session, inner.id, draft, actor_id=editor.id),
        )

    for _ in range(ROUNDS):
        one, other = make.category(), make.category()
        outcomes = race([partial(put_inside, one, other), partial(put_inside, other, one)])
        assert codes_of(outcomes) == ["category_circle"]


def test_the_database_refuses_a_circle_that_nobody_checked(shop: Shop, make: Factory) -> None:
    one, other = make.category(), make.category()
    move = text("UPDATE categories SET parent_id = :outer WHERE id = :inner")

    def put_inside(inner: UUID, outer: UUID) -> str:
        try:
            within(
                shop.database,
                lambda session: session.execute(move, {"inner": inner, "outer": outer}),
            )
        except IntegrityError as error:
            return constraint_of(error)
        return "moved"

    outcomes = race([partial(put_inside, one.id, other.id), partial(put_inside, other.id, one.id)])

    assert sorted(map(str, outcomes)) == ["ck_categories_no_circle", "moved"]


def test_of_two_editors_at_once_one_is_told(shop: Shop, make: Factory) -> None:
    editor, product = make.user(role="admin"), make.product()

    def rename(name: str) -> bool:
        def change(session: Session) -> None:
            draft = replace(read_rows(session, product.id).draft, name_en=name)
            now = datetime.now(UTC)
            update_product(session, product.id, draft, revision=1, actor_id=editor.id, now=now)

        return within(shop.database, change)

    outcomes = race([partial(rename, f"Name {n}") for n in range(6)])

    assert codes_of(outcomes) == ["edited_elsewhere"] * 5


def test_saving_while_the_last_unit_is_bought_makes_nobody_fail(shop: Shop, make: Factory) -> None:
    """The buyer locks the variant and, by a trigger, its product. Whoever locked the product first
    would wait for the buyer, who waits for the product."""
    editor, product = make.user(role="admin"), make.product(price=baht(100), stock=1)
    slow_down_updates(shop.database, "variants")
    order_id = new_id()

    def buy(session: Session) -> None:
        wish = StockWish(product.id, product.variants[0].id, 1)
        hold_stock(session, [wish], order_id=order_id, now=datetime.now(UTC))
        release_stock(session, order_id)

    def edit() -> bool:
        wait_for_lingering(shop.database)

        def change(session: Session) -> None:
            rows = read_rows(session, product.id)
            tiers = tuple(replace(tier, price=baht(90)) for tier in rows.draft.tiers)
            draft = replace(rows.draft, name_en="Renamed", tiers=tiers)
            now = datetime.now(UTC)
            update_product(session, product.id, draft, revision=1, actor_id=editor.id, now=now)

        return within(shop.database, change)

    calls: list[Callable[[], bool]] = [partial(within, shop.database, buy), edit]
    assert successes_in(race(calls)) == [True, True]
    with shop.database.reading() as session:
        assert session.get_one(Variant, product.variants[0].id).price_satang == 9_000
