"""Telling owners that an update is out: who, once, and never of betas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from jobs import releases as job
from jobs.outbox import sweep_outbox
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import publish_release, restore_release, yank_release
from storefront.delivery import release_news
from storefront.kit.money import Money
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory, SignIn

NOW = timedelta(0)


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product(price=Money(0), slug="qr-garage", name_en="Garage")
    return product


@pytest.fixture
def owner(shop: Shop, make: Factory, product: Product) -> Callable[..., User]:
    """Somebody with a licence; with changes to it."""

    def owner(**changes: Any) -> User:
        user: User = make.user()
        buy(shop, make, user, (product, 1))
        if changes:
            with shop.database.transaction() as session:
                session.execute(update(License).where(License.user_id == user.id).values(**changes))
        return user

    return owner


@pytest.fixture
def publish(shop: Shop, make: Factory, product: Product) -> Callable[..., UUID]:
    def publish(version: str, *, channel: str = "stable") -> UUID:
        with shop.database.transaction() as session:
            release = Release(
                product_id=product.id,
                version=version,
                channel=channel,
                changelog_th="",
                changelog_en="",
                file_key=f"k/{version}",
                file_name="a.zip",
                size_bytes=1,
                sha256="0" * 64,
            )
            session.add(release)
        actor = make.user(role="admin")
        with shop.database.transaction() as session:
            publish_release(session, product.id, release.id, actor_id=actor.id, now=shop.clock())
        return release.id

    return publish


def told(shop: Shop) -> list[UUID]:
    with shop.database.reading() as session:
        return sorted(
            session.scalars(
                select(Notification.user_id).where(Notification.event == "release_published")
            )
        )


def test_owners_with_a_good_licence_are_told_once(
    shop: Shop, make: Factory, owner: Callable[..., User], publish: Callable[..., UUID]
) -> None:
    now = shop.clock()
    good = [owner(), owner(expires_at=now + timedelta(days=1))]
    owner(expires_at=now - timedelta(seconds=1))
    owner(status="expired")
    owner(status="suspended", cause="dispute:x", status_before="active")
    owner(status="revoked", cause="refund:x", status_before="active")
    banned = owner()
    with shop.database.transaction() as session:
        session.get_one(User, banned.id).banned_at = now
    make.user()

    release = publish("1.1.0")
    sweep_outbox(shop, overdue=NOW)
    job.announce_release(shop, {"release_id": str(release)})

    assert told(shop) == sorted(user.id for user in good)


def test_two_licences_are_one_notice(
    shop: Shop,
    make: Factory,
    product: Product,
    owner: Callable[..., User],
    publish: Callable[..., UUID],
) -> None:
    user = owner()
    buy(shop, make, user, (product, 1))

    publish("1.1.0")
    sweep_outbox(shop, overdue=NOW)

    assert told(shop) == [user.id]


def test_the_notice_names_product_and_version_and_leads_to_the_download(
    client: FlaskClient,
    shop: Shop,
    sign_in: SignIn,
    owner: Callable[..., User],
    publish: Callable[..., UUID],
) -> None:
    user = owner()
    publish("1.1.0")
    sweep_outbox(shop, overdue=NOW)
    sign_in(client, user)

    shown = client.get("/en/account/notifications").text

    assert "Version 1.1.0 of Garage is out." in shown
    assert "/en/account/downloads#product-qr-garage" in shown
    assert 'id="product-qr-garage"' in client.get("/en/account/downloads").text


def test_betas_and_versions_below_another_are_no_news(
    shop: Shop, owner: Callable[..., User], publish: Callable[..., UUID]
) -> None:
    owner()

    publish("2.0.0-beta.1", channel="beta")
    publish("0.9.1")
    sweep_outbox(shop, overdue=NOW)

    assert told(shop) == []


def test_what_was_taken_back_before_anybody_was_told_is_no_news_until_it_is_back(
    shop: Shop,
    make: Factory,
    product: Product,
    owner: Callable[..., User],
    publish: Callable[..., UUID],
) -> None:
    user, actor = owner(), make.user(role="admin")
    release = publish("1.1.0")
    with shop.database.transaction() as session:
        yank_release(session, product.id, release, reason="x", actor_id=actor.id, now=shop.clock())
    sweep_outbox(shop, overdue=NOW)
    assert told(shop) == []

    with shop.database.transaction() as session:
        restore_release(session, product.id, release, actor_id=actor.id)
    job.announce_release(shop, {"release_id": str(release)})
    assert told(shop) == [user.id]


def test_a_worker_killed_between_batches_begins_again_and_tells_nobody_twice(
    shop: Shop,
    owner: Callable[..., User],
    publish: Callable[..., UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = sorted(owner().id for _ in range(5))
    release = publish("1.1.0")
    real = release_news.tell_owners
    batches = 0

    def two_and_out(*args: Any, **kwargs: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise RuntimeError("kill -9")
        return real(*args, **kwargs, batch=2)

    monkeypatch.setattr(job, "tell_owners", two_and_out)
    with pytest.raises(RuntimeError, match="kill -9"):
        job.announce_release(shop, {"release_id": str(release)})
    assert told(shop) == users[:4]

    job.announce_release(shop, {"release_id": str(release)})
    assert told(shop) == users
