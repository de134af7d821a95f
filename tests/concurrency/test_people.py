"""One person in two browsers at once."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from storefront.accounts.models import Role, User
from storefront.accounts.service import register_identity
from storefront.cart.queries import count_units
from storefront.cart.rules import CartOwner
from storefront.db import Database
from storefront.providers.discord import Identity
from tests.concurrency.racing import insert_unless_there, race
from tests.support.browser import submit
from tests.support.factories import Factory

NEW_FACE = Identity(
    discord_id="300000000000000001",
    username="nok",
    display_name="Nok",
    avatar_url=None,
    email="nok@example.com",
    email_verified=True,
    locale="th",
)


def test_first_sign_ins_of_one_person_at_once_make_one_user(database: Database) -> None:
    def sign_in() -> UUID:
        with database.transaction() as session:
            return register_identity(session, NEW_FACE, admin_discord_ids=frozenset()).id

    outcomes = race([sign_in] * 10)

    assert len(set(outcomes)) == 1
    with database.reading() as session:
        user = session.scalars(select(User)).one()
    assert (user.id, user.role, user.email) == (outcomes[0], Role.CUSTOMER, "nok@example.com")


def test_control_looking_for_the_user_before_inserting_makes_one_per_browser(
    database: Database,
) -> None:
    assert insert_unless_there(database, "users", runners=10) == 10


@pytest.mark.parametrize("clicks", [2, 6])
def test_a_guest_who_clicks_in_two_tabs_has_every_unit_in_the_cart(
    fresh_app: Flask, database: Database, make: Factory, clicks: int
) -> None:
    """The control, an add that reads before it writes, stands with the cart's own tests."""
    address = f"/en/products/{make.product().slug}"

    def open_tab() -> Callable[[], int]:
        tab = fresh_app.test_client()
        with tab.session_transaction() as cookie:
            cookie["cart"] = "one-guest"
        page = tab.get(address)
        return lambda: submit(tab, page, "/cart/lines").status_code

    assert race([open_tab() for _ in range(clicks)]) == [303] * clicks
    with database.reading() as session:
        assert count_units(session, CartOwner.guest("one-guest")) == clicks
        assert session.scalar(select(func.count()).select_from(User)) == 0
