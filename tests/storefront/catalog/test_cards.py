"""Cards: what each state shows, offers, and leaves out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, StockAlert
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from tests.storefront.catalog.conftest import CountStatements
from tests.storefront.catalog.rows import add_tier, owner_of
from tests.support.factories import Factory, SignIn


def card_of(client: FlaskClient, product: Product, path: str = "/en/products") -> str:
    """The HTML of one product's card."""
    page = client.get(path).text
    cards = re.findall(r'<li class="card.*?</li>', page, re.DOTALL)
    return next(card for card in cards if f'/products/{product.slug}"' in card)


def test_a_card_of_one_tier_offers_one_link_and_one_button(
    client: FlaskClient, make: Factory
) -> None:
    card = card_of(client, make.product(price=baht(490)))
    assert card.count("<a ") == card.count("<button ") == 1
    assert "Add Script" in card
    assert "฿490" in card


def test_a_card_of_several_tiers_leads_to_the_page_without_a_button(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    add_tier(database, product, price=baht(900))
    card = card_of(client, product)
    assert "<button" not in card
    assert re.search(r"from\s*</span>", card)


def test_a_card_in_a_flash_sale_shows_its_price_its_end_and_what_is_left(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(1_000))
    make.flash_sale(product, price=baht(750), units=4)
    card = card_of(client, product)
    assert "฿750" in card
    assert "-25%" in card
    assert "data-countdown=" in card
    assert "4 left" in card


def test_when_the_flash_sale_is_over_the_card_shows_the_price_of_before(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(1_000))
    make.flash_sale(product, price=baht(750), ends_at=datetime.now(UTC) - timedelta(seconds=1))
    card = card_of(client, product)
    assert "฿1,000" in card
    assert "data-countdown=" not in card


def test_a_sold_out_card_offers_to_tell_instead_of_to_sell(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(stock=0)
    card = card_of(client, product)
    assert f'action="/en/products/{product.slug}/alerts"' in card
    assert "/cart/lines" not in card
    assert "Sold out" in card


def test_a_card_of_what_is_coming_soon_hides_its_price_and_offers_to_tell(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(status="coming_soon", price=baht(777))
    card = card_of(client, product)
    assert f'action="/en/products/{product.slug}/alerts"' in card
    assert "777" not in card


def test_a_card_says_so_when_one_is_waiting_already(
    client: FlaskClient, make: Factory, database: Database, sign_in: SignIn
) -> None:
    product, user = make.product(stock=0), make.user()
    with database.transaction() as session:
        session.add(StockAlert(id=new_id(), product_id=product.id, user_id=user.id))
    sign_in(client, user)
    card = card_of(client, product)
    assert 'aria-pressed="true"' in card
    assert f'action="/en/products/{product.slug}/alerts/removal"' in card


def test_a_card_of_what_is_owned_leads_to_its_download(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    product = make.product()
    sign_in(client, owner_of(shop, make, product))
    card = card_of(client, product)
    assert "In your library" in card
    assert f'href="/en/account/downloads#product-{product.slug}"' in card
    assert "/cart/lines" not in card
    assert "In your library" not in card_of(client.application.test_client(), product)


def test_a_bundle_is_called_one(client: FlaskClient, make: Factory) -> None:
    inside = make.product()
    bundle = make.bundle(inside)
    assert "<span>Bundle</span>" in card_of(client, bundle)
    assert "<span>Bundle</span>" not in card_of(client, inside)


def test_uploaded_covers_come_as_avif_and_the_drawn_ones_as_webp_only(
    client: FlaskClient, make: Factory
) -> None:
    uploaded = make.product(cover="pictures/0123abcd")
    drawn = make.product(cover="covers/qr-drawn")
    assert 'type="image/avif"' in card_of(client, uploaded)
    assert 'type="image/avif"' not in card_of(client, drawn)


def test_guests_are_never_asked_what_they_own_and_members_once(
    client: FlaskClient, make: Factory, sign_in: SignIn, statements: CountStatements
) -> None:
    for _ in range(3):
        make.product(stock=0)
    make.product()
    with statements() as seen:
        client.get("/en/products")
    assert not [one for one in seen if "FROM licenses" in one or "FROM stock_alerts" in one]
    sign_in(client, make.user())
    with statements() as seen:
        client.get("/en/products")
    assert len([one for one in seen if "FROM licenses" in one]) == 1
    assert len([one for one in seen if "FROM stock_alerts" in one]) == 1
