"""Receipts in the back office: search, years, papers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.kit.clock import fixed_clock
from storefront.kit.money import baht
from storefront.orders.models import Order
from storefront.receipts.flow import number_waiting_receipts
from storefront.receipts.models import Receipt
from storefront.receipts.queries import list_all_receipts, list_years
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.storefront.receipts.refunding import give_back, receipts_of, register_seller
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

LIST = "/en/admin/receipts"
LAST_YEAR = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def order(shop: Shop, make: Factory) -> Order:
    """An order with a receipt and a credit note."""
    register_seller(shop, make.user(role="admin"))
    buyer = make.user(display_name="Somchai", email="Somchai.B@example.com")
    order = buy(shop, make, buyer, (make.product(price=baht(1_070), name_en="Garage"), 1))
    give_back(shop, order, baht(107))
    number_waiting_receipts(shop)
    return order


def found(shop: Shop, search: str) -> list[Receipt]:
    with shop.database.reading() as session:
        rows = list_all_receipts(session, search=search).items
        return [session.get_one(Receipt, row.id) for row in rows]


def test_the_list_names_every_paper_with_its_vat(staff: FlaskClient, order: Order) -> None:
    words = text_of_page(staff.get(LIST))

    for text in ("RC-20", "CN-20", "Somchai", "Somchai.B@example.com", order.reference):
        assert text in words
    assert "Tax invoice and receipt" in words
    assert "฿70 ฿1,070" in words
    assert "−฿7 −฿107" in words


def test_papers_are_found_by_number_order_and_address(
    shop: Shop, make: Factory, order: Order
) -> None:
    buy(shop, make, make.user(), (make.product(), 1))
    number_waiting_receipts(shop)
    receipt, note = receipts_of(shop, order)

    assert [one.id for one in found(shop, str(receipt.reference))] == [receipt.id]
    assert [one.id for one in found(shop, f" cn-{note.number} ")] == [note.id]
    assert {one.id for one in found(shop, "1")} == {receipt.id, note.id}
    for text in (order.reference, str(order.number), "somchai.b@", "SOMCHAI"):
        assert {one.id for one in found(shop, text)} == {receipt.id, note.id}, text
    for text in ("RC-2020-000001", "nobody@", "%", "_", "QR-1", "9" * 19, "RC-" + "9" * 19):
        assert found(shop, text) == [], text


def test_years_are_filtered_and_pages_follow_each_other(
    shop: Shop, make: Factory, staff: FlaskClient, order: Order
) -> None:
    old = dataclasses.replace(shop, clock=fixed_clock(LAST_YEAR))
    former = buy(old, make, make.user(), (make.product(), 1))
    number_waiting_receipts(shop)
    this_year = receipts_of(shop, order)[0].year
    with shop.database.reading() as session:
        assert list_years(session) == [this_year, 2025]
        first = list_all_receipts(session, limit=2)
        second = list_all_receipts(session, limit=2, cursor=first.next_cursor)

    assert (len(first.items), len(second.items), second.next_cursor) == (2, 1, None)
    page = text_of_page(staff.get(f"{LIST}?year=2025"))
    assert "RC-2025-000001" in page
    assert former.reference in page
    assert order.reference not in page
    assert order.reference in text_of_page(staff.get(f"{LIST}?year=nonsense&cursor=x"))
    empty = text_of_page(staff.get(f"{LIST}?year=2019&q=x"))
    assert "No receipt matches" in empty


def test_staff_read_any_paper_in_their_language(
    shop: Shop, staff: FlaskClient, order: Order
) -> None:
    receipt, note = receipts_of(shop, order)

    page = staff.get(f"{LIST}/{note.id}")

    assert "Credit note" in text_of_page(page)
    assert f"{LIST}/{receipt.id}" in page.text
    assert f"/en/admin/orders/{order.id}" in page.text
    assert staff.get(f"{LIST}/{receipt.id}.pdf").mimetype == "application/pdf"
    assert "ใบลดหนี้" in text_of_page(staff.get(f"/admin/receipts/{note.id}"))
    for wanted in ("x", order.id):
        assert staff.get(f"{LIST}/{wanted}").status_code == 404
        assert staff.get(f"{LIST}/{wanted}.pdf").status_code == 404


def test_moderators_see_receipts_but_not_the_seller(
    client: FlaskClient, make: Factory, sign_in: SignIn, order: Order
) -> None:
    sign_in(client, make.user(role="moderator"))

    page = client.get(LIST)

    assert page.status_code == 200
    assert "/admin/settings/seller" not in page.text
    assert client.get("/en/admin/settings/seller").status_code == 404


def test_an_empty_shop_says_so_and_unnumbered_papers_are_numbered_on_sight(
    shop: Shop, make: Factory, staff: FlaskClient
) -> None:
    assert "No receipts yet" in text_of_page(staff.get(LIST))
    order = buy(shop, make, make.user(), (make.product(), 1))

    assert "-000001" in text_of_page(staff.get(LIST))
    assert receipts_of(shop, order)[0].number == 1


def test_the_list_takes_few_queries(shop: Shop, staff: FlaskClient, order: Order) -> None:
    with counted_queries(shop.database.engine) as queries:
        assert staff.get(f"{LIST}?q=1").status_code == 200
    assert len(queries) <= QUERY_CEILING
