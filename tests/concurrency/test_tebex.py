"""Purchases from Tebex at the moment they are claimed: two browsers, many workers, one purchase."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.licenses.models import License
from storefront.payments.models import WebhookEvent
from storefront.tebex.flow import apply_inbox_event
from storefront.tebex.models import TebexPurchase
from storefront.tebex.service import claim_matching, claim_purchase
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.storefront.tebex.selling import (
    BUYER,
    deliver,
    event,
    know,
    licenses,
    link_to,
    news,
    payment,
    product,
    purchases,
    tell,
)
from tests.support.factories import Factory

RUNNERS = 8


@pytest.fixture
def script(shop: Shop, make: Factory) -> Product:
    item: Product = make.product()
    know(shop, make, item)
    return item


@pytest.fixture
def waiting(shop: Shop, fresh_app: Flask, script: Product) -> TebexPurchase:
    """Three units that wait for whoever claims them."""
    subject = payment(products=[product(quantity=3)])
    tell(shop, fresh_app.test_client(use_cookies=False), event("payment.completed", subject))
    return purchases(shop)[0]


def claim(shop: Shop, purchase_id: UUID, user_id: UUID) -> UUID:
    with shop.database.transaction() as session:
        claim_purchase(session, purchase_id, user_id=user_id, vault=shop.vault, now=shop.clock())
    return user_id


def test_of_many_who_claim_one_purchase_one_gets_all_its_keys(
    shop: Shop, make: Factory, waiting: TebexPurchase
) -> None:
    users = [make.user() for _ in range(RUNNERS)]

    outcomes = race([partial(claim, shop, waiting.id, user.id) for user in users])

    (winner,) = successes_in(outcomes)
    assert codes_of(outcomes) == ["tebex_claimed"] * (RUNNERS - 1)
    assert [one.user_id for one in licenses(shop)] == [winner] * 3
    assert purchases(shop)[0].user_id == winner


def test_control_without_the_lock_everybody_believes_to_have_claimed_it(
    shop: Shop, make: Factory, waiting: TebexPurchase
) -> None:
    users = [make.user().id for _ in range(RUNNERS)]
    believed: list[UUID] = []

    def naive_claim(session: Session, everybody_has_read: Barrier) -> None:
        purchase = session.get_one(TebexPurchase, waiting.id)
        is_free = purchase.user_id is None
        everybody_has_read.wait()
        if is_free:
            believed.append(users[len(believed)])

    race_transactions(shop.database, naive_claim, runners=RUNNERS)

    assert len(believed) == RUNNERS


def test_two_browsers_with_one_link_are_one_guest(
    shop: Shop, fresh_app: Flask, waiting: TebexPurchase
) -> None:
    fresh_app.config["WTF_CSRF_ENABLED"] = False
    link = link_to(shop, waiting.id)
    browsers = [fresh_app.test_client() for _ in range(4)]

    answers = race([partial(one.post, f"{link}/guest") for one in browsers])

    assert {one.location for one in successes_in(answers)} == {"/en/account/licenses"}
    assert len({one.user_id for one in licenses(shop)}) == 1
    assert len(licenses(shop)) == 3


def test_two_accounts_with_one_verified_address_share_nothing(
    shop: Shop, make: Factory, fresh_app: Flask, script: Product
) -> None:
    """Both sign in at once; each purchase has one owner, and nobody waits for the other."""
    store = fresh_app.test_client(use_cookies=False)
    tell(shop, store, *(event("payment.completed", payment()) for _ in range(4)))
    users = [make.user(email=BUYER, email_verified=True) for _ in range(RUNNERS)]

    def sign_in(user_id: UUID) -> int:
        with shop.database.transaction() as session:
            return len(claim_matching(session, user_id, vault=shop.vault, now=shop.clock()))

    outcomes = race([partial(sign_in, user.id) for user in users])

    assert sum(successes_in(outcomes)) == 4
    assert len(licenses(shop)) == 4


def test_the_first_events_of_one_payment_at_once_are_one_purchase(
    shop: Shop, make: Factory, fresh_app: Flask, script: Product
) -> None:
    user = make.user()
    subject = payment(products=[product(quantity=2, discord_id=user.discord_id)])
    kinds = ("completed", "dispute.opened", "dispute.won", "completed", "dispute.opened")
    store = fresh_app.test_client(use_cookies=False)
    for at, kind in enumerate(kinds[:3]):
        deliver(store, event(f"payment.{kind}", subject, at=at))
    for kind in kinds[3:]:
        deliver(store, event(f"payment.{kind}", subject, at=1))
    with shop.database.reading() as session:
        ids = session.scalars(select(WebhookEvent.id)).all()

    race([partial(apply_inbox_event, shop, one) for one in (*ids, *ids)])

    assert [(one.state, one.dispute) for one in purchases(shop)] == [("claimed", "won")]
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(License)) == 2
    assert {one.status for one in licenses(shop)} == {"active"}


def test_a_claim_and_a_refund_at_once_leave_no_good_key(
    shop: Shop, make: Factory, fresh_app: Flask, script: Product
) -> None:
    store = fresh_app.test_client(use_cookies=False)
    subjects = [payment() for _ in range(6)]
    tell(shop, store, *(event("payment.completed", one) for one in subjects))
    for one in subjects:
        deliver(store, event("payment.refunded", one, at=9))
    with shop.database.reading() as session:
        refunds = session.scalars(
            select(WebhookEvent.id).where(WebhookEvent.event_type == "payment.refunded")
        ).all()
    calls: list[Callable[[], object]] = [
        partial(claim, shop, one.id, make.user().id) for one in purchases(shop)
    ]
    calls += [partial(apply_inbox_event, shop, one) for one in refunds]

    race(calls)

    assert {one.status for one in licenses(shop)} <= {"revoked"}
    assert {one.state for one in purchases(shop)} == {"ended"}


def test_many_workers_with_the_payments_of_one_subscription_give_one_key_all_its_terms(
    shop: Shop, make: Factory, fresh_app: Flask, script: Product
) -> None:
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(duration_days=30))
    items = [product(discord_id=make.user().discord_id)]
    told = [payment(products=items, subscription="tbx-r-1") for _ in range(4)]
    store = fresh_app.test_client(use_cookies=False)
    for at, one in enumerate(told):
        deliver(store, event("payment.completed", one, at=at))
        deliver(store, news("renewed", "tbx-r-1", told[0], one, at=at))
    with shop.database.reading() as session:
        ids = session.scalars(select(WebhookEvent.id)).all()

    race([partial(apply_inbox_event, shop, one) for one in (*ids, *ids)])

    assert len(purchases(shop)) == 1
    (license,) = licenses(shop)
    assert license.expires_at is not None
    assert round((license.expires_at - license.created_at).days / 30) == 4


def test_control_without_the_subscriptions_lock_every_payment_believes_to_be_the_first(
    shop: Shop, script: Product
) -> None:
    believed: list[int] = []

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        first = session.scalar(
            select(TebexPurchase.id).where(TebexPurchase.subscription == "tbx-r-1")
        )
        everybody_has_read.wait()
        if first is None:
            believed.append(1)

    race_transactions(shop.database, naive, runners=RUNNERS)

    assert len(believed) == RUNNERS


def test_a_claim_and_the_renewals_of_its_subscription_at_once_lose_no_term(
    shop: Shop, make: Factory, fresh_app: Flask, script: Product
) -> None:
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(duration_days=30))
    store = fresh_app.test_client(use_cookies=False)
    told = [payment(subscription="tbx-r-1") for _ in range(6)]
    tell(shop, store, event("payment.completed", told[0]))
    for at, one in enumerate(told[1:]):
        deliver(store, event("payment.completed", one, at=at))
    with shop.database.reading() as session:
        ids = session.scalars(select(WebhookEvent.id).where(WebhookEvent.state == "received")).all()
    calls: list[Callable[[], object]] = [partial(apply_inbox_event, shop, one) for one in ids]

    calls.append(partial(claim, shop, purchases(shop)[0].id, make.user().id))
    race(calls)

    (license,) = licenses(shop)
    assert license.expires_at is not None
    assert round((license.expires_at - license.created_at).days / 30) == 6
