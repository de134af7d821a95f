"""Telling who waits: when it is true, in the app and by mail, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

import jobs.alerts
from jobs.alerts import tell_who_waits
from jobs.outbox import sweep_outbox
from jobs.schedule import SCHEDULE
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog import alerts
from storefront.catalog.models import Product, StockAlert
from storefront.notifications.models import Notification
from storefront.outbox import OutboxMessage
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.catalog.rows import set_stock
from tests.support.factories import Factory


@pytest.fixture
def inbox(sandbox: RunningSandbox) -> RunningSandbox:
    """The mail server, empty before."""
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10).raise_for_status()
    return sandbox


def mails(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{sandbox.url}/inbox.json", timeout=10).json()
    return found


def wait_for(shop: Shop, product: Product, user: User, *, any_tier: bool = True) -> None:
    with shop.database.transaction() as session:
        alerts.ask_for_alert(
            session,
            product.slug,
            variant_id=None if any_tier else product.variants[0].id,
            user_id=user.id,
            now=shop.clock(),
        )


def told(shop: Shop) -> list[Notification]:
    with shop.database.reading() as session:
        return list(session.scalars(select(Notification).order_by(Notification.id)))


def left(shop: Shop) -> int:
    with shop.database.reading() as session:
        return len(session.scalars(select(StockAlert.id)).all())


def publish(shop: Shop, product: Product) -> None:
    with shop.database.transaction() as session:
        session.get_one(Product, product.id).status = "published"


def test_the_clock_asks_every_minute() -> None:
    (entry,) = [one for one in SCHEDULE if one.run is tell_who_waits]
    assert entry.every == timedelta(seconds=60)


@pytest.mark.parametrize("any_tier", [True, False])
def test_when_a_unit_comes_back_whoever_waits_is_told_once(
    shop: Shop, make: Factory, any_tier: bool
) -> None:
    product, user = make.product(stock=0), make.user()
    wait_for(shop, product, user, any_tier=any_tier)

    assert tell_who_waits(shop) == 0
    set_stock(shop.database, product, 1)
    assert [tell_who_waits(shop) for _ in range(3)] == [1, 0, 0]

    (notice,) = told(shop)
    assert notice.user_id == user.id
    assert notice.path.startswith(f"/products/{product.slug}")
    assert ("tier=" in notice.path) != any_tier
    assert left(shop) == 0


def test_when_it_comes_out_whoever_waits_is_told(shop: Shop, make: Factory) -> None:
    product, user = make.product(status="coming_soon"), make.user()
    wait_for(shop, product, user)
    assert tell_who_waits(shop) == 0
    publish(shop, product)
    assert tell_who_waits(shop) == 1
    assert [notice.user_id for notice in told(shop)] == [user.id]


def test_what_comes_out_sold_out_is_no_news(shop: Shop, make: Factory) -> None:
    product = make.product(status="coming_soon", stock=0)
    wait_for(shop, product, make.user())
    publish(shop, product)
    assert tell_who_waits(shop) == 0
    assert left(shop) == 1


def test_who_waits_for_one_tier_is_not_told_of_another(shop: Shop, make: Factory) -> None:
    product, other = make.product(stock=0), make.product(stock=0)
    wait_for(shop, product, make.user(), any_tier=False)
    set_stock(shop.database, other, 5)
    assert tell_who_waits(shop) == 0


def test_a_long_queue_is_told_in_batches(
    shop: Shop, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.alerts, "BATCH", 2)
    product = make.product(stock=0)
    users = [make.user() for _ in range(5)]
    for user in users:
        wait_for(shop, product, user)
    set_stock(shop.database, product, 1)
    with shop.database.transaction() as session:
        assert alerts.tell_next(session, now=shop.clock(), batch=2) == 2
    # Who asked first is told first.
    assert [notice.user_id for notice in told(shop)] == [user.id for user in users[:2]]
    assert tell_who_waits(shop) == 3
    assert {notice.user_id for notice in told(shop)} == {user.id for user in users}


def test_asking_again_after_being_told_is_a_new_alert(shop: Shop, make: Factory) -> None:
    product, user = make.product(stock=0), make.user()
    for _ in range(2):
        set_stock(shop.database, product, 0)
        wait_for(shop, product, user)
        set_stock(shop.database, product, 1)
        assert tell_who_waits(shop) == 1
    assert len(told(shop)) == 2


@pytest.mark.parametrize("locale", ["en", "th"])
def test_the_mail_leads_to_the_tier_in_the_readers_language(
    shop: Shop, make: Factory, inbox: RunningSandbox, locale: str
) -> None:
    product = make.product(stock=0, name_th="คิวอาร์ อู่รถ", name_en="QR Garage")
    user = make.user(locale=locale)
    wait_for(shop, product, user, any_tier=False)
    set_stock(shop.database, product, 1)
    tell_who_waits(shop)
    for _ in range(2):
        sweep_outbox(shop, overdue=timedelta(0))

    (mail,) = mails(inbox)
    assert mail["to"] == user.email
    name, prefix = ("QR Garage", "/en") if locale == "en" else ("คิวอาร์ อู่รถ", "")
    address = f"{shop.settings.public_url}{prefix}/products/{product.slug}"
    assert name in mail["subject"]
    for part in ("text", "html"):
        assert name in mail[part]
        assert f"{address}?tier={product.variants[0].id}" in mail[part]
    assert "because of a purchase" not in mail["html"]


def test_without_an_address_there_is_the_notice_alone(
    shop: Shop, make: Factory, inbox: RunningSandbox
) -> None:
    product = make.product(stock=0)
    wait_for(shop, product, make.user(email=None))
    set_stock(shop.database, product, 1)
    tell_who_waits(shop)
    sweep_outbox(shop, overdue=timedelta(0))
    assert mails(inbox) == []
    assert len(told(shop)) == 1
    with shop.database.reading() as session:
        assert session.scalars(select(OutboxMessage.state)).all() == ["done"]
