"""Asking to be told: who may, for what, how often; and taking it back."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from storefront.accounts.models import User
from storefront.catalog import alerts
from storefront.catalog.models import Product, StockAlert
from storefront.db import Database
from storefront.errors import Conflict, NotFound
from storefront.kit.clock import system_clock
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.notifications.service import notify
from tests.storefront.catalog.rows import add_tier
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def ask(database: Database, product: Product, user: User, variant_id: object = None) -> None:
    with database.transaction() as session:
        alerts.ask_for_alert(
            session,
            product.slug,
            variant_id=variant_id,  # type: ignore[arg-type]
            user_id=user.id,
            now=system_clock(),
        )


def open_alerts(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(StockAlert)) or 0


def test_asking_twice_is_one_alert(make: Factory, database: Database) -> None:
    product, user = make.product(stock=0), make.user()
    for _ in range(2):
        ask(database, product, user)
        ask(database, product, user, product.variants[0].id)
    # One for the product, one for its tier.
    assert open_alerts(database) == 2


def test_nobody_waits_for_what_can_be_bought(make: Factory, database: Database) -> None:
    product, user = make.product(), make.user()
    sold_out = add_tier(database, product, price=baht(100), stock=0)
    for wanted in (None, product.variants[0].id):
        with pytest.raises(Conflict) as refused:
            ask(database, product, user, wanted)
        assert refused.value.code == "can_be_bought"
    ask(database, product, user, sold_out.id)
    assert open_alerts(database) == 1


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_nobody_waits_for_what_is_not_shown(make: Factory, database: Database, status: str) -> None:
    with pytest.raises(NotFound):
        ask(database, make.product(stock=0, status=status), make.user())


def test_a_tier_of_another_product_is_not_found(make: Factory, database: Database) -> None:
    product, other = make.product(stock=0), make.product(stock=0)
    with pytest.raises(NotFound):
        ask(database, product, make.user(), other.variants[0].id)


def test_a_member_waits_for_a_hundred_things_and_no_more(make: Factory, database: Database) -> None:
    user, category = make.user(), make.category()
    products = [
        make.product(stock=0, category_id=category.id) for _ in range(alerts.MOST_ALERTS + 1)
    ]
    for product in products[:-1]:
        ask(database, product, user)
    with pytest.raises(Conflict) as refused:
        ask(database, products[-1], user)
    assert refused.value.code == "too_many_alerts"
    # What is asked for already may be asked for again.
    ask(database, products[0], user)
    ask(database, products[-1], make.user())


def test_without_javascript_one_asks_and_takes_it_back_on_the_products_page(
    client: FlaskClient, make: Factory, database: Database, sign_in: SignIn
) -> None:
    product = make.product(stock=0)
    sign_in(client, make.user())
    page = client.get(f"/en/products/{product.slug}")
    asked = submit(client, page, "/alerts")
    assert asked.status_code == 303
    page = client.get(asked.location)
    assert "We will tell you" in text_of_page(page)
    submit(client, page, "/alerts/removal")
    assert open_alerts(database) == 0
    assert "Tell me when it is back" in text_of_page(client.get(asked.location))


def test_a_guest_signs_in_and_comes_back_to_the_page(client: FlaskClient, make: Factory) -> None:
    product = make.product(stock=0)
    here = f"/en/products/{product.slug}?tier={product.variants[0].id}"
    answer = client.post(
        f"/en/products/{product.slug}/alerts", headers={"Referer": f"http://localhost{here}"}
    )
    assert answer.status_code == 303
    assert answer.location.startswith("/en/sign-in?next=")
    assert product.slug in answer.location
    assert "tier" in answer.location


def test_htmx_gets_the_button_in_its_new_state(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    product = make.product(stock=0)
    sign_in(client, make.user())
    address = f"/en/products/{product.slug}/alerts"
    asked = client.post(address, data={"look": "card"}, headers=HTMX)
    assert "<html" not in asked.text
    assert f'action="{address}/removal"' in asked.text
    assert 'aria-pressed="true"' in asked.text
    withdrawn = client.post(f"{address}/removal", data={"look": "card"}, headers=HTMX)
    assert f'action="{address}"' in withdrawn.text


def test_htmx_says_beside_the_button_that_it_can_be_bought_by_now(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    product = make.product()
    sign_in(client, make.user())
    answer = client.post(f"/en/products/{product.slug}/alerts", headers=HTMX)
    assert answer.status_code == 409
    assert "can be bought right now" in answer.text
    assert "HX-Reswap" not in answer.headers


@pytest.mark.parametrize("variant_id", ["nonsense", "\x00", "01a1fcf8-0000-7000-8000-000000000000"])
def test_nonsense_for_a_tier_is_a_404(
    client: FlaskClient, make: Factory, sign_in: SignIn, variant_id: str
) -> None:
    product = make.product(stock=0)
    sign_in(client, make.user())
    answer = client.post(f"/products/{product.slug}/alerts", data={"variant_id": variant_id})
    assert answer.status_code == 404


def test_what_one_waits_for_is_listed_and_can_be_taken_off(
    client: FlaskClient, make: Factory, database: Database, sign_in: SignIn
) -> None:
    user = make.user()
    soon = make.product(status="coming_soon", name_en="QR Soon")
    gone = make.product(stock=0, name_en="QR Gone")
    ask(database, soon, user)
    ask(database, gone, user, gone.variants[0].id)
    ask(database, gone, make.user())
    sign_in(client, user)
    page = client.get("/en/account/notifications")
    words = text_of_page(page)
    assert "QR Soon" in words
    assert "QR Gone Standard" in words
    # The latest stands first.
    removed = submit(client, page, f"/products/{gone.slug}/alerts/removal")
    assert removed.location == "/en/account/notifications"
    assert "QR Gone" not in text_of_page(client.get(removed.location))
    assert open_alerts(database) == 2


@pytest.mark.parametrize(("prefix", "name"), [("", "คิวอาร์"), ("/en", "QR Code")])
def test_the_notice_is_read_in_the_readers_language(
    client: FlaskClient, make: Factory, database: Database, sign_in: SignIn, prefix: str, name: str
) -> None:
    user = make.user()
    with database.transaction() as session:
        notify(
            session,
            user.id,
            type="update",
            event=alerts.EVENT,
            context={"name_th": "คิวอาร์", "name_en": "QR Code", "variant_name_th": None},
            path="/products/qr",
            dedupe_key=alerts.notice_key(new_id()),
        )
    sign_in(client, user)
    page = client.get(f"{prefix}/account/notifications")
    assert name in text_of_page(page)
    assert f'href="{prefix}/products/qr"' in page.text
