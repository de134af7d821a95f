"""What Tebex's events make of purchases and keys, in any order and however often."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.payments.models import WebhookEvent
from storefront.payments.service import replay_event
from storefront.tebex.service import apply_again
from tests.storefront.tebex.selling import (
    PACKAGE,
    deliver,
    event,
    know,
    licenses,
    payment,
    product,
    purchases,
    statuses,
    tell,
)
from tests.support.factories import Factory
from tests.support.gateway import drain


def discord_payment(make: Factory, **values: Any) -> dict[str, Any]:
    """A payment whose buyer has an account here."""
    user = make.user()
    return payment(products=[product(discord_id=user.discord_id)], **values)


def test_a_purchase_that_names_a_members_discord_account_is_theirs_at_once(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    user = make.user()
    subject = payment(products=[product(quantity=2, discord_id=user.discord_id)])

    tell(shop, store, event("payment.completed", subject))

    (purchase,) = purchases(shop)
    assert (purchase.state, purchase.user_id) == ("claimed", user.id)
    assert [(one.user_id, one.unit, one.slots, one.source) for one in licenses(shop)] == [
        (user.id, 1, 3, "tebex"),
        (user.id, 2, 3, "tebex"),
    ]
    assert {one.source_reference for one in licenses(shop)} == {subject["transaction_id"]}
    with shop.database.reading() as session:
        notice = session.scalars(select(Notification)).one()
    assert (notice.user_id, notice.event) == (user.id, "tebex_claimed")


def test_a_purchase_of_a_stranger_waits(shop: Shop, store: FlaskClient, script: Product) -> None:
    tell(shop, store, event("payment.completed", payment()))

    (purchase,) = purchases(shop)
    assert (purchase.state, purchase.user_id, purchase.email) == (
        "waiting",
        None,
        "somchai@example.com",
    )
    assert licenses(shop) == []


def test_an_email_that_equals_an_accounts_gives_nothing_by_itself(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    make.user(email="somchai@example.com", email_verified=True)

    tell(shop, store, event("payment.completed", payment()))

    assert [one.state for one in purchases(shop)] == ["waiting"]


def test_two_discord_accounts_in_one_purchase_decide_nothing(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    items = [product(discord_id=make.user().discord_id) for _ in range(2)]

    tell(shop, store, event("payment.completed", payment(products=items)))

    assert [one.state for one in purchases(shop)] == ["waiting"]


def test_a_banned_account_is_given_nothing(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    user = make.user(banned_at=shop.clock())
    subject = payment(products=[product(discord_id=user.discord_id)])

    tell(shop, store, event("payment.completed", subject))

    assert [one.state for one in purchases(shop)] == ["waiting"]


def test_a_bundle_gives_a_key_for_each_product_inside(
    shop: Shop, store: FlaskClient, make: Factory
) -> None:
    inside = make.product(), make.product()
    know(shop, make, make.bundle(*inside))

    tell(shop, store, event("payment.completed", discord_payment(make)))

    assert {one.product_id for one in licenses(shop)} == {one.id for one in inside}


def test_events_that_come_again_change_nothing(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    subject = discord_payment(make)
    first = event("payment.completed", subject)

    # The same event, and another one about the same payment.
    tell(shop, store, first, first, event("payment.completed", subject, at=30))

    assert len(purchases(shop)) == len(licenses(shop)) == 1


@pytest.mark.parametrize("kind", ["payment.refunded", "payment.dispute.lost"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_refund_or_a_lost_dispute_ends_the_keys_before_and_after_the_payment(
    shop: Shop, store: FlaskClient, make: Factory, script: Product, kind: str, is_first: bool
) -> None:
    subject = discord_payment(make)
    told = [event("payment.completed", subject), event(kind, subject, at=20)]

    tell(shop, store, *(reversed(told) if is_first else told))

    assert [one.state for one in purchases(shop)] == ["ended"]
    assert statuses(shop) == ([] if is_first else ["revoked"])


DISPUTE = ("completed", "dispute.opened", "dispute.won")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_dispute_that_was_won_leaves_good_keys_whatever_came_first(
    shop: Shop, store: FlaskClient, make: Factory, script: Product, order: tuple[int, ...]
) -> None:
    subject = discord_payment(make)
    told = [event(f"payment.{kind}", subject, at=10 * n) for n, kind in enumerate(DISPUTE)]

    tell(shop, store, *(told[n] for n in order))

    (purchase,) = purchases(shop)
    assert (purchase.state, purchase.dispute) == ("claimed", "won")
    assert statuses(shop) == ["active"]


def test_an_open_dispute_suspends_and_a_won_one_restores(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    subject = discord_payment(make)
    seen = []

    for at, kind in enumerate(("completed", "dispute.opened", "dispute.won", "dispute.lost")):
        tell(shop, store, event(f"payment.{kind}", subject, at=at))
        seen.append(statuses(shop))

    assert seen == [["active"], ["suspended"], ["active"], ["revoked"]]


@pytest.mark.parametrize(
    ("status", "ends_as"), [(1, "active"), (3, "revoked"), (21, "suspended"), (None, "suspended")]
)
def test_a_dispute_that_is_closed_ends_as_the_payment_stands(
    shop: Shop,
    store: FlaskClient,
    make: Factory,
    script: Product,
    status: int | None,
    ends_as: str,
) -> None:
    subject = discord_payment(make)
    tell(shop, store, event("payment.completed", subject))
    tell(shop, store, event("payment.dispute.opened", subject, at=5))

    closed = {**subject, "status": {"id": status}}
    tell(shop, store, event("payment.dispute.closed", closed, at=9))

    assert statuses(shop) == [ends_as]


def test_a_licence_that_staff_revoked_does_not_come_back_with_a_dispute(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    subject = discord_payment(make)
    tell(shop, store, event("payment.completed", subject))
    with shop.database.transaction() as session:
        session.execute(update(License).values(status="revoked"))

    tell(shop, store, event("payment.dispute.opened", subject, at=5))
    tell(shop, store, event("payment.dispute.won", subject, at=6))

    assert statuses(shop) == ["revoked"]


def test_the_keys_of_a_disputed_purchase_cannot_be_claimed_until_it_is_won(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    user = make.user()
    subject = payment(products=[product(discord_id=user.discord_id)])

    tell(shop, store, event("payment.dispute.opened", subject, at=5))
    tell(shop, store, event("payment.completed", subject))
    assert licenses(shop) == []

    tell(shop, store, event("payment.dispute.won", subject, at=9))
    assert statuses(shop) == ["active"]


def test_an_unknown_package_waits_for_staff_and_is_delivered_when_they_say_what_it_is(
    shop: Shop, store: FlaskClient, make: Factory
) -> None:
    user = make.user()
    items = [product(7, quantity=2), product(discord_id=user.discord_id)]
    known = make.product()
    know(shop, make, known)

    tell(shop, store, event("payment.completed", payment(products=items)))
    assert [one.product_id for one in licenses(shop)] == [known.id]

    late = make.product()
    know(shop, make, late, package=7)

    assert [(one.unit, one.product_id) for one in licenses(shop)] == [
        (1, late.id),
        (2, late.id),
        (3, known.id),
    ]


def test_two_packages_of_one_product_each_give_their_keys_even_when_one_becomes_known_later(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    user = make.user()
    items = [product(7), product(discord_id=user.discord_id)]
    tell(shop, store, event("payment.completed", payment(products=items)))

    know(shop, make, script, package=7)

    assert [(one.unit, one.product_id) for one in licenses(shop)] == [
        (1, script.id),
        (2, script.id),
    ]


def test_what_a_package_means_later_changes_no_key_that_was_made(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    tell(shop, store, event("payment.completed", discord_payment(make)))

    know(shop, make, make.product())
    with shop.database.transaction() as session:
        again = apply_again(session, purchases(shop)[0].id, vault=shop.vault, now=shop.clock())

    assert again == 0
    assert [one.product_id for one in licenses(shop)] == [script.id]


def test_a_tier_that_ends_gives_keys_that_end(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(duration_days=30))

    tell(shop, store, event("payment.completed", discord_payment(make)))

    (license,) = licenses(shop)
    assert license.expires_at is not None
    assert (license.expires_at - license.created_at).days == 30


def test_the_renewal_of_a_subscription_makes_no_further_keys(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    user = make.user()
    items = [product(discord_id=user.discord_id)]
    first, second = (payment(products=items, subscription="tbx-r-1") for _ in range(2))

    tell(shop, store, event("payment.completed", first), event("payment.completed", second))

    assert len(purchases(shop)) == len(licenses(shop)) == 1


STRANGE: list[dict[str, Any]] = [
    {},
    {"transaction_id": "tbx-1"},
    {"transaction_id": "tbx-1", "products": []},
    {"transaction_id": "tbx-1", "products": "none"},
    {"transaction_id": "tbx-1", "products": [{"id": None, "quantity": 1}]},
    {"transaction_id": "tbx-1", "products": [{"id": 5, "quantity": 0}]},
    {"transaction_id": "tbx-1", "products": [{"id": 5, "quantity": 10**30}]},
    {"transaction_id": "tbx-1", "products": [{"id": 5, "quantity": True}]},
    {"transaction_id": "tbx-1", "products": [{"id": 5, "quantity": 900}] * 2},
    {"transaction_id": ["tbx-1"], "products": [{"id": 5, "quantity": 1}]},
]


@pytest.mark.parametrize("subject", STRANGE)
def test_a_payment_that_cannot_be_read_is_ignored_and_stays_in_the_inbox(
    shop: Shop, store: FlaskClient, subject: dict[str, Any]
) -> None:
    tell(shop, store, event("payment.completed", subject))

    assert purchases(shop) == []
    with shop.database.reading() as session:
        assert session.scalars(select(WebhookEvent.state)).all() == ["ignored"]


@pytest.mark.parametrize(
    "values",
    [
        {"customer": None},
        {"customer": {"email": 7, "username": "x", "country": None}},
        {"customer": {"email": "no address"}},
        {"price_paid": {"amount": "free", "currency": 5}},
        {"products": [{"id": PACKAGE, "quantity": 1, "variables": {"discord_id": "12"}}]},
        {"products": [{"id": str(PACKAGE), "quantity": 1, "variables": "x", "name": None}]},
    ],
)
def test_facts_of_another_shape_are_treated_as_absent(
    shop: Shop, store: FlaskClient, script: Product, values: dict[str, Any]
) -> None:
    tell(shop, store, event("payment.completed", {**payment(), **values}))

    (purchase,) = purchases(shop)
    assert (purchase.state, purchase.discord_id) == ("waiting", None)
    assert [line.package_id for line in purchase.lines] == [str(PACKAGE)]


@pytest.mark.parametrize(
    "kind", ["payment.declined", "recurring-payment.ended", "basket.abandoned"]
)
def test_other_events_are_ignored(shop: Shop, store: FlaskClient, kind: str) -> None:
    tell(shop, store, event(kind, payment()))

    assert purchases(shop) == []


def test_an_event_without_a_date_counts_from_when_it_came(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    body = json.loads(event("payment.completed", discord_payment(make)))
    body["date"] = "some day"

    tell(shop, store, json.dumps(body).encode())

    assert purchases(shop)[0].paid_at is not None


def test_a_replayed_event_changes_nothing(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    subject = discord_payment(make)
    tell(shop, store, event("payment.completed", subject), event("payment.refunded", subject, at=9))
    admin = make.user(role="admin")
    with shop.database.reading() as session:
        ids = session.scalars(select(WebhookEvent.id)).all()
    for webhook_id in ids:
        with shop.database.transaction() as session:
            replay_event(session, webhook_id, actor_id=admin.id, now=shop.clock())
    drain(shop)

    assert statuses(shop) == ["revoked"]
    with shop.database.reading() as session:
        assert set(session.scalars(select(WebhookEvent.state))) == {"applied"}


def test_an_event_about_a_stored_payment_needs_no_second_delivery(
    shop: Shop, store: FlaskClient, script: Product
) -> None:
    """What the door took is applied by the worker alone."""
    assert deliver(store, event("payment.completed", payment())).status_code == 200
    assert purchases(shop) == []

    drain(shop)

    assert len(purchases(shop)) == 1
