"""The states of a product's page, as a browser without JavaScript gets them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from tests.storefront.catalog.conftest import CountStatements
from tests.storefront.catalog.rows import add_image, add_tier, owner_of, set_stock
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

MOST_STATEMENTS = 10
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def box_of(client: FlaskClient, product: Product, query: str = "") -> str:
    """The words of the box to buy in."""
    page = client.get(f"/en/products/{product.slug}{query}").text
    box = re.search(r"<aside.*?</aside>", page, re.DOTALL)
    assert box is not None
    words = re.sub(r"<[^>]+>", " ", box[0])
    return " ".join(words.split())


def offers_of(client: FlaskClient, product: Product) -> dict[str, object]:
    page = client.get(f"/en/products/{product.slug}").text
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    found: dict[str, object] = json.loads(data[1])
    return found


def test_a_flash_sale_shows_price_end_struck_price_and_what_is_left(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(price=baht(1_000))
    make.flash_sale(product, price=baht(700), units=3)
    box = box_of(client, product)
    assert "Flash sale" in box
    assert "฿700" in box
    assert "฿1,000" in box
    assert "-30%" in box
    assert "lowest price of the 30 days before" in box
    assert "Only 3 left at this price" in box
    assert 'data-countdown="' in client.get(f"/en/products/{product.slug}").text


def test_without_a_reduction_nothing_is_struck_out(client: FlaskClient, make: Factory) -> None:
    box = box_of(client, make.product(price=baht(1_000)))
    assert "Earlier price" not in box
    assert "30 days" not in box


def test_the_last_units_are_counted_from_five(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(stock=6)
    assert "in stock" not in box_of(client, product)
    set_stock(database, product, 5)
    assert "Only 5 in stock" in box_of(client, product)


def test_the_tier_in_the_address_is_the_one_that_is_bought(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    studio = add_tier(database, product, price=baht(990))
    page = client.get(f"/en/products/{product.slug}")
    link = re.search(rf'href="([^"]*tier={studio.id}[^"]*)"', page.text)
    assert link is not None
    chosen = client.get(link[1].partition("#")[0])
    submit(client, chosen, "/cart/lines")
    assert "฿990" in text_of_page(client.get("/en/cart"))


def test_a_sold_out_tier_stays_in_sight_and_cannot_be_chosen(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    studio = add_tier(database, product, price=baht(990), stock=0)
    page = client.get(f"/en/products/{product.slug}?tier={studio.id}")
    words = text_of_page(page)
    assert "Studio" in words
    assert "Sold out" in words
    assert "Tell me when it is back" in words
    assert f'tier={studio.id}#buy"' not in page.text
    assert f'name="variant_id" value="{product.variants[0].id}"' in page.text


def test_htmx_gets_the_box_with_the_other_tier_and_the_price_of_the_buy_bar(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    studio = add_tier(database, product, price=baht(990))
    answer = client.get(
        f"/en/products/{product.slug}?tier={studio.id}",
        headers={**HTMX, "HX-Target": "div#buy"},
    ).text
    assert "<html" not in answer
    assert 'id="buy"' in answer
    assert 'id="buy-bar-price"' in answer
    assert answer.count("฿990") >= 2
    assert 'id="gallery"' not in answer


def test_what_is_sold_out_while_one_looks_is_said_beside_the_button(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(490))
    add_tier(database, product, price=baht(990))
    page = client.get(f"/en/products/{product.slug}")
    set_stock(database, product, 0)
    refused = submit(client, page, "/cart/lines")
    assert refused.status_code == 303
    again = client.get(refused.location)
    before, _, after = again.text.partition('id="buy"')
    assert "Somebody was faster" in after
    assert "Somebody was faster" not in before
    assert "Somebody was faster" not in client.get(refused.location).text


def test_htmx_puts_the_refusal_into_the_place_for_it(client: FlaskClient, make: Factory) -> None:
    product = make.product(stock=0)
    data = {"variant_id": product.variants[0].id, "quantity": 1}
    beside = client.post(
        "/en/cart/lines", data=data, headers={**HTMX, "HX-Target": "div#buy-message"}
    )
    assert beside.status_code == 409
    assert "HX-Reswap" not in beside.headers
    assert "Somebody was faster" in beside.text
    # A card has no such place: there it is a toast.
    elsewhere = client.post("/en/cart/lines", data=data, headers={**HTMX, "HX-Target": "form"})
    assert elsewhere.status_code == 409
    assert elsewhere.headers["HX-Reswap"] == "none"


def test_what_one_owns_shows_its_version_its_files_and_its_key(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    product = make.product()
    assert "You own this" not in box_of(client, product)
    sign_in(client, owner_of(shop, make, product))
    page = client.get(f"/en/products/{product.slug}").text
    box = box_of(client, product)
    assert "You own this Version 1.0.0" in box
    assert f'href="/en/account/downloads#product-{product.slug}"' in page
    assert 'href="/en/account/licenses"' in page
    assert "Buy another licence" in box


def test_only_owners_still_see_what_is_no_longer_sold(
    client: FlaskClient, shop: Shop, make: Factory, database: Database, sign_in: SignIn
) -> None:
    product = make.product()
    owner = owner_of(shop, make, product)
    with database.transaction() as session:
        session.get_one(Product, product.id).status = "archived"
    address = f"/en/products/{product.slug}"
    assert client.get(address).status_code == 404
    sign_in(client, make.user())
    assert client.get(address).status_code == 404
    sign_in(client, owner)
    page = client.get(address)
    assert page.status_code == 200
    assert "No longer sold" in text_of_page(page)
    assert "buy-form" not in page.text
    assert 'name="robots" content="noindex"' in page.text
    assert "/account/downloads#product-" in page.text


def test_a_bundle_shows_what_its_parts_cost_alone_and_what_it_saves(
    client: FlaskClient, make: Factory
) -> None:
    first, second = make.product(price=baht(600)), make.product(price=baht(400))
    bundle = make.bundle(first, second, price=baht(700))
    words = text_of_page(client.get(f"/en/products/{bundle.slug}"))
    assert f"{first.name_en} ฿600" in words
    assert f"{second.name_en} ฿400" in words
    assert "Bought one by one: ฿1,000. You save ฿300." in words


def test_the_owned_part_of_a_bundle_is_taken_off_before_it_is_bought(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    first, second = make.product(price=baht(600)), make.product(price=baht(400))
    bundle = make.bundle(first, second, price=baht(700))
    sign_in(client, owner_of(shop, make, first))
    box = box_of(client, bundle)
    assert "You own 1 of 2 already −฿420" in box
    assert "You pay ฿280" in box
    page = client.get(f"/en/products/{bundle.slug}")
    assert "In your library" in text_of_page(page)
    assert "฿280" in text_of_page(client.get(submit(client, page, "/cart/lines").location))


def test_who_owns_all_of_a_bundle_cannot_buy_it(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    first, second = make.product(), make.product()
    bundle = make.bundle(first, second)
    sign_in(client, owner_of(shop, make, first, second))
    page = client.get(f"/en/products/{bundle.slug}").text
    assert "You own everything in this bundle" in page
    assert "buy-form" not in page
    assert "buy-bar" not in page


def test_a_hidden_part_of_a_bundle_is_named_and_not_linked(
    client: FlaskClient, make: Factory
) -> None:
    shown, hidden = make.product(), make.product(status="archived")
    bundle = make.bundle(shown, hidden)
    page = client.get(f"/en/products/{bundle.slug}")
    assert hidden.name_en in text_of_page(page)
    assert f"/products/{hidden.slug}" not in page.text
    assert f"/products/{shown.slug}" in page.text


def test_pictures_are_turned_by_links_and_by_number(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(cover="pictures/cover")
    for position in range(3):
        add_image(database, product, position)
    add_image(database, product, 3, state="processing", stem=None, width=None, height=None)
    page = client.get(f"/en/products/{product.slug}").text
    gallery = page.partition('id="gallery"')[2].partition("</section>")[0]
    assert gallery.count("<li>") == 3
    assert 'alt="Screen 0"' in gallery
    assert "1 / 3" in gallery
    second = client.get(f"/en/products/{product.slug}?image=2").text
    assert 'alt="Screen 1"' in second
    for nonsense in ("0", "4", "-1", "x", "9" * 40):
        assert "1 / 3" in client.get(f"/en/products/{product.slug}?image={nonsense}").text
    part = client.get(
        f"/en/products/{product.slug}?image=3", headers={**HTMX, "HX-Target": "section#gallery"}
    ).text
    assert part.lstrip().startswith("<section")
    assert "3 / 3" in part


def test_a_product_without_pictures_shows_its_cover_alone(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(cover="covers/qr-test")
    page = client.get(f"/en/products/{product.slug}").text
    gallery = page.partition('id="gallery"')[2].partition("</section>")[0]
    assert "covers/qr-test-800.webp" in gallery
    assert "Next picture" not in gallery


def test_the_video_is_a_link_that_names_its_site(client: FlaskClient, make: Factory) -> None:
    product = make.product(video_url="https://www.youtube.com/watch?v=abc")
    page = client.get(f"/en/products/{product.slug}")
    assert "Watch the video youtube.com" in text_of_page(page)
    assert "<iframe" not in page.text


def test_releases_stand_in_the_order_of_their_versions(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product()
    now = datetime.now(UTC)
    with database.transaction() as session:
        for days, version, yanked_at in (
            (2, "1.10.0", None),
            (1, "1.9.5", None),
            (3, "1.11.0", now),
            (4, "1.2.0-beta.2", None),
        ):
            session.add(
                Release(
                    id=new_id(),
                    product_id=product.id,
                    version=version,
                    changelog_th="-",
                    changelog_en="-",
                    file_key=f"releases/{version}.zip",
                    file_name=f"{version}.zip",
                    size_bytes=2_500_000,
                    sha256="0" * 64,
                    published_at=now - timedelta(days=days),
                    yanked_at=yanked_at,
                )
            )
    page = client.get(f"/en/products/{product.slug}").text
    assert re.findall(r"<h3>(\d[^<]*)</h3>", page) == ["1.10.0", "1.9.5", "1.2.0-beta.2", "1.0.0"]
    assert "1.11.0" not in page
    assert "2.4 MB" in page


def test_machines_are_told_the_flash_price_and_until_when(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    product = make.product(price=baht(1_000), rating_count=4, rating_sum=18)
    item = make.flash_sale(product, price=baht(700))
    add_image(database, product, 0)
    add_image(database, product, 1)
    data = offers_of(client, product)
    offer = data["offers"]
    assert isinstance(offer, dict)
    assert offer["price"] == "700.00"
    assert offer["priceValidUntil"] == item.ends_at.isoformat()
    assert offer["availability"] == "https://schema.org/InStock"
    assert len(data["image"]) == 2  # type: ignore[arg-type]
    rating = data["aggregateRating"]
    assert isinstance(rating, dict)
    assert (rating["ratingValue"], rating["ratingCount"]) == ("4.5", 4)


def test_machines_are_told_of_no_rating_where_there_is_none(
    client: FlaskClient, make: Factory
) -> None:
    assert "aggregateRating" not in offers_of(client, make.product())


@pytest.mark.parametrize("state", ["plain", "flash", "bundle", "sold_out", "soon"])
def test_no_state_takes_more_queries_than_the_ceiling(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    database: Database,
    sign_in: SignIn,
    statements: CountStatements,
    state: str,
) -> None:
    owned = make.product(price=baht(100))
    product = {
        "plain": lambda: make.product(),
        "flash": lambda: make.product(price=baht(1_000)),
        "bundle": lambda: make.bundle(owned, make.product(stock=0)),
        "sold_out": lambda: make.product(stock=0),
        "soon": lambda: make.product(status="coming_soon"),
    }[state]()
    if state == "flash":
        make.flash_sale(product, price=baht(700))
    for position in range(3):
        add_image(database, product, position)
        add_tier(database, product, price=baht(900), stock=0, code=f"tier-{position}")
    sign_in(client, owner_of(shop, make, owned))
    client.post("/cart/lines", data={"variant_id": owned.variants[0].id, "quantity": 1})
    with statements() as seen:
        assert client.get(f"/en/products/{product.slug}").status_code == 200
    assert 0 < len(seen) <= MOST_STATEMENTS, "\n\n".join(seen)
