"""Two schedulers at once, or one killed in the middle: whoever waits is told exactly once."""

from __future__ import annotations

from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jobs.alerts import tell_who_waits
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog import alerts
from storefront.catalog.models import Product, StockAlert
from storefront.db import Database
from storefront.notifications.models import Notification
from storefront.outbox import OutboxMessage
from tests.concurrency.racing import codes_of, race, race_transactions
from tests.storefront.catalog.rows import set_stock
from tests.support.factories import Factory

WAITING = 60
SCHEDULERS = 6


def wait_for(shop: Shop, product: Product, user: User) -> None:
    with shop.database.transaction() as session:
        alerts.ask_for_alert(
            session, product.slug, variant_id=None, user_id=user.id, now=shop.clock()
        )


def queue_before(shop: Shop, make: Factory, *, length: int) -> None:
    """So many members who wait for one product, which has just come back."""
    product = make.product(stock=0)
    for _ in range(length):
        wait_for(shop, product, make.user())
    set_stock(shop.database, product, 1)


def count(database: Database, model: type[StockAlert | Notification | OutboxMessage]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_six_schedulers_at_once_tell_everybody_once(shop: Shop, make: Factory) -> None:
    queue_before(shop, make, length=WAITING)

    told = race([partial(tell_in_small_batches, shop) for _ in range(SCHEDULERS)])

    assert sum(one for one in told if isinstance(one, int)) == WAITING
    assert count(shop.database, Notification) == WAITING
    assert count(shop.database, OutboxMessage) == WAITING
    assert count(shop.database, StockAlert) == 0


def tell_in_small_batches(shop: Shop) -> int:
    """Small ones, so that the schedulers are at work side by side."""
    told = 0
    for _ in range(WAITING):
        with shop.database.transaction() as session:
            told += alerts.tell_next(session, now=shop.clock(), batch=5)
    return told


def test_control_reading_without_the_lock_tells_everybody_several_times(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE waiting AS SELECT generate_series(1, 10) AS id"))
        session.execute(text("CREATE TABLE told (id int)"))

    def tell(session: Session, everybody_has_read: Barrier) -> None:
        found = session.scalars(text("SELECT id FROM waiting")).all()
        everybody_has_read.wait()
        for one in found:
            session.execute(text("INSERT INTO told VALUES (:id)"), {"id": one})
        session.execute(text("DELETE FROM waiting"))

    race_transactions(database, tell, runners=2)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM told")) == 20


def test_a_scheduler_does_not_wait_for_the_batch_of_another(shop: Shop, make: Factory) -> None:
    queue_before(shop, make, length=10)
    with shop.database.engine.connect() as other, other.begin():
        other.execute(text("SELECT id FROM stock_alerts ORDER BY id LIMIT 4 FOR UPDATE"))
        assert tell_who_waits(shop) == 6
        assert count(shop.database, Notification) == 6
    assert tell_who_waits(shop) == 4
    assert count(shop.database, Notification) == 10


def test_killed_before_its_commit_a_scheduler_leaves_nothing_behind(
    shop: Shop, make: Factory
) -> None:
    queue_before(shop, make, length=5)
    with pytest.raises(OperationalError):
        tell_and_be_killed(shop)
    assert count(shop.database, Notification) == count(shop.database, OutboxMessage) == 0
    assert count(shop.database, StockAlert) == 5
    assert tell_who_waits(shop) == 5
    assert count(shop.database, Notification) == count(shop.database, OutboxMessage) == 5


def tell_and_be_killed(shop: Shop) -> None:
    with shop.database.transaction() as session:
        assert alerts.tell_next(session, now=shop.clock()) == 5
        process = session.scalar(text("SELECT pg_backend_pid()"))
        with shop.database.engine.connect() as executioner:
            executioner.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": process})


def test_requests_at_once_do_not_pass_the_limit(
    shop: Shop, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "MOST_ALERTS", 5)
    user, category = make.user(), make.category()
    products = [make.product(stock=0, category_id=category.id) for _ in range(18)]

    outcomes = race([partial(wait_for, shop, product, user) for product in products])

    assert codes_of(outcomes) == ["too_many_alerts"] * 13
    assert count(shop.database, StockAlert) == 5
