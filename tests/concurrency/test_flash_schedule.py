"""Flash sales planned by two people at once, and announced by two schedulers at once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from threading import Barrier
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jobs.flash_sales import announce_flash_sales
from storefront.bootstrap import Shop
from storefront.catalog.flash_sales import (
    ItemDraft,
    SaleDraft,
    SaleRefused,
    change_sale,
    schedule_sale,
)
from storefront.catalog.flash_sales.announcing import announce_begun
from storefront.catalog.models import Product
from storefront.catalog.price_models import FlashSaleItem
from storefront.db import Database
from storefront.kit.money import baht
from storefront.notifications.models import Notification
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory

HOUR = timedelta(hours=1)


def schedule(shop: Shop, actor_id: UUID, products: list[Product], offset: timedelta) -> UUID:
    now = shop.clock()
    draft = SaleDraft(
        name_th="ลดแรง",
        name_en="Big night",
        starts_at=now + HOUR + offset,
        ends_at=now + 9 * HOUR + offset,
        items=tuple(ItemDraft(product.variants[0].id, baht(1)) for product in products),
    )
    with shop.database.transaction() as session:
        return schedule_sale(session, draft, actor_id=actor_id, now=now)


def test_of_eight_overlapping_sales_planned_at_once_one_is_written(
    shop: Shop, make: Factory
) -> None:
    products = [make.product() for _ in range(3)]
    actor = make.user(role="admin").id
    orders = [products, products[::-1]] * 4

    outcomes = race(
        [
            partial(schedule, shop, actor, order, n * timedelta(minutes=10))
            for n, order in enumerate(orders)
        ]
    )

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["flash_sale_refused"] * 7
    refusals = [one for one in outcomes if isinstance(one, SaleRefused)]
    assert {problem.fault for one in refusals for problem in one.problems} == {"overlaps"}
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(FlashSaleItem)) == 3


def test_control_looking_for_an_overlap_without_the_lock_writes_both(
    database: Database, make: Factory
) -> None:
    variant = make.product().variants[0].id
    with database.transaction() as session:
        session.execute(
            text("CREATE TABLE naive_items AS SELECT * FROM flash_sale_items WITH NO DATA")
        )

    def insert(session: Session, everybody_has_read: Barrier) -> None:
        there = session.scalar(
            text("SELECT count(*) FROM naive_items WHERE variant_id = :v"), {"v": variant}
        )
        everybody_has_read.wait()
        if not there:
            session.execute(
                text("INSERT INTO naive_items (variant_id) VALUES (:v)"), {"v": variant}
            )

    race_transactions(database, insert, runners=2)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM naive_items")) == 2


def test_of_two_editors_at_once_exactly_one_is_told(shop: Shop, make: Factory) -> None:
    product = make.product()
    actor = make.user(role="admin").id
    sale_id = schedule(shop, actor, [product], timedelta(0))
    now = shop.clock()

    def change(name: str) -> None:
        draft = SaleDraft(
            name_th=name,
            name_en=name,
            starts_at=now + HOUR,
            ends_at=now + 2 * HOUR,
            items=(ItemDraft(product.variants[0].id, baht(2)),),
        )
        with shop.database.transaction() as session:
            change_sale(session, sale_id, draft, revision=1, actor_id=actor, now=now)

    outcomes = race([partial(change, name) for name in "abcdef"])

    assert codes_of(outcomes) == ["edited_elsewhere"] * 5


def test_two_schedulers_at_once_announce_a_sale_once(shop: Shop, make: Factory) -> None:
    admin = make.user(role="admin")
    schedule(shop, admin.id, [make.product()], -HOUR)

    def announce() -> list[UUID]:
        with shop.database.transaction() as session:
            return announce_begun(session, now=shop.clock())

    marked = successes_in(race([announce] * 8))
    race([partial(announce_flash_sales, shop)] * 4)

    assert sorted(len(ids) for ids in marked) == [0] * 7 + [1]
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Notification)) == 1
