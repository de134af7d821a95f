"""A guest signs in with Discord while money of that very member is on its way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from storefront.accounts.models import User
from storefront.accounts.service import register_identity
from storefront.bootstrap import Shop
from storefront.guests.adoption import adopt_guest
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.payments.models import Payment
from storefront.providers.discord import Identity
from storefront.receipts.service import issue_advance_receipt
from storefront.wallet.models import TopUp
from storefront.wallet.queries import find_balance
from storefront.wallet.service import credit_topup
from tests.concurrency.racing import (
    slow_down_updates,
    wait_for_lingering,
)
from tests.support.factories import Factory

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


def identity_of(member: User) -> Identity:
    return Identity(
        discord_id=member.discord_id or "",
        username=member.username,
        display_name=member.display_name,
        avatar_url=None,
        email=member.email,
        email_verified=True,
        locale="en",
    )


def credited(shop: Shop, make: Factory, member: User) -> Callable[[], None]:
    """What credits a top-up of the member, which is paid by now."""
    make.wallet(member, baht(1))
    topup = TopUp(
        id=new_id(),
        user_id=member.id,
        idempotency_key="t" * 20,
        amount_satang=10_000,
        currency="THB",
    )
    payment = Payment(
        purpose="topup",
        subject_id=topup.id,
        user_id=member.id,
        state="succeeded",
        amount_satang=10_000,
        currency="THB",
        label="wallet",
        locale="en",
        gateway_payment_id="pi_topup",
        expires_at=shop.clock(),
        paid_at=shop.clock(),
    )
    with shop.database.transaction() as session:
        session.add_all([topup, payment])

    def credit_it() -> None:
        with shop.database.transaction() as session:
            credit_topup(session, topup.id, gateway_payment_id="pi_topup", now=shop.clock())
            paid = session.get_one(Payment, payment.id)
            issue_advance_receipt(session, paid, now=shop.clock())

    return credit_it


def test_signing_in_as_a_guest_while_money_of_the_member_comes_does_not_deadlock(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    """The settlement has the wallet and then writes a notice, which points at the member; the
    sign-in has the member and then waits for the wallet."""
    make.wallet(guest, baht(10))
    money_comes = credited(shop, make, member)
    slow_down_updates(shop.database, "ledger_accounts")

    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(money_comes)
        wait_for_lingering(shop.database)
        with shop.database.transaction() as session:
            register_identity(session, identity_of(member), admin_discord_ids=frozenset())
            adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())
        settling.result(timeout=10)

    assert balance(shop, member) == 111


def test_control_locking_the_member_altogether_deadlocks(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.wallet(guest, baht(10))
    money_comes = credited(shop, make, member)
    slow_down_updates(shop.database, "ledger_accounts")

    def sign_in() -> None:
        with shop.database.transaction() as session:
            session.execute(select(User.id).where(User.id == member.id).with_for_update()).one()
            adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())

    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(money_comes)
        wait_for_lingering(shop.database)
        failures = []
        for wait in (sign_in, partial(settling.result, timeout=10)):
            try:
                wait()
            except OperationalError as error:
                failures.append(str(error.orig))
    assert len(failures) == 1
    assert "deadlock detected" in failures[0] or "lock timeout" in failures[0]
    money_comes()
