"""The cart in a browser without JavaScript, and the parts htmx gets."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text, update
from werkzeug.test import TestResponse

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.cart.queries import find_cart
from storefront.cart.rules import CartOwner
from storefront.cart.service import add_line, merge_guest_cart, set_promo_code
from storefront.catalog.models import Product, Variant
from storefront.db import Database
from storefront.kit.money import baht
from tests.storefront.orders.purchases import MEMBER_CEILING
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory
from tests.support.purchases import own_product

SignIn = Callable[[FlaskClient, User], None]
UNKNOWN_ID = "01a1fcf8-0000-7000-8000-000000000000"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def shopper(app: Flask) -> FlaskClient:
    """A browser that sends whole forms, CSRF token included."""
    return app.test_client()


def test_a_guest_gets_a_cart_cookie_only_when_something_is_added(
    shopper: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(490))
    assert "is empty" in text_of_page(shopper.get("/en/cart"))
    with shopper.session_transaction() as cookie:
        assert "cart" not in cookie
    added = _add(shopper, product, quantity=2)
    assert (added.status_code, added.location) == (303, "/en/cart")
    with shopper.session_transaction() as cookie:
        assert cookie["cart"]
    page = text_of_page(shopper.get("/en/cart"))
    assert f"{product.name_en} is in your cart." in page
    assert "฿980" in page
    assert "Go to checkout" in page
    assert "You need no account" in page


def test_two_first_adds_in_the_same_moment_mean_one_cart(app: Flask, make: Factory) -> None:
    """Both requests leave before either answer, so neither carries the cart's cookie."""
    first, second = make.product(), make.product()
    one, other = app.test_client(), app.test_client()
    page = one.get(f"/en/products/{first.slug}")
    cookie = page.headers["Set-Cookie"].split(";")[0]
    name, _, value = cookie.partition("=")
    other.set_cookie(name, value)
    token = _csrf(page)
    for browser, product in ((one, first), (other, second)):
        browser.post(
            "/en/cart/lines",
            data={"variant_id": str(product.variants[0].id), "csrf_token": token},
        )
    both = text_of_page(one.get("/en/cart"))
    assert first.name_en in both
    assert second.name_en in both


