"""Guests at the moment they become members, while money and orders of theirs are under way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs.guests import finish_adoptions
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow, service
from storefront.checkout.service import close_order
from storefront.errors import DomainError
from storefront.guests.adoption import adopt_guest
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import Order, OrderAction, PaymentMethod
from storefront.payments.models import Payment
from storefront.receipts.service import issue_advance_receipt
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.merging import merge_wallets
from storefront.wallet.queries import find_balance
from storefront.wallet.service import credit_stray_payment
from tests.concurrency.racing import (
    codes_of,
    race,
    race_transactions,
    slow_down_updates,
    wait_for_lingering,
)
from tests.storefront.guests.browsing import orders
from tests.support.factories import Factory
from tests.support.gateway import act, latest_payment, place

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def guest(make: Factory) -> User:
    return make.guest()


@pytest.fixture
def member(make: Factory) -> User:
    return make.user()


def adopt(shop: Shop, guest: User, member: User) -> None:
    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())


def balance(shop: Shop, person: User) -> int:
    with shop.database.reading() as session:
        return find_balance(session, person.id).satang // 100


def late_payment(shop: Shop, make: Factory, sandbox: RunningSandbox, guest: User) -> Payment:
    """Money for a closed order of the guest, which the shop has not heard of yet."""
    make.cart(guest, (make.product(price=baht(490)), 1))
    order_id = place(shop, guest, baht(490))
    payment = latest_payment(shop, order_id)
    with shop.database.transaction() as session:
        close_order(session, order_id, OrderAction.CANCEL, actor="test", now=shop.clock())
    act(sandbox, payment.gateway_session_id, "pay")
    return payment


def test_money_that_is_settled_while_its_guest_is_adopted_is_the_members(
    shop: Shop, make: Factory, guest: User, member: User, sandbox: RunningSandbox
) -> None:
    """The settlement has the payment; the adoption waits for it, and finds the money."""
    payment = late_payment(shop, make, sandbox, guest)
    slow_down_updates(shop.database, "payments")

    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(flow.refresh_payment, shop, payment.id)
        wait_for_lingering(shop.database)
        adopt(shop, guest, member)
        settling.result(timeout=10)

    assert (balance(shop, guest), balance(shop, member)) == (0, 490)


def test_control_moving_the_wallet_before_the_payments_leaves_the_money_behind(
    shop: Shop, make: Factory, guest: User, member: User, sandbox: RunningSandbox
) -> None:
    """And even then it follows a minute later."""
    payment = late_payment(shop, make, sandbox, guest)
    slow_down_updates(shop.database, "payments")

    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(flow.refresh_payment, shop, payment.id)
        wait_for_lingering(shop.database)
        with shop.database.transaction() as session:
            merge_wallets(session, from_user_id=guest.id, to_user_id=member.id, now=shop.clock())
            close(session, shop, guest, member)
        settling.result(timeout=10)

    assert (balance(shop, guest), balance(shop, member)) == (490, 0)
    finish_adoptions(shop)
    assert (balance(shop, guest), balance(shop, member)) == (0, 490)


def close(session: Session, shop: Shop, guest: User, member: User) -> None:
    for model in (Payment, Order):
        session.execute(update(model).where(model.user_id == guest.id).values(user_id=member.id))
    session.execute(
        update(User)
        .where(User.id == guest.id)
        .values(merged_into=member.id, merged_at=shop.clock())
    )


def test_money_that_is_settled_after_the_adoption_began_is_the_members(
    shop: Shop, make: Factory, guest: User, member: User, sandbox: RunningSandbox
) -> None:
    """The adoption has the payment; the settlement waits for it, and reads the new owner."""
    payment = late_payment(shop, make, sandbox, guest)
    slow_down_updates(shop.database, "payments")

    with ThreadPoolExecutor(1) as pool:
        adopting = pool.submit(adopt, shop, guest, member)
        wait_for_lingering(shop.database)
        flow.refresh_payment(shop, payment.id)
        adopting.result(timeout=10)

    assert (balance(shop, guest), balance(shop, member)) == (0, 490)


def test_control_reading_the_owner_before_the_lock_credits_the_guest(
    shop: Shop, make: Factory, guest: User, member: User, sandbox: RunningSandbox
) -> None:
    payment = late_payment(shop, make, sandbox, guest)

    with shop.database.transaction() as session:
        owner_id = session.scalars(select(Payment.user_id).where(Payment.id == payment.id)).one()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(adopt, shop, guest, member).result(timeout=10)
        credit(session, shop, payment, owner_id)

    assert (balance(shop, guest), balance(shop, member)) == (490, 0)
    finish_adoptions(shop)
    assert balance(shop, member) == 490


def credit(session: Session, shop: Shop, payment: Payment, owner_id: UUID) -> None:
    """What a settlement does, for this owner."""
    session.execute(
        update(Payment)
        .where(Payment.id == payment.id)
        .values(state="succeeded", gateway_payment_id="pi_late", paid_at=shop.clock())
    )
    credit_stray_payment(
        session,
        user_id=owner_id,
        amount=payment.amount,
        payment_id=payment.id,
        gateway_payment_id="pi_late",
        subject_id=payment.subject_id,
        reference=payment.label,
        now=shop.clock(),
    )
    issue_advance_receipt(session, payment, now=shop.clock())


def test_settling_and_adopting_at_once_loses_and_doubles_nothing(
    shop: Shop, make: Factory, member: User, sandbox: RunningSandbox
) -> None:
    rounds = 6
    for _ in range(rounds):
        guest = make.guest()
        payment = late_payment(shop, make, sandbox, guest)

        outcomes = race(
            [
                partial(flow.refresh_payment, shop, payment.id),
                partial(adopt, shop, guest, member),
                partial(flow.refresh_payment, shop, payment.id),
            ]
        )

        assert outcomes == [None] * 3
        assert balance(shop, guest) == 0
    assert balance(shop, member) == 490 * rounds


def order_in_another_tab(shop: Shop, guest: User) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=guest.id,
        method=PaymentMethod.STRIPE,
        expected_total=baht(490),
        idempotency_key=str(new_id()),
        locale="en",
    )


def place_while_adopted(
    shop: Shop, make: Factory, guest: User, member: User
) -> flow.Placed | DomainError:
    make.cart(guest, (make.product(price=baht(490)), 1))
    slow_down_updates(shop.database, "users", seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        adopting: Future[None] = pool.submit(adopt_but_for_the_cart, shop, guest, member)
        wait_for_lingering(shop.database)
        try:
            return order_in_another_tab(shop, guest)
        except DomainError as refusal:
            return refusal
        finally:
            adopting.result(timeout=10)


def adopt_but_for_the_cart(shop: Shop, guest: User, member: User) -> None:
    """The cart is locked as well, and would keep the other tab waiting: that is not what this is
    about."""
    with shop.database.transaction() as session:
        session.execute(
            select(User.id).where(User.id == guest.id).with_for_update(key_share=True)
        ).one()
        close(session, shop, guest, member)


def test_an_order_that_is_begun_while_its_guest_is_adopted_is_refused(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    outcome = place_while_adopted(shop, make, guest, member)

    assert isinstance(outcome, DomainError)
    assert outcome.code == "sign_in_first"
    assert orders(shop) == []
    finish_adoptions(shop)


def test_control_an_order_that_does_not_hold_its_person_is_left_behind(
    shop: Shop, make: Factory, guest: User, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service, "hold_person", lambda session, user_id: session.get_one(User, user_id)
    )

    place_while_adopted(shop, make, guest, member)

    (order,) = orders(shop)
    assert order.user_id == guest.id
    finish_adoptions(shop)
    assert orders(shop)[0].user_id == member.id


def test_ordering_and_adopting_at_once_leaves_nothing_with_the_guest(
    shop: Shop, make: Factory, member: User
) -> None:
    for _ in range(6):
        guest = make.guest()
        make.cart(guest, (make.product(price=baht(490)), 1))

        calls: list[Callable[[], object]] = [
            partial(order_in_another_tab, shop, guest),
            partial(adopt, shop, guest, member),
        ]

        placed, adopted = race(calls)

        assert adopted is None
        if isinstance(placed, DomainError):
            assert placed.code == "sign_in_first"
    assert {order.user_id for order in orders(shop)} <= {member.id}


def test_of_two_members_who_adopt_one_guest_one_has_everything(
    shop: Shop, make: Factory, guest: User
) -> None:
    make.wallet(guest, baht(10))
    both = [make.user(), make.user()]

    outcomes = race([partial(adopt, shop, guest, one) for one in both])

    assert codes_of(outcomes) == ["guest_moved"]
    assert sorted(balance(shop, one) for one in both) == [0, 10]


def test_control_looking_who_adopted_before_the_lock_lets_both(
    shop: Shop, make: Factory, guest: User
) -> None:
    member = make.user()
    believed: list[bool] = []

    def naive(session: Session, everybody_has_read: Barrier) -> None:
        free = session.scalar(select(User.merged_into).where(User.id == guest.id)) is None
        everybody_has_read.wait()
        believed.append(free)
        session.execute(
            update(User)
            .where(User.id == guest.id)
            .values(merged_into=member.id, merged_at=shop.clock())
        )

    race_transactions(shop.database, naive, runners=2)

    assert believed == [True, True]
