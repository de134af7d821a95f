"""Products in the back office: who gets in, the list, statuses, and changes of many at once."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Category, ProductStatus
from storefront.db import Database
from storefront.kit.money import baht
from tests.admin.product_fields import (
    PATH,
    UNKNOWN_ID,
    actions,
    fresh,
)
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

PAGES = ("", "/new", f"/{UNKNOWN_ID}", f"/{UNKNOWN_ID}/preview")
FORMS = (
    "",
    "/changes",
    "/draft",
    *(f"/{UNKNOWN_ID}{end}" for end in ("", "/status", "/copies", "/deletion")),
)


@pytest.mark.parametrize("role", ["customer", "moderator"])
def test_to_others_the_pages_do_not_exist(
    client: FlaskClient, make: Factory, sign_in: SignIn, role: str
) -> None:
    sign_in(client, make.user(role=role))

    assert {client.get(PATH + page).status_code for page in PAGES} == {404}
    assert {client.post(PATH + form).status_code for form in FORMS} == {404}


def test_forms_without_their_token_change_nothing(
    app: Flask, make: Factory, sign_in: SignIn, database: Database
) -> None:
    client, product = app.test_client(), make.product()
    sign_in(client, make.user(role="admin"))

    answer = client.post(f"{PATH}/{product.id}/status", data={"status": "archived"})

    assert answer.status_code == 422
    assert fresh(database, product).status == ProductStatus.PUBLISHED


def test_an_empty_shop_says_how_to_begin(client: FlaskClient, editor: User) -> None:
    page = client.get(PATH)

    assert "Create your first product" in page.text
    assert "/en/admin/products/new" in page.text


def test_a_product_is_duplicated_with_one_click(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product()

    answer = client.post(f"{PATH}/{product.id}/copies")

    assert answer.status_code == 303
    page = client.get(answer.location)
    assert f'value="{product.slug}-copy"' in page.text


@pytest.mark.parametrize("status", ["coming_soon", "archived", "draft"])
def test_a_product_leaves_the_shelf_and_comes_back(
    client: FlaskClient, editor: User, make: Factory, database: Database, status: str
) -> None:
    product = make.product()

    client.post(f"{PATH}/{product.id}/status", data={"status": status})
    assert fresh(database, product).status == status
    client.post(f"{PATH}/{product.id}/status", data={"status": "published"})

    assert fresh(database, product).status == "published"
    assert actions(database, product.id) == ["change_product_status"] * 2


def test_publishing_an_unfinished_draft_points_at_what_is_missing(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product(status="draft", summary_en="")

    answer = client.post(f"{PATH}/{product.id}/status", data={"status": "published"})

    assert answer.status_code == 422
    assert '<a href="#field-summary_en">' in answer.text
    assert fresh(database, product).status == "draft"


def test_a_draft_is_deleted_only_by_typing_its_address(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product(status="draft")

    careless = client.post(f"{PATH}/{product.id}/deletion", data={"confirmation": "yes"})
    sure = client.post(f"{PATH}/{product.id}/deletion", data={"confirmation": product.slug})

    assert (careless.status_code, sure.status_code) == (422, 303)
    assert client.get(f"{PATH}/{product.id}").status_code == 404


def test_a_draft_in_somebodys_cart_is_not_deleted(
    client: FlaskClient, editor: User, make: Factory
) -> None:
    product = make.product(status="draft")
    make.cart(make.user(), (product, 1))

    answer = client.post(f"{PATH}/{product.id}/deletion", data={"confirmation": product.slug})

    assert answer.status_code == 409
    assert "Archive it instead" in answer.text


def test_many_are_published_after_it_was_said_what_happens(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    good, bad = make.product(status="draft"), make.product(status="draft", summary_th="")
    chosen = {"product": [good.id, bad.id, "nonsense"], "change": "published"}

    said = client.post(f"{PATH}/changes", data=chosen)
    assert fresh(database, good).status == "draft"
    done = client.post(f"{PATH}/changes", data={**chosen, "confirmed": "1"})

    assert "Shoppers will see these products" in said.text
    assert fresh(database, good).status == "published"
    assert fresh(database, bad).status == "draft"
    assert "1 product was changed." in text_of_page(done)
    assert "Thai summary: this is missing." in text_of_page(done)
    assert actions(database, bad.id) == []


def test_many_are_moved_to_another_category(
    client: FlaskClient, editor: User, make: Factory, shelf: Category, database: Database
) -> None:
    products = [make.product(), make.product(category_id=shelf.id)]
    chosen = {"product": [one.id for one in products], "change": "move", "category_id": shelf.id}

    client.post(f"{PATH}/changes", data=chosen)
    answer = client.post(f"{PATH}/changes", data={**chosen, "confirmed": "1"})

    assert answer.status_code == 303
    assert {fresh(database, one).category_id for one in products} == {shelf.id}
    assert actions(database, products[0].id) == ["change_product"]
    assert actions(database, products[1].id) == []


@pytest.mark.parametrize("fields", [{}, {"change": "explode"}, {"change": "move"}])
def test_a_bulk_change_without_sense_changes_nothing(
    client: FlaskClient, editor: User, make: Factory, database: Database, fields: dict[str, str]
) -> None:
    product = make.product()

    answer = client.post(
        f"{PATH}/changes", data={"product": product.id, **fields, "confirmed": "1"}
    )

    assert answer.status_code == 303
    assert fresh(database, product).revision == 1


def test_products_are_found_by_name_address_status_and_category(
    client: FlaskClient, editor: User, make: Factory, shelf: Category
) -> None:
    make.product(name_en="Night Market", name_th="ตลาดกลางคืน", slug="qr-night")
    make.product(name_en="Day Spa", slug="qr-spa", status="draft", category_id=shelf.id)

    def shown(query: str) -> tuple[bool, bool]:
        words = client.get(f"{PATH}?{query}").text
        return "qr-night" in words, "qr-spa" in words

    assert shown("q=กลางคืน") == shown("q=MARKET") == shown("q=qr-night") == (True, False)
    assert shown("status=draft") == shown("category=scripts") == (False, True)
    assert shown("status=nonsense&sort=nonsense&category=nonsense&cursor=nonsense") == (True, True)
    assert "No product matches" in client.get(f"{PATH}?q=100%25").text


@pytest.mark.parametrize("sort", ["updated", "name", "sold", "price"])
def test_pages_follow_each_other_without_a_gap(
    client: FlaskClient, editor: User, make: Factory, sort: str
) -> None:
    slugs = {make.product(sold_count=n % 3, price=baht(100 + n % 4)).slug for n in range(65)}
    seen: list[str] = []
    address = f"{PATH}?sort={sort}"

    for _ in range(3):
        page = client.get(address).text
        seen += [slug for slug in slugs if f">{slug}</span>" in page]
        pager = page.partition('class="admin-pager"')[2]
        onward = [href for href in re.findall(r'href="([^"]+)"', pager) if "cursor=" in href]
        address = onward[0].replace("&amp;", "&") if onward else ""

    assert address == ""
    assert sorted(seen) == sorted(slugs)


def test_the_list_asks_the_same_few_questions_for_any_number(
    client: FlaskClient, editor: User, make: Factory, shop: Shop
) -> None:
    for _ in range(31):
        make.product()

    with counted_queries(shop.database.engine) as queries:
        assert client.get(PATH).status_code == 200
    assert len(queries) <= QUERY_CEILING


def test_the_page_of_a_product_keeps_to_the_ceiling(
    client: FlaskClient, editor: User, make: Factory, shop: Shop
) -> None:
    bundle = make.bundle(make.product(), make.product())

    with counted_queries(shop.database.engine) as queries:
        assert client.get(f"{PATH}/{bundle.id}").status_code == 200
    assert len(queries) <= QUERY_CEILING
