"""Many buyers, many messengers and many jobs at the same money, at an in-process bank so that a
race is one of the shop and not of HTTP."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.webhooks import apply_webhook
from storefront.disputes.flow import refresh_disputes
from storefront.errors import Conflict, DomainError
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import LedgerPosting
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.orders.models import Order, OrderState, PaymentMethod
from storefront.payments.models import Payment, WebhookEvent
from storefront.payments.service import receive_event
from storefront.providers.payments import DisputeStatus, PayBy
from storefront.wallet.debts import find_debt
from storefront.wallet.queries import find_pots
from storefront.wallet.service import hold_wallet, pay_from_wallet, release_wallet
from tests.concurrency.racing import codes_of, race, successes_in
from tests.storefront.money.books import TILL_INVARIANTS, check_settled
from tests.support.bank import Attempt
from tests.support.invariants import check_invariants
from tests.support.till import Till

T = TypeVar("T")


@pytest.fixture
def till(shop: Shop) -> Till:
    return Till(shop)


def rush(calls: Sequence[Callable[[], T]], *, at_once: int = 16) -> list[T | DomainError]:
    """More calls than there are connections: so many at a time, each as soon as one is done;
    refusals as values."""

    def run(call: Callable[[], T]) -> T | DomainError:
        try:
            return call()
        except DomainError as refusal:
            return refusal

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(run, calls))


def place(
    till: Till, user: User, total: Money, method: PaymentMethod, *, part: Money = Money(0)
) -> flow.Placed:
    return flow.place_order(
        till.shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
        wallet_part=part,
    )


def payment_of(till: Till, subject_id: UUID) -> Payment:
    (payment,) = [one for one in till.payments() if one.subject_id == subject_id]
    return payment


def attempt_of(till: Till, payment: Payment) -> Attempt:
    return till.bank.attempt(payment.gateway_session_id or "")


def bookings(till: Till, reference: str | None) -> list[str]:
    with till.shop.database.reading() as session:
        return sorted(
            session.scalars(select(LedgerPosting.kind).where(LedgerPosting.reference == reference))
        )


def count(till: Till, model: type) -> int:
    with till.shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_two_hundred_buyers_of_ten_flash_units_that_are_paid_later_get_exactly_ten(
    till: Till,
) -> None:
    """The first ten hold a unit while they pay; three of them never do, and then three more come.
    The control of this is in `test_flash_units`."""
    product = till.make.product(price=baht(490))
    till.make.flash_sale(
        product,
        price=baht(390),
        units=10,
        starts_at=till.now - timedelta(hours=1),
        ends_at=till.now + timedelta(days=1),
    )
    buyers = [till.make.user() for _ in range(200)]
    for buyer in buyers:
        till.make.cart(buyer, (product, 1))
    methods = (PaymentMethod.PROMPTPAY, PaymentMethod.STRIPE)

    outcomes = rush(
        [partial(place, till, user, baht(390), methods[n % 2]) for n, user in enumerate(buyers)]
    )

    assert len(successes_in(outcomes)) == 10
    assert codes_of(outcomes) == ["total_changed"] * 190
    placed = [payment_of(till, one.order_id) for one in successes_in(outcomes)]
    pay(till, placed[3:])
    till.now += timedelta(hours=1)
    till.sweep()
    losers = [user for user, one in zip(buyers, outcomes, strict=True) if isinstance(one, Conflict)]
    again = rush([partial(place, till, user, baht(390), methods[0]) for user in losers[:20]])
    assert len(successes_in(again)) == 3
    pay(till, [payment_of(till, one.order_id) for one in successes_in(again)])

    paid = [one for one in till.orders() if one.state == OrderState.COMPLETED]
    assert len(paid) == count(till, License) == 10
    assert till.bank.balance == baht(3_900)
    till.sweep()
    check_settled(till)


def pay(till: Till, payments: Sequence[Payment]) -> None:
    for payment in payments:
        assert till.bank.pay(attempt_of(till, payment))
    assert (
        codes_of(rush([partial(flow.refresh_payment, till.shop, one.id) for one in payments])) == []
    )


def test_a_wallet_that_is_spent_and_set_aside_from_fifty_places_never_falls_below_zero(
    till: Till,
) -> None:
    buyer, database = till.buyers[0], till.shop.database
    till.make.bonus(buyer, baht(60), expires_at=till.now + timedelta(days=1))
    till.make.wallet(buyer, baht(145))
    held = [new_id() for _ in range(25)]

    def spend() -> bool:
        with database.transaction() as session:
            pay_from_wallet(
                session, user_id=buyer.id, amount=baht(10), order_id=new_id(), now=till.now
            )
        return True

    def hold(order_id: UUID) -> UUID:
        with database.transaction() as session:
            hold_wallet(session, user_id=buyer.id, amount=baht(10), order_id=order_id, now=till.now)
        return order_id

    def release(order_id: UUID) -> None:
        with database.transaction() as session:
            release_wallet(session, user_id=buyer.id, order_id=order_id, now=till.now)

    calls: list[Callable[[], object]] = [partial(hold, order_id) for order_id in held]
    outcomes = race([*calls, *[spend] * 25])

    assert len(successes_in(outcomes)) == 20
    assert set(codes_of(outcomes)) == {"balance_too_low"}
    set_aside = [one for one in successes_in(outcomes) if isinstance(one, UUID)]
    race([partial(release, order_id) for order_id in set_aside * 3])
    with database.reading() as session:
        left = find_pots(session, buyer.id, now=till.now).total
    assert left == baht(5 + 10 * len(set_aside))


@pytest.mark.parametrize("part", [baht(0), baht(80)])
def test_redirect_webhook_and_sweep_at_once_deliver_once_whatever_the_wallet_pays(
    till: Till, part: Money
) -> None:
    buyer = till.buyers[0]
    till.make.wallet(buyer, baht(100))
    till.make.cart(buyer, (till.products[0], 1))
    order_id = place(till, buyer, baht(300), PaymentMethod.STRIPE, part=part).order_id
    payment = payment_of(till, order_id)
    till.bank.pay(attempt_of(till, payment))
    webhooks = store_events(till)

    ways: list[Callable[[], object]] = [
        partial(flow.refresh_order, till.shop, order_id),
        partial(flow.refresh_payment, till.shop, payment.id),
        partial(flow.close_overdue_payment, till.shop, payment.id),
        *[partial(apply_webhook, till.shop, webhook_id) for webhook_id in webhooks],
    ]
    assert codes_of(race(ways * 3)) == []

    assert bookings(till, attempt_of(till, payment).intent_id) == ["purchase"]
    assert bookings(till, f"order:{order_id}") == ["wallet_hold"] * bool(part)
    assert count(till, License) == count(till, Notification) == 1
    with till.shop.database.reading() as session:
        assert find_pots(session, buyer.id).total == baht(100) - part


def store_events(till: Till) -> list[UUID]:
    """Every event of the bank, stored and not yet applied."""
    with till.shop.database.transaction() as session:
        for event in till.bank.events:
            receive_event(session, source="stripe", event=event)
        return list(session.scalars(select(WebhookEvent.id)))


def test_a_hundred_events_and_their_siblings_shuffled_over_eight_threads_book_each_thing_once(
    till: Till,
) -> None:
    """An order and a top-up: paid, refunded in part, disputed and won. Every one of their events
    comes a dozen times."""
    buyer, bank = till.buyers[0], till.bank
    till.top_up(buyer, baht(500), pay_by=PayBy.CARD, package=None)
    till.order(buyer, [(0, 1)], method=PaymentMethod.STRIPE, code=None, wallet_share=0)
    for attempt in bank.attempts:
        bank.pay(attempt)
        bank.dispute(attempt, baht(100), DisputeStatus.INQUIRY)
        bank.refund_by_hand(attempt, baht(50))
        bank.decide(attempt, DisputeStatus.OPEN)
        bank.decide(attempt, DisputeStatus.WON)
    deliveries = list(range(len(bank.events))) * 12
    random.Random(20261128).shuffle(deliveries)
    assert len(deliveries) > 100

    def deliver(index: int) -> None:
        with till.shop.database.transaction() as session:
            receive_event(session, source="stripe", event=bank.events[index])
        with till.shop.database.reading() as session:
            webhook_id = session.scalars(
                select(WebhookEvent.id).where(WebhookEvent.event_id == bank.events[index].event_id)
            ).one()
        apply_webhook(till.shop, webhook_id)

    outcomes = rush([partial(deliver, index) for index in deliveries], at_once=8)

    assert codes_of(outcomes) == []
    assert count(till, WebhookEvent) == len(bank.events)
    topup, order = bank.attempts
    for attempt, first in ((topup, "topup"), (order, "purchase")):
        assert attempt.dispute
        assert bookings(till, attempt.intent_id) == [first]
        assert bookings(till, attempt.dispute.gateway_dispute_id) == [
            "dispute",
            "dispute_fee",
            "dispute_won",
        ]
    check_settled(till)
    check_invariants(till.shop.database, TILL_INVARIANTS)


def test_a_top_up_that_is_disputed_before_the_shop_has_heard_of_it_is_credited_and_taken_once(
    till: Till,
) -> None:
    for package in (None, till.packages[0]):
        till.top_up(till.buyers[0], baht(500), pay_by=PayBy.CARD, package=package)
        payment = till.payments()[-1]
        attempt = attempt_of(till, payment)
        till.bank.pay(attempt)
        till.bank.dispute(attempt, baht(500))
        webhooks = store_events(till)

        ways: list[Callable[[], object]] = [
            partial(flow.refresh_payment, till.shop, payment.id),
            partial(refresh_disputes, till.shop, payment.id),
            *[partial(apply_webhook, till.shop, webhook_id) for webhook_id in webhooks],
        ]
        assert codes_of(race(ways * 2)) == []

        assert attempt.dispute
        assert bookings(till, attempt.intent_id) == ["topup"]
        assert bookings(till, attempt.dispute.gateway_dispute_id) == ["dispute", "dispute_fee"]
    with till.shop.database.reading() as session:
        assert find_pots(session, till.buyers[0].id).total == Money(0)
        assert find_debt(session, till.buyers[0].id) == Money(0)
    assert count(till, Order) == 0
    check_settled(till)
