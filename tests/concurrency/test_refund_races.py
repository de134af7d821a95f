"""Money given back from many places at once, and given back while it is being fought for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.db import Database
from storefront.disputes.flow import refresh_disputes
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.payments.models import Payment
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.flow import refresh_refunds, refund_order, refund_payment
from storefront.refunds.models import Destination, LicenseRule, Refund, RefundState
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import find_balance
from tests.concurrency.racing import (
    codes_of,
    race,
    race_transactions,
    slow_down_updates,
    successes_in,
    wait_for_lingering,
)
from tests.support.factories import Factory
from tests.support.gateway import act, buy, latest_payment, order_of, place, top_up

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
TOTAL = baht(300)


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def buyer(make: Factory) -> User:
    """Somebody with three units for 100 baht each in the cart."""
    user = make.user()
    make.cart(user, (make.product(price=baht(100)), 3))
    return user


@pytest.fixture
def payment(shop: Shop, sandbox: RunningSandbox, buyer: User) -> Payment:
    """The payment of that order by card."""
    return latest_payment(shop, buy(shop, sandbox, buyer, TOTAL))


def draft(
    shop: Shop, order_id: UUID, amount: Money, to: Destination, *, key: str | None = None
) -> OrderRefundDraft:
    with shop.database.reading() as session:
        line_id = session.scalars(select(OrderLine.id).where(OrderLine.order_id == order_id)).one()
    return OrderRefundDraft(
        lines={line_id: amount},
        destination=to,
        licenses=LicenseRule.REVOKE,
        reason="asked",
        idempotency_key=key or str(new_id()),
    )


def refunds(shop: Shop) -> list[Refund]:
    with shop.database.reading() as session:
        return list(session.scalars(select(Refund).order_by(Refund.id)))


def booked(shop: Shop, kind: PostingKind) -> int:
    with shop.database.reading() as session:
        return (
            session.scalar(
                select(func.count()).select_from(LedgerPosting).where(LedgerPosting.kind == kind)
            )
            or 0
        )


def test_many_of_staff_who_refund_one_order_at_once_never_give_more_than_was_paid(
    shop: Shop, staff: User, payment: Payment
) -> None:
    """To the card and to the wallet, 200 of 300 baht each: only one fits."""
    order_id = payment.subject_id
    calls: list[Callable[[], object]] = [
        partial(
            refund_order, shop, order_id, draft(shop, order_id, baht(200), to), actor_id=staff.id
        )
        for to in [Destination.GATEWAY, Destination.WALLET] * 4
    ]

    outcomes = race(calls)

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["refund_too_large"] * 7
    assert order_of(shop, order_id).refunded == baht(200)


def test_an_order_that_the_wallet_paid_has_no_payment_to_queue_at_and_is_given_back_once_too(
    shop: Shop, make: Factory, buyer: User, staff: User
) -> None:
    make.wallet(buyer, TOTAL)
    order_id = place(shop, buyer, TOTAL, method=PaymentMethod.BALANCE)
    calls: list[Callable[[], object]] = [
        partial(
            refund_order, shop, order_id, draft(shop, order_id, baht(200), to), actor_id=staff.id
        )
        for to in [Destination.GATEWAY, Destination.WALLET] * 4
    ]

    outcomes = race(calls)

    assert len(successes_in(outcomes)) == 1
    assert codes_of(outcomes) == ["refund_too_large"] * 7
    with shop.database.reading() as session:
        assert find_balance(session, buyer.id) == baht(200)


def test_parts_of_one_payment_that_are_given_back_at_once_are_all_counted(
    shop: Shop, staff: User, payment: Payment
) -> None:
    order_id = payment.subject_id
    calls = [
        partial(
            refund_order,
            shop,
            order_id,
            draft(shop, order_id, baht(20), Destination.GATEWAY),
            actor_id=staff.id,
        )
        for _ in range(8)
    ]

    assert codes_of(race(calls)) == []

    assert latest_payment(shop, order_id).refunded_satang == 16_000
    assert order_of(shop, order_id).refunded == baht(160)
    assert len(shop.gateway.list_refunds(payment.gateway_payment_id or "")) == 8


def test_control_looking_at_what_is_left_before_giving_it_gives_it_again(
    database: Database,
) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE given AS SELECT 300 AS paid, 0 AS back"))

    def give(session: Session, everybody_has_read: Barrier) -> None:
        left = session.scalar(text("SELECT paid - back FROM given"))
        everybody_has_read.wait()
        if left >= 200:
            session.execute(text("UPDATE given SET back = back + 200"))

    race_transactions(database, give, runners=8)
    with database.reading() as session:
        assert session.scalar(text("SELECT back FROM given")) == 1_600


def test_one_refund_form_sent_from_many_tabs_is_one_refund(
    shop: Shop, staff: User, payment: Payment
) -> None:
    wanted = draft(shop, payment.subject_id, baht(50), Destination.GATEWAY, key="one-form-one-key")

    outcomes = race(
        [partial(refund_order, shop, payment.subject_id, wanted, actor_id=staff.id)] * 6
    )

    assert codes_of(outcomes) == []
    assert len(refunds(shop)) == booked(shop, PostingKind.REFUND) == 1
    assert len(shop.gateway.list_refunds(payment.gateway_payment_id or "")) == 1


def test_a_refund_while_a_dispute_opens_is_made_or_refused_and_the_books_know_which(
    shop: Shop, sandbox: RunningSandbox, make: Factory, staff: User
) -> None:
    for _ in range(4):
        user = make.user()
        make.cart(user, (make.product(price=baht(100)), 3))
        payment = latest_payment(shop, buy(shop, sandbox, user, TOTAL))
        wanted = draft(shop, payment.subject_id, baht(100), Destination.GATEWAY)

        def chargeback(payment: Payment = payment) -> None:
            act(sandbox, payment.gateway_payment_id, "dispute")
            refresh_disputes(shop, payment.id)

        calls: list[Callable[[], object]] = [
            partial(refund_order, shop, payment.subject_id, wanted, actor_id=staff.id),
            chargeback,
        ]
        outcomes = race(calls)
        refresh_refunds(shop, payment.id)

        assert set(codes_of(outcomes)) <= {"order_disputed"}
        made = shop.gateway.list_refunds(payment.gateway_payment_id or "")
        assert order_of(shop, payment.subject_id).refunded == baht(100 * len(made))


def test_the_word_of_a_refund_comes_while_its_answer_is_on_the_way(
    shop: Shop, sandbox: RunningSandbox, staff: User, payment: Payment
) -> None:
    wanted = draft(shop, payment.subject_id, baht(100), Destination.GATEWAY)
    calls: list[Callable[[], object]] = [
        partial(refund_order, shop, payment.subject_id, wanted, actor_id=staff.id),
        *[partial(refresh_refunds, shop, payment.id)] * 8,
    ]

    outcomes = race(calls)

    assert codes_of(outcomes) == []
    refresh_refunds(shop, payment.id)
    assert [one.state for one in refunds(shop)] == [RefundState.SUCCEEDED]
    assert booked(shop, PostingKind.REFUND) == 1


def test_an_order_that_is_paid_in_this_very_moment_is_not_taken_for_one_without_a_payment(
    shop: Shop, sandbox: RunningSandbox, buyer: User, staff: User
) -> None:
    """Or what was to go back to the card would go into the wallet."""
    order_id = place(shop, buyer, TOTAL)
    payment = latest_payment(shop, order_id)
    act(sandbox, payment.gateway_session_id, "pay")
    wanted = draft(shop, order_id, baht(100), Destination.GATEWAY)
    slow_down_updates(shop.database, "variants", seconds=0.8)

    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(flow.refresh_payment, shop, payment.id)
        wait_for_lingering(shop.database)
        (outcome,) = race([partial(refund_order, shop, order_id, wanted, actor_id=staff.id)])
        paying.result(timeout=20)

    assert codes_of([outcome]) == ["order_not_paid"]
    refund_order(shop, order_id, wanted, actor_id=staff.id)
    assert [one.destination for one in refunds(shop)] == [Destination.GATEWAY]


@pytest.mark.parametrize("slow", ["ledger_accounts", "promo_uses"])
def test_giving_an_order_back_while_its_buyer_uses_the_same_code_again_does_not_deadlock(
    shop: Shop, make: Factory, staff: User, slow: str
) -> None:
    """Placing an order locks the code, then the wallet; giving one back into the wallet must come
    to the code first, too, and touch nothing of the wallet before."""
    make.promo("TENTH")
    buyer, product = make.user(), make.product(price=baht(100))
    make.wallet(buyer, baht(180))
    make.cart(buyer, (product, 1), promo_code="TENTH")
    order_id = place(shop, buyer, baht(90), method=PaymentMethod.BALANCE)
    make.cart(buyer, (product, 1), promo_code="TENTH")
    wanted = draft(shop, order_id, baht(90), Destination.WALLET)
    slow_down_updates(shop.database, slow, seconds=0.8)

    with ThreadPoolExecutor(1) as pool:
        refunding = pool.submit(refund_order, shop, order_id, wanted, actor_id=staff.id)
        wait_for_lingering(shop.database)
        place(shop, buyer, baht(90), method=PaymentMethod.BALANCE)
        assert refunding.result(timeout=20) == [RefundState.SUCCEEDED]


def test_a_top_up_that_goes_back_while_it_is_spent_and_disputed_is_counted_once(
    shop: Shop, sandbox: RunningSandbox, make: Factory, staff: User
) -> None:
    for _ in range(3):
        buyer = make.user()
        payment = top_up(shop, sandbox, buyer, baht(300))
        make.cart(buyer, (make.product(price=baht(200)), 1))
        wanted = WalletRefundDraft(amount=baht(300), reason="why", idempotency_key=str(new_id()))

        def chargeback(payment: Payment = payment) -> None:
            act(sandbox, payment.gateway_payment_id, "dispute")
            refresh_disputes(shop, payment.id)

        calls: list[Callable[[], object]] = [
            partial(refund_payment, shop, payment.id, wanted, actor_id=staff.id),
            partial(place, shop, buyer, baht(200), method=PaymentMethod.BALANCE),
            chargeback,
        ]
        outcomes = race(calls)
        refresh_refunds(shop, payment.id)

        assert set(codes_of(outcomes)) <= {
            "balance_too_low",
            "order_disputed",
            "wallet_frozen",
        }
