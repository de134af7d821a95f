"""Codes with few uses and many buyers."""

from __future__ import annotations

from functools import partial
from threading import Barrier

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.promos.models import PromoCode
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory


def buyer(make: Factory, email: str | None = None) -> User:
    """Somebody with a cart of their own product, so that nothing but the code is fought for."""
    user = make.user(**({"email": email} if email else {}))
    make.cart(user, (make.product(price=baht(100)), 1), promo_code="TENTH")
    make.wallet(user, baht(100))
    return user


def place(shop: Shop, user: User) -> flow.Placed:
    return flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=baht(90),
        idempotency_key=str(new_id()),
        locale="en",
    )


def test_fifty_buyers_with_a_code_for_ten_use_it_ten_times(shop: Shop, make: Factory) -> None:
    make.promo(total_limit=10)
    buyers = [buyer(make) for _ in range(50)]

    outcomes = race([partial(place, shop, user) for user in buyers])

    assert len(successes_in(outcomes)) == 10
    assert set(codes_of(outcomes)) <= {"promo_used_up", "total_changed"}
    with shop.database.reading() as session:
        assert session.scalars(select(PromoCode.used)).one() == 10


def test_control_counting_uses_before_adding_one_uses_it_too_often(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE code AS SELECT 2 AS most, 0 AS used"))

    def use(session: Session, everybody_has_read: Barrier) -> None:
        left = session.scalar(text("SELECT most - used FROM code"))
        everybody_has_read.wait()
        if left >= 1:
            session.execute(text("UPDATE code SET used = used + 1"))

    race_transactions(database, use, runners=12)
    with database.reading() as session:
        assert session.scalar(text("SELECT used FROM code")) == 12


def test_twenty_accounts_of_one_mailbox_use_a_code_once(shop: Shop, make: Factory) -> None:
    make.promo(per_customer_limit=1)
    buyers = [buyer(make, email=f"anna+{n}@example.com") for n in range(20)]

    outcomes = race([partial(place, shop, user) for user in buyers])

    assert len(successes_in(outcomes)) == 1
    assert set(codes_of(outcomes)) <= {"promo_used_by_you", "total_changed"}
