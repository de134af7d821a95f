"""Announcing flash sales to staff."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select, update

from jobs.flash_sales import announce_flash_sales
from jobs.schedule import SCHEDULE
from storefront.bootstrap import Shop
from storefront.catalog.flash_sales import ItemDraft, SaleDraft, end_sale, schedule_sale
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.kit.clock import fixed_clock
from storefront.kit.money import baht
from storefront.notifications.models import Notification
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

HOUR = timedelta(hours=1)


def plan(shop: Shop, make: Factory, *, starts_in: timedelta = HOUR) -> UUID:
    starts_at = shop.clock() + starts_in
    draft = SaleDraft(
        name_th="ลดแรง",
        name_en="Big night",
        starts_at=starts_at,
        ends_at=starts_at + HOUR,
        items=(ItemDraft(make.product().variants[0].id, baht(1)),),
    )
    actor = make.user()
    with shop.database.transaction() as session:
        return schedule_sale(session, draft, actor_id=actor.id, now=shop.clock())


def run_in(shop: Shop, delay: timedelta) -> list[tuple[UUID, str]]:
    """Run the job so much later; every notice there is then."""
    announce_flash_sales(dataclasses.replace(shop, clock=fixed_clock(shop.clock() + delay)))
    with shop.database.reading() as session:
        notices = session.scalars(select(Notification).order_by(Notification.id))
        return [(notice.user_id, notice.event) for notice in notices]


def test_the_schedule_announces_flash_sales() -> None:
    assert announce_flash_sales in [entry.run for entry in SCHEDULE]


def test_staff_who_manage_the_catalogue_hear_of_start_and_end_once(
    shop: Shop, make: Factory
) -> None:
    admin = make.user(role="admin")
    make.user(role="moderator")
    make.user(role="admin", banned_at=shop.clock())
    plan(shop, make)

    assert run_in(shop, timedelta(0)) == []
    assert run_in(shop, HOUR + timedelta(minutes=1)) == [(admin.id, "flash_sale_began")]
    assert run_in(shop, HOUR + timedelta(minutes=2)) == [(admin.id, "flash_sale_began")]
    both = [(admin.id, "flash_sale_began"), (admin.id, "flash_sale_ended")]
    assert run_in(shop, 3 * HOUR) == both
    assert run_in(shop, 4 * HOUR) == both


def test_a_sale_slept_through_is_only_reported_as_over(shop: Shop, make: Factory) -> None:
    admin = make.user(role="admin")
    sale_id = plan(shop, make)
    assert run_in(shop, 5 * HOUR) == [(admin.id, "flash_sale_ended")]
    with shop.database.reading() as session:
        assert session.get_one(FlashSale, sale_id).announced_at is not None


def test_an_end_long_ago_is_no_news(shop: Shop, make: Factory) -> None:
    make.user(role="admin")
    plan(shop, make)
    assert run_in(shop, timedelta(days=4)) == []


def test_the_notice_says_how_many_units_were_sold(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    admin = make.user(role="admin")
    sale_id = plan(shop, make, starts_in=timedelta(0))
    with shop.database.transaction() as session:
        session.execute(update(FlashSaleItem).values(sold=7))
        end_sale(session, sale_id, actor_id=admin.id, now=shop.clock())
    announce_flash_sales(shop)
    with shop.database.transaction() as session:
        session.execute(update(FlashSaleItem).values(sold=0))
    sign_in(client, admin)

    page = client.get("/en/account/notifications")

    assert "The flash sale “Big night” is over. Units sold: 7." in text_of_page(page)
    assert f"/en/admin/flash-sales/{sale_id}" in page.text