def test_a_refused_add_leaves_no_cookie(
    shopper: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(stock=1)
    page = shopper.get(f"/en/products/{product.slug}")
    _sell_out(database, product)
    refused = submit(shopper, page, "/cart/lines")
    assert refused.status_code == 303
    assert f"/en/products/{product.slug}?" in refused.location
    with shopper.session_transaction() as cookie:
        assert "cart" not in cookie
    again = shopper.get(refused.location).text
    assert "Somebody was faster" in again.partition('id="buy"')[2]


@pytest.mark.parametrize("quantity", ["0", "-1", "11", "1e9", "many", "9" * 400, "\x00"])
def test_a_silly_quantity_is_refused_with_a_page(
    shopper: FlaskClient, make: Factory, quantity: str
) -> None:
    page = shopper.get(f"/en/products/{make.product().slug}")
    refused = submit(shopper, page, "/cart/lines", quantity=quantity)
    assert refused.status_code == 422
    assert "between 1 and 10" in refused.text


@pytest.mark.parametrize("variant_id", ["", "nonsense", "\x00", UNKNOWN_ID])
def test_an_unknown_variant_is_a_page_not_a_crash(
    shopper: FlaskClient, make: Factory, variant_id: str
) -> None:
    page = shopper.get(f"/en/products/{make.product().slug}")
    assert submit(shopper, page, "/cart/lines", variant_id=variant_id).status_code == 404


def test_changing_and_removing_work_as_plain_forms(shopper: FlaskClient, make: Factory) -> None:
    product = make.product(price=baht(100))
    variant_id = product.variants[0].id
    _add(shopper, product)
    changed = submit(shopper, shopper.get("/en/cart"), f"/cart/lines/{variant_id}", quantity=3)
    assert (changed.status_code, changed.location) == (303, "/en/cart")
    page = shopper.get("/en/cart")
    assert "฿300" in text_of_page(page)
    removed = submit(shopper, page, f"/cart/lines/{variant_id}/removal")
    assert removed.status_code == 303
    page = shopper.get(removed.location)
    assert f"{product.name_en} was taken out." in text_of_page(page)
    assert "is empty" in text_of_page(page)


def test_undo_puts_a_removed_line_back_with_its_quantity(
    shopper: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(100))
    _add(shopper, product, quantity=4)
    removed = submit(shopper, shopper.get("/en/cart"), "/removal")
    undone = submit(shopper, shopper.get(removed.location), "/cart/lines")
    assert undone.status_code == 303
    assert "฿400" in text_of_page(shopper.get("/en/cart"))


def test_a_moved_price_is_named_until_it_is_accepted(
    shopper: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(100))
    _add(shopper, product)
    with database.transaction() as session:
        session.execute(
            update(Variant).where(Variant.product_id == product.id).values(price_satang=12_000)
        )
    page = shopper.get("/en/cart")
    assert "The price has changed from ฿100 to ฿120." in text_of_page(page)
    assert "The price has changed" in text_of_page(shopper.get("/en/cart"))
    submit(shopper, page, f"/cart/lines/{product.variants[0].id}")
    assert "The price has changed" not in text_of_page(shopper.get("/en/cart"))


def test_a_flash_price_is_named_with_its_end_and_its_going_is_announced(
    shopper: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    make.flash_sale(product, price=baht(390), reference=baht(450))
    _add(shopper, product)
    page = text_of_page(shopper.get("/en/cart"))
    assert "฿450" in page, "the lowest price of the 30 days before is struck out"
    assert "Flash sale price until" in page
    assert "The price has changed" not in page
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE flash_sales SET ends_at = now()"))
    ended = text_of_page(shopper.get("/en/cart"))
    assert "The price has changed from ฿390 to ฿490." in ended
    assert "Flash sale price" not in ended


def test_a_bundle_names_what_is_taken_off_for_what_its_member_owns(
    shopper: FlaskClient, make: Factory, sign_in: SignIn, shop: Shop
) -> None:
    owned, missing = make.product(price=baht(300)), make.product(price=baht(100))
    bundle = make.bundle(owned, missing, price=baht(320))
    user = make.user()
    own_product(shop, make, user, owned)
    make.cart(user, (bundle, 1))
    sign_in(shopper, user)
    page = text_of_page(shopper.get("/en/cart"))
    assert "฿240 off, because you own part of it already" in page
    assert "The price has changed" not in page
    own_product(shop, make, user, missing)
    make.cart(user, (bundle, 1))
    whole = shopper.get("/en/cart")
    assert "You own everything in this bundle already" in text_of_page(whole)
    assert "/checkout" not in whole.text


def test_a_guest_types_a_code_and_takes_it_out_again(shopper: FlaskClient, make: Factory) -> None:
    make.promo("QR-NEW10")
    _add(shopper, make.product(price=baht(490)))
    typed = submit(shopper, shopper.get("/en/cart"), "/cart/promo", code=" qr new10 ")
    assert typed.status_code == 303
    page = shopper.get("/en/cart")
    assert "−฿49" in text_of_page(page)
    assert "฿441" in text_of_page(page)
    submit(shopper, page, "/cart/promo/removal")
    assert "QR-NEW10" not in shopper.get("/en/cart").text


def test_an_unknown_code_is_refused_with_what_was_typed_kept(
    shopper: FlaskClient, make: Factory
) -> None:
    _add(shopper, make.product())
    refused = submit(shopper, shopper.get("/en/cart"), "/cart/promo", code='"><script>')
    assert refused.status_code == 422
    assert "This code does not exist." in text_of_page(refused)
    assert "&#34;&gt;&lt;script&gt;" in refused.text


def test_a_code_that_gives_nothing_says_why_beside_the_total(
    shopper: FlaskClient, make: Factory
) -> None:
    make.promo("BIG", min_subtotal_satang=100_000)
    _add(shopper, make.product(price=baht(490)))
    submit(shopper, shopper.get("/en/cart"), "/cart/promo", code="big")
    page = text_of_page(shopper.get("/en/cart"))
    assert "This code needs a larger order." in page
    assert "It needs ฿1,000 of the items it covers." in page


def test_a_code_typed_as_a_guest_is_kept_at_sign_in(database: Database, make: Factory) -> None:
    user, guest = make.user(), CartOwner.guest("guest-token")
    product, now = make.product(), datetime.now(UTC)
    make.cart(user, promo_code="OLD")
    with database.transaction() as session:
        add_line(session, guest, product.variants[0].id, quantity=1, now=now)
        set_promo_code(session, guest, "NEW", now=now)
        merge_guest_cart(session, user_id=user.id, token="guest-token", now=now)
    with database.reading() as session:
        cart = find_cart(session, CartOwner.member(user.id), now=now)
    assert cart is not None
    assert cart.promo_code == "NEW"


def test_a_sold_out_line_says_so_and_closes_the_way_to_the_checkout(
    shopper: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(stock=1)
    _add(shopper, product)
    _sell_out(database, product)
    page = shopper.get("/en/cart")
    assert "Sold out. Take it out to go on." in text_of_page(page)
    assert "/checkout" not in page.text


def test_changing_a_line_that_is_gone_is_not_found(shopper: FlaskClient, make: Factory) -> None:
    product = make.product()
    _add(shopper, product)
    page = shopper.get("/en/cart")
    submit(shopper, page, "/removal")
    assert submit(shopper, page, str(product.variants[0].id)).status_code == 404
    assert submit(shopper, page, "/removal").status_code == 303


def test_a_member_sees_what_the_wallet_can_do(
    shopper: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    user = make.user()
    make.wallet(user, baht(100))
    make.cart(user, (make.product(price=baht(150)), 1))
    sign_in(shopper, user)
    assert "Your wallet is ฿50 short." in text_of_page(shopper.get("/en/cart"))
    make.wallet(user, baht(50))
    assert "Your wallet covers this" in text_of_page(shopper.get("/en/cart"))


def test_htmx_gets_the_count_and_a_toast_after_an_add(shopper: FlaskClient, make: Factory) -> None:
    product = make.product()
    token = _csrf(shopper.get(f"/en/products/{product.slug}"))
    part = shopper.post(
        "/en/cart/lines",
        data={"variant_id": product.variants[0].id, "quantity": 2, "csrf_token": token},
        headers=HTMX,
    )
    assert part.status_code == 200
    assert 'id="cart-count" hx-swap-oob="true">2<' in part.text
    assert f"{product.name_en} is in your cart." in part.text
    assert "<html" not in part.text


def test_htmx_gets_the_same_cart_partial_after_a_change(
    shopper: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(100))
    _add(shopper, product)
    token = _csrf(shopper.get("/en/cart"))
    part = shopper.post(
        f"/en/cart/lines/{product.variants[0].id}",
        data={"quantity": 5, "csrf_token": token},
        headers=HTMX,
    )
    assert part.status_code == 200
    assert part.text.lstrip().startswith('<div id="cart"')
    assert "฿500" in part.text
    assert 'hx-swap-oob="true">5<' in part.text


def test_names_are_escaped(shopper: FlaskClient, make: Factory) -> None:
    product = make.product(name_en="<script>alert(1)</script>")
    _add(shopper, product)
    assert "<script>alert" not in shopper.get("/en/cart").text
    removed = submit(shopper, shopper.get("/en/cart"), "/removal")
    assert "<script>alert" not in shopper.get(removed.location).text


def test_the_thai_cart_is_at_the_root(shopper: FlaskClient, make: Factory) -> None:
    product = make.product()
    _add(shopper, product)
    page = shopper.get("/cart")
    assert product.name_th in page.text
    assert 'lang="th"' in page.text


def test_a_full_cart_page_stays_under_the_ceiling_of_queries(
    shopper: FlaskClient, make: Factory, sign_in: SignIn, database: Database
) -> None:
    user = make.user()
    make.cart(user, *((make.product(), 1) for _ in range(12)))
    sign_in(shopper, user)
    shopper.get("/en/cart")
    count = _count_queries(database)
    shopper.get("/en/cart")
    assert 0 < count[0] <= MEMBER_CEILING


def _add(shopper: FlaskClient, product: Product, *, quantity: int = 1) -> TestResponse:
    page = shopper.get(f"/en/products/{product.slug}")
    return submit(shopper, page, "/cart/lines", quantity=quantity)


def _sell_out(database: Database, product: Product) -> None:
    with database.transaction() as session:
        session.execute(update(Variant).where(Variant.product_id == product.id).values(sold=1))


def _csrf(page: TestResponse) -> str:
    return page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def _count_queries(database: Database) -> list[int]:
    count = [0]

    def counted(*_: object) -> None:
        count[0] += 1

    event.listen(database.engine, "before_cursor_execute", counted)
    return count
