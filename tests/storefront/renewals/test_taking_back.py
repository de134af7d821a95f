"""Refunds and disputes of what was bought for a key: they take just what it gave, never the key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.disputes.flow import refresh_disputes
from storefront.disputes.models import Dispute
from storefront.errors import Conflict
from storefront.kit.money import Money, baht
from storefront.licenses.events import by_staff, record_event
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseSlot
from storefront.orders.models import PaymentMethod
from storefront.payments.models import Payment
from storefront.refunds.flow import refresh_refunds
from storefront.refunds.models import Destination, LicenseRule
from storefront.renewals.rules import Refusal
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.gateway import act, order_of, pay
from tests.support.giving import refunds_of
from tests.support.ladder import MONTH, Shelf
from tests.support.renewing import (
    buy_for,
    days,
    events_of,
    give_back,
    license_of,
    line_of,
    offers_of,
    order_cart,
    set_license,
    terms_of,
    want,
)

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def buy_by_card(
    shop: Shop, sandbox: RunningSandbox, buyer: User, key: UUID, variant_id: UUID
) -> Payment:
    want(shop, buyer, key, variant_id)
    return pay(shop, sandbox, order_cart(shop, buyer, PaymentMethod.STRIPE))


def dispute(shop: Shop, sandbox: RunningSandbox, payment: Payment) -> None:
    act(sandbox, payment.gateway_payment_id, "dispute")
    refresh_disputes(shop, payment.id)


def decide(shop: Shop, sandbox: RunningSandbox, payment: Payment, outcome: str) -> None:
    with shop.database.reading() as session:
        case = session.scalars(select(Dispute)).one()
    act(sandbox, case.gateway_dispute_id, outcome)
    refresh_disputes(shop, payment.id)


def bind_servers(shop: Shop, key: UUID, number: int) -> None:
    with shop.database.transaction() as session:
        session.add_all(
            LicenseSlot(license_id=key, position=n, network=f"203.0.113.{n}/32")
            for n in range(1, number + 1)
        )


def test_refunding_a_renewal_takes_its_days_and_leaves_the_licence(
    shop: Shop, make: Factory, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    before = license_of(shop, key)
    order_id = buy_for(shop, make, buyer, key, shelf.month)

    give_back(shop, staff, order_id)

    after = license_of(shop, key)
    assert (after.status, after.expires_at) == ("active", before.expires_at)
    assert after.key_hash == before.key_hash
    assert order_of(shop, order_id).state == "refunded"
    assert events_of(shop, key)[-2:] == ["renewed", "terms_taken_back"]


@pytest.mark.parametrize(
    ("amount", "licenses"), [(baht(99), LicenseRule.REVOKE), (baht(100), LicenseRule.KEEP)]
)
def test_a_part_of_the_price_or_a_favour_takes_nothing(
    shop: Shop,
    make: Factory,
    staff: User,
    buyer: User,
    shelf: Shelf,
    key: UUID,
    amount: Money,
    licenses: LicenseRule,
) -> None:
    order_id = buy_for(shop, make, buyer, key, shelf.month)
    renewed = terms_of(shop, key)
    give_back(shop, staff, order_id, amount, licenses=licenses)
    assert terms_of(shop, key) == renewed


def test_an_upgrade_that_is_given_back_leaves_the_tier_before_and_its_servers(
    shop: Shop, make: Factory, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    before = terms_of(shop, key)
    order_id = buy_for(shop, make, buyer, key, shelf.ever)
    bind_servers(shop, key, 4)

    give_back(shop, staff, order_id)

    assert terms_of(shop, key) == before
    with shop.database.reading() as session:
        slots = session.scalars(
            select(LicenseSlot.position).where(LicenseSlot.license_id == key)
        ).all()
    assert slots == [1]


def test_a_refund_that_the_bank_sends_back_gives_the_days_back_too(
    shop: Shop, sandbox: RunningSandbox, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    before = terms_of(shop, key)
    payment = buy_by_card(shop, sandbox, buyer, key, shelf.month)
    renewed = terms_of(shop, key)
    give_back(shop, staff, payment.subject_id, to=Destination.GATEWAY)
    assert terms_of(shop, key) == before

    act(sandbox, refunds_of(shop, payment.subject_id)[0].gateway_refund_id, "fail")
    refresh_refunds(shop, payment.id)
    refresh_refunds(shop, payment.id)

    assert terms_of(shop, key) == renewed
    assert events_of(shop, key)[-2:] == ["terms_taken_back", "terms_given_back"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_purchases_given_back_in_any_order_leave_what_the_others_gave(
    shop: Shop,
    make: Factory,
    staff: User,
    buyer: User,
    shelf: Shelf,
    key: UUID,
    order: Sequence[int],
) -> None:
    """The invariants replay the terms in SQL after the test; here, the ends that people see."""
    first = terms_of(shop, key)
    set_license(shop, key, expires_at=datetime.now(UTC) - days(3))
    met = terms_of(shop, key)[2]
    orders = [buy_for(shop, make, buyer, key, shelf.month) for _ in range(3)]
    fresh = line_of(shop, orders[0]).ends_at
    assert fresh is not None

    for index, gone in enumerate(order):
        give_back(shop, staff, orders[gone])
        left = 2 - index
        end = terms_of(shop, key)[2]
        assert end is not None
        if left:
            assert abs(end - (fresh + days(MONTH * (left - 1)))) < days(1)

    assert terms_of(shop, key) == (first[0], first[1], met)


def test_a_renewal_under_an_upgrade_and_the_upgrade_come_apart_in_either_order(
    shop: Shop, make: Factory, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    first = terms_of(shop, key)
    renewal = buy_for(shop, make, buyer, key, shelf.month)
    upgrade = buy_for(shop, make, buyer, key, shelf.ever)

    give_back(shop, staff, renewal)
    assert terms_of(shop, key) == (shelf.ever, 5, None)
    give_back(shop, staff, upgrade)
    assert terms_of(shop, key) == first


def test_an_upgrade_that_a_later_one_counts_is_given_back_after_that_one_only(
    shop: Shop, make: Factory, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    first = terms_of(shop, key)
    year = buy_for(shop, make, buyer, key, shelf.year)
    ever = buy_for(shop, make, buyer, key, shelf.ever)

    with pytest.raises(Conflict) as refused:
        give_back(shop, staff, year)
    assert refused.value.code == "upgrade_built_on"

    give_back(shop, staff, ever)
    assert terms_of(shop, key)[0] == shelf.year
    give_back(shop, staff, year)
    assert terms_of(shop, key) == first


def test_what_staff_added_by_hand_stays_when_a_renewal_is_given_back(
    shop: Shop, make: Factory, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    end = license_of(shop, key).expires_at
    assert end is not None
    order_id = buy_for(shop, make, buyer, key, shelf.month)
    set_license(shop, key, expires_at=end + days(MONTH) + days(7))
    with shop.database.transaction() as session:
        record_event(session, key, "extended", actor=by_staff(staff.id))

    give_back(shop, staff, order_id)

    assert license_of(shop, key).expires_at == end + days(7)


def test_a_dispute_of_a_renewal_takes_its_days_while_it_runs_and_leaves_the_key_alone(
    shop: Shop, sandbox: RunningSandbox, buyer: User, shelf: Shelf, key: UUID
) -> None:
    before = terms_of(shop, key)
    payment = buy_by_card(shop, sandbox, buyer, key, shelf.month)
    renewed = terms_of(shop, key)

    dispute(shop, sandbox, payment)
    assert terms_of(shop, key) == before
    assert license_of(shop, key).status == "active"
    assert offers_of(shop, buyer, key).refusal is Refusal.GONE

    decide(shop, sandbox, payment, "won")
    assert terms_of(shop, key) == renewed
    assert offers_of(shop, buyer, key).refusal is None


def test_a_lost_dispute_of_an_upgrade_leaves_the_tier_before(
    shop: Shop, sandbox: RunningSandbox, buyer: User, shelf: Shelf, key: UUID
) -> None:
    before = terms_of(shop, key)
    payment = buy_by_card(shop, sandbox, buyer, key, shelf.ever)

    dispute(shop, sandbox, payment)
    decide(shop, sandbox, payment, "lost")

    assert terms_of(shop, key) == before
    assert license_of(shop, key).status == "active"


def test_a_refund_that_fails_under_a_dispute_gives_nothing_back_yet(
    shop: Shop, sandbox: RunningSandbox, staff: User, buyer: User, shelf: Shelf, key: UUID
) -> None:
    before = terms_of(shop, key)
    want(shop, buyer, key, shelf.ever)
    order_id = order_cart(shop, buyer, PaymentMethod.STRIPE)
    payment = pay(shop, sandbox, order_id)
    give_back(shop, staff, order_id, to=Destination.GATEWAY)
    act(sandbox, refunds_of(shop, order_id)[0].gateway_refund_id, "fail")
    dispute(shop, sandbox, payment)
    refresh_refunds(shop, payment.id)
    assert terms_of(shop, key) == before

    decide(shop, sandbox, payment, "won")

    assert terms_of(shop, key) == (shelf.ever, 5, None)


def test_a_dispute_of_the_purchase_suspends_the_key_whatever_was_bought_for_it(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, shelf: Shelf
) -> None:
    make.cart(buyer, (shelf.product, 1))
    bought = pay(shop, sandbox, order_cart(shop, buyer, PaymentMethod.STRIPE))
    key = key_of(shop, buyer)
    buy_for(shop, make, buyer, key, shelf.ever)

    dispute(shop, sandbox, bought)

    assert license_of(shop, key).status == "suspended"
    assert terms_of(shop, key) == (shelf.ever, 5, None)
    decide(shop, sandbox, bought, "won")
    assert license_of(shop, key).status == "active"


def test_refunding_the_purchase_ends_the_key_and_a_renewal_of_it_is_still_to_be_refunded(
    shop: Shop, make: Factory, staff: User, buyer: User, shelf: Shelf
) -> None:
    make.cart(buyer, (shelf.product, 1))
    make.wallet(buyer, baht(100))
    purchase = order_cart(shop, buyer)
    key = key_of(shop, buyer)
    renewal = buy_for(shop, make, buyer, key, shelf.month)

    give_back(shop, staff, purchase)
    assert license_of(shop, key).status == "revoked"
    give_back(shop, staff, renewal)

    assert license_of(shop, key).status == "revoked"
    assert order_of(shop, renewal).state == "refunded"


def key_of(shop: Shop, user: User) -> UUID:
    with shop.database.reading() as session:
        return session.scalars(select(License.id).where(License.user_id == user.id)).one()
