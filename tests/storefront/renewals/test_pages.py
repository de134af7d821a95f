"""Offers on the pages of licences, and what lines about keys are called everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.catalog.models import Variant
from storefront.kit.money import baht
from storefront.language import date_text
from storefront.mails import compose_mail
from storefront.orders.models import PaymentMethod
from storefront.providers.mail import Mail
from storefront.receipts.models import Receipt
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination, Refund
from tests.storefront.orders.purchases import MEMBER_CEILING, counted_queries
from tests.support.factories import Factory, SignIn
from tests.support.giving import draft
from tests.support.ladder import MONTH, Shelf
from tests.support.renewing import (
    buy_for,
    days,
    license_of,
    line_of,
    order_cart,
    own_key,
    set_license,
    want,
)


@pytest.fixture
def tab(client: FlaskClient, sign_in: SignIn, buyer: User) -> FlaskClient:
    sign_in(client, buyer)
    return client


def text_of_page(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def end_of(shop: Shop, key: UUID) -> datetime:
    end = license_of(shop, key).expires_at
    assert end is not None
    return end


def mail_about(shop: Shop, event: str, subject_id: UUID) -> Mail:
    with shop.database.reading() as session:
        mail = compose_mail(session, shop.settings, event=event, subject_id=subject_id)
    assert mail is not None
    return mail


def ask(tab: FlaskClient, key: UUID, variant_id: UUID) -> int:
    answer = tab.post(f"/en/account/licenses/{key}/purchases", data={"variant_id": str(variant_id)})
    return answer.status_code


def test_a_licence_shows_what_more_of_it_costs_and_until_when(
    shop: Shop, tab: FlaskClient, key: UUID
) -> None:
    page = text_of_page(tab.get("/en/account/licenses").text)

    assert "Renew for ฿100" in page
    assert f"until {date_text(end_of(shop, key) + days(MONTH), 'en')} · 1 server" in page
    assert "Upgrade to Year for ฿500" in page
    assert "Upgrade to Ever for ฿900" in page
    assert "no end date · 5 servers · ฿100 off for what you paid" in page


def test_an_expired_licence_invites_to_renew_it(shop: Shop, tab: FlaskClient, key: UUID) -> None:
    set_license(shop, key, expires_at=datetime.now(UTC) - days(1))
    page = text_of_page(tab.get("/en/account/licenses").text)
    assert "Renew it, and your servers run again with the same key." in page
    assert f"until {date_text(datetime.now(UTC) + days(MONTH), 'en')}" in page


@pytest.mark.parametrize("status", ["revoked", "suspended"])
def test_a_licence_that_is_not_good_offers_nothing(
    shop: Shop, tab: FlaskClient, key: UUID, status: str
) -> None:
    set_license(shop, key, status=status)
    page = tab.get("/en/account/licenses").text
    assert "Renew for" not in page
    assert "Upgrade to" not in page


def test_the_button_puts_the_renewal_into_the_cart_which_says_what_it_is(
    shop: Shop, tab: FlaskClient, shelf: Shelf, key: UUID
) -> None:
    answer = tab.post(
        f"/en/account/licenses/{key}/purchases",
        data={"variant_id": str(shelf.month)},
        follow_redirects=True,
    )

    page = text_of_page(answer.text)
    hint, end = license_of(shop, key).key_hint, end_of(shop, key) + days(MONTH)
    assert answer.request.path == "/en/cart"
    assert "The renewal is in your cart." in page
    assert f"Renewal of key {hint}-••••, until {date_text(end, 'en')}" in page
    assert "<select" not in answer.text.split('class="cart-line__foot"')[1].split("</li>")[0]


def test_another_offer_for_the_same_key_takes_the_place_of_the_first(
    tab: FlaskClient, shelf: Shelf, key: UUID
) -> None:
    assert ask(tab, key, shelf.month) == 303
    assert ask(tab, key, shelf.year) == 303
    page = text_of_page(tab.get("/en/cart").text)
    assert "Upgrade of key" in page
    assert "Renewal of key" not in page
    assert "฿100 off for what you paid" in page


def test_a_line_about_a_key_is_taken_out_and_put_back(
    tab: FlaskClient, shelf: Shelf, key: UUID
) -> None:
    ask(tab, key, shelf.month)
    gone = tab.post(
        f"/en/cart/lines/{shelf.month}/removal",
        data={"license_id": str(key)},
        follow_redirects=True,
    ).text
    assert "Your cart is empty" in gone
    assert f"/account/licenses/{key}/purchases" in gone
    assert str(shelf.month) in gone


def test_taking_out_a_new_unit_leaves_the_renewal_of_the_same_tier(
    shop: Shop, make: Factory, tab: FlaskClient, buyer: User, shelf: Shelf, key: UUID
) -> None:
    make.cart(buyer, (shelf.product, 2))
    ask(tab, key, shelf.month)
    tab.post(f"/en/cart/lines/{shelf.month}/removal")
    page = text_of_page(tab.get("/en/cart").text)
    assert "Renewal of key" in page
    assert "1 item" in page


def test_a_changed_price_is_named_and_can_be_accepted(
    shop: Shop, tab: FlaskClient, shelf: Shelf, key: UUID
) -> None:
    ask(tab, key, shelf.year)
    with shop.database.transaction() as session:
        session.get_one(Variant, shelf.year).price_satang = 70_000
    page = tab.get("/en/cart").text
    assert "The price has changed from ฿500 to ฿600." in text_of_page(page)

    tab.post(
        f"/en/cart/lines/{shelf.year}",
        data={"quantity": "1", "seen_price": "60000", "license_id": str(key)},
    )

    assert "The price has changed" not in tab.get("/en/cart").text


def test_a_tier_that_is_no_offer_leads_back_with_a_word(tab: FlaskClient, key: UUID) -> None:
    answer = tab.post(
        f"/en/account/licenses/{key}/purchases",
        data={"variant_id": str(uuid4())},
        follow_redirects=True,
    )
    assert answer.request.path == "/en/account/licenses"
    assert "This is not on offer for this key any more." in answer.text


@pytest.mark.parametrize("variant_id", ["", "x", "\x00", "1" * 5_000])
def test_what_is_no_tier_at_all_is_not_found(tab: FlaskClient, key: UUID, variant_id: str) -> None:
    answer = tab.post(f"/en/account/licenses/{key}/purchases", data={"variant_id": variant_id})
    assert answer.status_code == 404


def test_keys_of_others_and_keys_that_are_none_are_the_same_404(
    tab: FlaskClient, shop: Shop, make: Factory, shelf: Shelf
) -> None:
    theirs = own_key(shop, make, make.user(), shelf.product)
    assert ask(tab, theirs, shelf.month) == 404
    assert ask(tab, uuid4(), shelf.month) == 404
    answer = tab.post("/en/account/licenses/x/purchases", data={"variant_id": "y"})
    assert answer.status_code == 404


def test_an_open_order_about_a_key_is_named_beside_it_and_in_the_cart(
    shop: Shop, tab: FlaskClient, buyer: User, shelf: Shelf, key: UUID
) -> None:
    want(shop, buyer, key, shelf.month)
    order_cart(shop, buyer, PaymentMethod.STRIPE)

    assert "An order that is not paid yet is about this key." in text_of_page(
        tab.get("/en/account/licenses").text
    )
    answer = tab.post(
        f"/en/account/licenses/{key}/purchases",
        data={"variant_id": str(shelf.month)},
        follow_redirects=True,
    )
    assert "Another order that is not paid yet is about this key." in answer.text


def test_checkout_order_page_mail_receipt_and_credit_note_name_the_key(
    shop: Shop, make: Factory, tab: FlaskClient, buyer: User, shelf: Shelf, key: UUID
) -> None:
    hint, end = license_of(shop, key).key_hint, end_of(shop, key) + days(MONTH)
    words = f"Renewal of key {hint}-••••, until {date_text(end, 'en')}"
    want(shop, buyer, key, shelf.month)
    assert words in text_of_page(tab.get("/en/checkout").text)

    order_id = buy_for(shop, make, buyer, key, shelf.month)
    assert words in text_of_page(tab.get(f"/en/account/orders/{order_id}").text)
    # What was delivered is the key that it is about.
    returned = text_of_page(tab.get(f"/en/checkout/orders/{order_id}").text)
    assert f"{hint}-••••-••••-••••" in returned
    mail = mail_about(shop, "order_completed", order_id)
    assert words in mail.text
    assert words in text_of_page(mail.html)

    line = line_of(shop, order_id)
    staff = make.user(role=Role.ADMIN)
    refund_order(shop, order_id, draft({line.id: baht(100)}, Destination.WALLET), actor_id=staff.id)
    with shop.database.reading() as session:
        papers = session.scalars(
            select(Receipt).where(Receipt.user_id == buyer.id).order_by(Receipt.id.desc()).limit(2)
        ).all()
        refund_id = session.scalars(select(Refund.id)).one()
    note, receipt = (paper.content["lines"][0] for paper in papers)
    assert receipt["detail_en"] == f"Standard · {words}"
    thai = f"มาตรฐาน · ต่ออายุคีย์ {hint}-••••, ใช้ได้ถึง {date_text(end, 'th')}"
    assert receipt["detail_th"] == thai
    assert note["name_en"].endswith(f"(Renewal of key {hint}-••••)")
    assert f"Renewal of key {hint}-••••" in mail_about(shop, "refund_succeeded", refund_id).text


def test_the_list_of_licences_costs_no_query_per_licence(
    shop: Shop, make: Factory, tab: FlaskClient, buyer: User, shelf: Shelf
) -> None:
    for _ in range(3):
        own_key(shop, make, buyer, shelf.product)
    with counted_queries(shop.database.engine) as queries:
        tab.get("/en/account/licenses")
    assert len(queries) <= MEMBER_CEILING
