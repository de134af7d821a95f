"""Carts that are changed from two browsers in the same moment, on real PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from threading import Barrier

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.cart import service
from storefront.cart.models import MAX_LINES, Cart, CartLine
from storefront.cart.queries import count_units
from storefront.cart.rules import CartOwner
from storefront.catalog.models import Variant
from storefront.db import Database
from storefront.errors import Conflict
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GUEST = CartOwner.guest("guest-token")


def test_adds_at_once_into_a_cart_that_does_not_exist_yet_are_all_counted(
    database: Database, make: Factory
) -> None:
    variant_id = make.product().variants[0].id

    def add(session: Session) -> None:
        service.add_line(session, GUEST, variant_id, quantity=1, now=NOW)

    for _ in range(3):
        _together(database, [add] * 8)
        assert _units(database, GUEST) == 8
        with database.transaction() as session:
            service.remove_line(session, GUEST, variant_id, now=NOW)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Cart)) == 1


def test_control_reading_before_writing_without_the_cart_locked_loses_adds(
    database: Database, make: Factory
) -> None:
    """The same race against a naive add, to show that this test would notice the loss."""
    variant_id = make.product().variants[0].id
    with database.transaction() as session:
        service.add_line(session, GUEST, variant_id, quantity=1, now=NOW)
    everybody_has_read = Barrier(4, timeout=10)

    def naive_add(session: Session) -> None:
        line = session.scalars(select(CartLine)).one()
        everybody_has_read.wait()
        line.quantity = line.quantity + 1

    _together(database, [naive_add] * 4)
    assert _units(database, GUEST) == 2


def test_adds_at_once_do_not_pass_the_limit_of_lines(database: Database, make: Factory) -> None:
    product = make.product()
    tiers = [
        Variant(product_id=product.id, code=f"t{n}", name_th="ก", name_en="t", price_satang=100)
        for n in range(MAX_LINES + 3)
    ]
    with database.transaction() as session:
        session.add_all(tiers)
    with database.transaction() as session:
        for tier in tiers[: MAX_LINES - 1]:
            service.add_line(session, GUEST, tier.id, quantity=1, now=NOW)

    def add(tier: Variant) -> Callable[[Session], None]:
        return lambda session: _ignore_full(
            lambda: service.add_line(session, GUEST, tier.id, quantity=1, now=NOW)
        )

    _together(database, [add(tier) for tier in tiers[MAX_LINES - 1 :]])
    assert _units(database, GUEST) == MAX_LINES


def test_two_sign_ins_and_an_add_at_once_neither_deadlock_nor_double_anything(
    database: Database, make: Factory
) -> None:
    user = make.user()
    member = CartOwner.member(user.id)
    first, second = make.product().variants[0].id, make.product().variants[0].id

    def merge(session: Session) -> None:
        service.merge_guest_cart(session, user_id=user.id, token="guest-token", now=NOW)

    def add(session: Session) -> None:
        service.add_line(session, member, second, quantity=1, now=NOW)

    for round_number in range(1, 6):
        with database.transaction() as session:
            service.add_line(session, GUEST, first, quantity=4, now=NOW)
        _together(database, [merge, add, merge])
        # The guest's four are never doubled; each round adds one of the other.
        assert _units(database, member) == 4 + round_number
        assert _units(database, GUEST) == 0


def _together(database: Database, changes: list[Callable[[Session], None]]) -> None:
    start = Barrier(len(changes), timeout=10)

    def run(change: Callable[[Session], None]) -> None:
        start.wait()
        with database.transaction() as session:
            change(session)

    with ThreadPoolExecutor(len(changes)) as pool:
        for outcome in [pool.submit(run, change) for change in changes]:
            outcome.result(timeout=20)


def _ignore_full(add: Callable[[], object]) -> None:
    with suppress(Conflict):
        add()


def _units(database: Database, owner: CartOwner) -> int:
    with database.reading() as session:
        return count_units(session, owner)
