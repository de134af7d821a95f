"""What the later payments of a subscription at Tebex make of the keys of its first one."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseEvent
from storefront.notifications.models import Notification
from storefront.payments.models import WebhookEvent
from storefront.renewals.models import TermChange
from storefront.tebex.models import TebexRenewal, TebexSubscription
from storefront.tebex.service import claim_purchase
from tests.storefront.tebex.selling import (
    PACKAGE,
    event,
    know,
    licenses,
    news,
    payment,
    product,
    purchases,
    statuses,
    tell,
)
from tests.support.factories import Factory

REFERENCE = "tbx-r-729115518"
TERM = 30


@pytest.fixture
def monthly(shop: Shop, script: Product) -> Product:
    """Its tier ends after 30 days."""
    set_term(shop, TERM)
    return script


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user()


def set_term(shop: Shop, days: int | None) -> None:
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(duration_days=days))


def paid_by(buyer: User | None, **values: Any) -> dict[str, Any]:
    """A payment of the subscription."""
    discord_id = buyer.discord_id if buyer else None
    items = values.pop("products", None) or [product(discord_id=discord_id)]
    return payment(products=items, subscription=REFERENCE, **values)


def terms(shop: Shop) -> list[int | None]:
    """How many whole terms each key has, by unit."""
    return [
        None if one.expires_at is None else round((one.expires_at - one.created_at).days / TERM)
        for one in licenses(shop)
    ]


def subscription(shop: Shop) -> TebexSubscription:
    with shop.database.reading() as session:
        return session.scalars(select(TebexSubscription)).one()


def told(shop: Shop, user: User) -> list[str]:
    with shop.database.reading() as session:
        found = select(Notification.event).where(Notification.user_id == user.id)
        return sorted(session.scalars(found))


def test_each_later_payment_gives_the_key_another_term(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second, third = (paid_by(buyer) for _ in range(3))

    tell(
        shop,
        store,
        event("payment.completed", first),
        news("started", REFERENCE, first, at=1),
        event("payment.completed", second, at=2),
        news("renewed", REFERENCE, first, second, at=3),
        news("renewed", REFERENCE, first, third, at=4),
        event("payment.completed", third, at=5),
    )

    assert len(purchases(shop)) == 1
    assert terms(shop) == [3]
    assert told(shop, buyer) == ["tebex_claimed", "tebex_renewed", "tebex_renewed"]
    with shop.database.reading() as session:
        steps = session.scalars(select(LicenseEvent.action).order_by(LicenseEvent.id)).all()
    assert steps == ["issued", "renewed", "renewed"]


def test_a_payment_counts_once_however_often_and_by_whatever_event_it_is_told(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)
    again = event("payment.completed", second, at=2)
    renewed = news("renewed", REFERENCE, first, second, at=3)

    tell(shop, store, event("payment.completed", first), again, renewed, again, renewed)
    tell(shop, store, news("renewed", REFERENCE, first, second, at=9))
    tell(shop, store, event("payment.completed", second, at=11))

    assert terms(shop) == [2]
    with shop.database.reading() as session:
        assert len(session.scalars(select(TermChange)).all()) == 1
        assert len(session.scalars(select(TebexRenewal)).all()) == 1


STORY = range(5)


@pytest.mark.parametrize("order", [*itertools.permutations(STORY)][::7])
def test_in_whatever_order_events_come_the_key_has_as_many_terms_as_were_paid(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User, order: tuple[int, ...]
) -> None:
    first, second, third = (paid_by(buyer) for _ in range(3))
    story = [
        event("payment.completed", first),
        news("started", REFERENCE, first, at=1),
        news("renewed", REFERENCE, first, second, at=2),
        event("payment.completed", third, at=3),
        news("ended", REFERENCE, first, third, at=4),
    ]

    tell(shop, store, *(story[n] for n in order))

    assert terms(shop) == [3]
    assert statuses(shop) == ["active"]
    assert len(purchases(shop)) == 1
    assert subscription(shop).standing == "ended"


def test_a_renewal_that_is_heard_of_before_the_start_brings_the_first_payment_along(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)

    tell(shop, store, news("renewed", REFERENCE, first, second, at=2))

    (purchase,) = purchases(shop)
    assert purchase.transaction_id == first["transaction_id"]
    assert terms(shop) == [2]


def test_a_first_payment_that_does_not_know_its_subscription_yet_is_renewed_all_the_same(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)

    tell(shop, store, event("payment.completed", {**first, "recurring_payment_reference": None}))
    tell(shop, store, news("started", REFERENCE, first, at=1))
    tell(shop, store, event("payment.completed", second, at=2))

    assert len(purchases(shop)) == 1
    assert terms(shop) == [2]


def test_a_licence_without_an_end_is_not_changed(
    shop: Shop, store: FlaskClient, script: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)

    tell(shop, store, event("payment.completed", first))
    set_term(shop, TERM)
    tell(shop, store, news("renewed", REFERENCE, first, second, at=2))

    assert terms(shop) == [None]


def test_a_tier_that_has_no_end_by_now_extends_nothing(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)
    tell(shop, store, event("payment.completed", first))

    set_term(shop, None)
    tell(shop, store, event("payment.completed", second, at=2))

    assert terms(shop) == [1]


def test_only_the_keys_of_what_was_paid_for_again_are_extended(
    shop: Shop, store: FlaskClient, make: Factory, monthly: Product, buyer: User
) -> None:
    """The first payment bought another package once, beside the subscription."""
    know(shop, make, make.product(), package=7)
    set_term(shop, TERM)
    items = [product(7), product(quantity=2, discord_id=buyer.discord_id)]
    first = paid_by(buyer, products=items)
    second = paid_by(buyer, products=[product(quantity=2)])

    tell(shop, store, event("payment.completed", first), event("payment.completed", second, at=2))

    assert terms(shop) == [1, 2, 2]


def test_every_key_of_a_bundle_is_extended(
    shop: Shop, store: FlaskClient, make: Factory, buyer: User
) -> None:
    know(shop, make, make.bundle(make.product(), make.product()))
    set_term(shop, TERM)

    tell(shop, store, *(event("payment.completed", paid_by(buyer), at=n) for n in range(3)))

    assert terms(shop) == [3, 3]


def test_who_claims_late_gets_all_the_time_that_was_paid_for(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    tell(shop, store, *(event("payment.completed", paid_by(None), at=n) for n in range(3)))
    (purchase,) = purchases(shop)
    assert licenses(shop) == []

    with shop.database.transaction() as session:
        claim_purchase(session, purchase.id, user_id=buyer.id, vault=shop.vault, now=shop.clock())

    assert terms(shop) == [3]


def test_a_package_that_becomes_known_late_gives_keys_with_all_the_time(
    shop: Shop, store: FlaskClient, make: Factory, buyer: User
) -> None:
    tell(shop, store, *(event("payment.completed", paid_by(buyer), at=n) for n in range(2)))
    assert licenses(shop) == []
    item = make.product()
    set_term(shop, TERM)

    know(shop, make, item)

    assert terms(shop) == [2]


@pytest.mark.parametrize("kind", ["refunded", "dispute.opened", "dispute.lost"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_renewal_whose_money_went_back_takes_back_exactly_its_term(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User, kind: str, is_first: bool
) -> None:
    first, second, third = (paid_by(buyer) for _ in range(3))
    renewal = [event("payment.completed", second, at=2), event(f"payment.{kind}", second, at=3)]

    tell(shop, store, event("payment.completed", first))
    tell(shop, store, *(reversed(renewal) if is_first else renewal))
    tell(shop, store, event("payment.completed", third, at=4))

    assert terms(shop) == [2]
    assert statuses(shop) == ["active"]
    assert ("tebex_renewal_back" in told(shop, buyer)) == (not is_first)


DISPUTE = ("completed", "dispute.opened", "dispute.won")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_renewal_whose_dispute_was_won_counts_whatever_came_first(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User, order: tuple[int, ...]
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)
    events = [event(f"payment.{kind}", second, at=n + 2) for n, kind in enumerate(DISPUTE)]

    tell(shop, store, event("payment.completed", first), *(events[n] for n in order))

    assert terms(shop) == [2]


def test_the_refund_of_the_first_payment_ends_the_key_whatever_was_paid_since(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)

    tell(shop, store, event("payment.completed", first), event("payment.completed", second, at=1))
    tell(shop, store, event("payment.refunded", first, at=2))

    assert statuses(shop) == ["revoked"]


def test_an_ended_subscription_takes_nothing_away_and_its_owner_reads_until_when(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)
    tell(shop, store, event("payment.completed", first), event("payment.completed", second, at=1))

    ended = news("ended", REFERENCE, first, second, at=5, cancel_reason="Cancelled by customer")
    tell(shop, store, ended, ended)

    assert (statuses(shop), terms(shop)) == (["active"], [2])
    assert told(shop, buyer).count("tebex_subscription_ended") == 1
    assert subscription(shop).next_payment_at is None
    (license,) = licenses(shop)
    assert license.expires_at is not None
    later = license.expires_at + timedelta(seconds=1)
    assert license.effective_status(later) == "expired"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_newest_word_about_a_subscription_counts(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User, order: tuple[int, ...]
) -> None:
    first = paid_by(buyer)
    kinds = ("started", "cancellation.requested", "cancellation.aborted", "cancellation.requested")
    words = [news(kind, REFERENCE, first, at=n) for n, kind in enumerate(kinds)]

    tell(shop, store, *(words[n] for n in order))

    assert subscription(shop).standing == "cancelling"
    assert subscription(shop).next_payment_at is not None
    assert terms(shop) == [1]


def test_what_staff_moved_by_hand_stays_moved_when_a_renewal_is_taken_back(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, second = paid_by(buyer), paid_by(buyer)
    tell(shop, store, event("payment.completed", first), event("payment.completed", second, at=1))
    with shop.database.transaction() as session:
        license = session.scalars(select(License)).one()
        assert license.expires_at is not None
        license.expires_at += timedelta(days=TERM)
        session.add(
            LicenseEvent(license_id=license.id, action="extended", actor="system", detail={})
        )

    tell(shop, store, event("payment.refunded", second, at=2))

    assert terms(shop) == [2]


def test_a_payment_in_the_news_that_is_not_complete_is_not_paid(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first = paid_by(buyer)
    failed = paid_by(buyer, status={"id": 18, "description": "Declined"})

    tell(shop, store, event("payment.completed", first))
    tell(shop, store, news("ended", REFERENCE, first, failed, at=2))

    assert terms(shop) == [1]


@pytest.mark.parametrize(
    "subject",
    [
        {},
        {"reference": 7},
        {"reference": "tbx-r-1", "initial_payment": "x", "last_payment": []},
        {"reference": "tbx-r-1", "initial_payment": {"transaction_id": "tbx-1"}},
        {"reference": "tbx-r-1", "next_payment_at": "soon"},
    ],
)
def test_news_that_cannot_be_read_make_no_purchase(
    shop: Shop, store: FlaskClient, monthly: Product, subject: dict[str, Any]
) -> None:
    tell(shop, store, event("recurring-payment.renewed", subject))

    assert purchases(shop) == []
    with shop.database.reading() as session:
        (state,) = session.scalars(select(WebhookEvent.state)).all()
    assert state == ("applied" if subject.get("reference") == "tbx-r-1" else "ignored")


def test_a_renewal_of_another_package_changes_no_key(
    shop: Shop, store: FlaskClient, monthly: Product, buyer: User
) -> None:
    first, other = paid_by(buyer), paid_by(buyer, products=[product(PACKAGE + 1)])

    tell(shop, store, event("payment.completed", first), event("payment.completed", other, at=1))

    assert terms(shop) == [1]
    assert "tebex_renewed" not in told(shop, buyer)
