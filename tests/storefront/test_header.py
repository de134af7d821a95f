"""What the header costs every page, and what it says."""

from __future__ import annotations

from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.cart.queries import count_units
from storefront.cart.rules import CartOwner
from storefront.cart.service import add_line
from storefront.header import HeaderFigures, find_figures
from storefront.kit.money import Money, baht
from storefront.notifications.queries import count_unread
from storefront.wallet.queries import find_pots
from tests.storefront.orders.purchases import buy, counted_queries
from tests.support.factories import Factory, SignIn

_FIGURES = ("cart_lines", "wallet_lots", "notifications")


def test_a_members_cart_wallet_and_bell_are_read_in_one_query(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    member, product = make.user(), make.product()
    make.wallet(member, baht(123))
    buy(shop, make, member, (make.product(), 1))
    with shop.database.transaction() as session:
        owner = CartOwner.member(member.id)
        add_line(session, owner, product.variants[0].id, quantity=3, now=shop.clock())
    sign_in(client, member)

    with counted_queries(shop.database.engine) as queries:
        page = client.get("/en/account/sessions").text

    asked = [query for query in queries if any(table in query for table in _FIGURES)]
    assert len(asked) == 1
    assert all(table in asked[0] for table in _FIGURES)
    assert 'id="cart-count">3</span>' in page
    assert "฿123" in page


def test_the_figures_are_those_of_cart_wallet_and_notices(shop: Shop, make: Factory) -> None:
    member, other = make.user(), make.user()
    make.wallet(member, baht(123))
    make.wallet(other, baht(999))
    buy(shop, make, member, (make.product(), 1))

    with shop.database.reading() as session:
        nobody = find_figures(session, make.user().id, now=shop.clock())
        found = find_figures(session, member.id, now=shop.clock())
        units = count_units(session, CartOwner.member(member.id))
        pots = find_pots(session, member.id, now=shop.clock())
        unread = count_unread(session, member.id)

    assert unread > 0
    assert nobody == HeaderFigures(cart_units=0, balance=Money(0), unread=0)
    assert found == HeaderFigures(cart_units=units, balance=pots.total, unread=unread)


def test_a_visitor_who_put_nothing_into_the_cart_costs_no_query(
    shop: Shop, client: FlaskClient
) -> None:
    with counted_queries(shop.database.engine) as queries:
        assert client.get("/en/sign-in").status_code == 200

    assert queries == []
