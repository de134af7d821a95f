"""Products in the back office: the list, the form, and everything that can be wrong with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from admin.product_form import milliseconds_text, parse_milliseconds
from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.catalog.models import BundleItem, Category, Product, ProductStatus, Variant
from storefront.db import Database
from storefront.kit.money import baht
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

PATH = "/en/admin/products"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"
TIER = {
    "tier_count": "1",
    "tier-0-code": "standard",
    "tier-0-name_th": "มาตรฐาน",
    "tier-0-name_en": "Standard",
    "tier-0-price": "1,490.50",
    "tier-0-slots": "2",
}


@pytest.fixture
def editor(make: Factory, client: FlaskClient, sign_in: SignIn) -> User:
    user = make.user(role="admin", display_name="Ploy")
    sign_in(client, user)
    return user


@pytest.fixture
def shelf(make: Factory) -> Category:
    return make.category("scripts")


@pytest.fixture
def typed(shelf: Category) -> dict[str, Any]:
    """What somebody types who makes no mistake."""
    return {
        "category_id": shelf.id,
        "name_th": "ตลาดกลางคืน",
        "name_en": "Night Market",
        "summary_th": "แผงขายของ",
        "summary_en": "Stalls",
        "description_th": "ขาย",
        "description_en": "Sells",
        "features_en": "Stalls\nLights\n",
        "tags": "market, night",
        "frameworks": ["esx", "qbcore"],
        "dependencies": "ox_lib, oxmysql",
        "delivery": "protected",
        "resource_cost": "0.04",
        "docs_url": "https://docs.example.com/night",
        "video_url": "https://youtu.be/abc",
        "featured": "1",
        **TIER,
    }


def the_product(database: Database) -> tuple[Product, list[Variant]]:
    with database.reading() as session:
        product = session.scalars(select(Product)).one()
        return product, list(session.scalars(select(Variant).order_by(Variant.position)))


def form_of(product: Product, **changed: Any) -> dict[str, Any]:
    """The form of a product of the factory as the page shows it."""
    tier = product.variants[0]
    return {
        "revision": "1",
        "slug": product.slug,
        "category_id": product.category_id,
        **{
            f"{part}_{language}": getattr(product, f"{part}_{language}")
            for part in ("name", "summary", "description")
            for language in ("th", "en")
        },
        "features_th": "\n".join(product.features_th),
        "features_en": "\n".join(product.features_en),
        "tags": ", ".join(product.tags),
        "frameworks": product.frameworks,
        "dependencies": ", ".join(product.dependencies),
        "delivery": product.delivery,
        "resource_cost": "0.01",
        "tier_count": "1",
        "tier-0-id": tier.id,
        "tier-0-code": tier.code,
        "tier-0-name_th": tier.name_th,
        "tier-0-name_en": tier.name_en,
        "tier-0-price": str(tier.price_satang / 100),
        "tier-0-stock": "" if tier.stock == -1 else str(tier.stock),
        "tier-0-slots": str(tier.slots),
        **changed,
    }


def send(client: FlaskClient, product: Product, **changed: Any) -> Any:
    return client.post(f"{PATH}/{product.id}", data=form_of(product, **changed))


def fresh(database: Database, product: Product) -> Product:
    with database.reading() as session:
        return session.get_one(Product, product.id)


def actions(database: Database, product_id: UUID) -> list[str]:
    with database.reading() as session:
        query = select(AuditEntry.action).where(AuditEntry.subject_id == str(product_id))
        return list(session.scalars(query.order_by(AuditEntry.id)))


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


def test_a_product_is_written_down_as_a_draft(
    client: FlaskClient, editor: User, typed: dict[str, Any], database: Database
) -> None:
    answer = client.post(PATH, data=typed)

    product, tiers = the_product(database)
    assert answer.status_code == 303
    assert answer.location.endswith(f"/admin/products/{product.id}")
    assert (product.slug, product.status) == ("night-market", "draft")
    assert product.features_en == ["Stalls", "Lights"]
    assert (product.tags, product.dependencies) == (["market", "night"], ["ox_lib", "oxmysql"])
    assert (product.frameworks, product.delivery) == (["esx", "qbcore"], "protected")
    assert (product.resource_cost_us, product.featured) == (40, True)
    assert [(tier.price_satang, tier.stock) for tier in tiers] == [(149_050, -1)]
    assert "Night Market" in client.get(f"{PATH}/{product.id}").text
    assert client.get("/en/products/night-market").status_code == 404


def test_a_finished_product_goes_straight_onto_the_shelf(
    client: FlaskClient, editor: User, typed: dict[str, Any], database: Database
) -> None:
    client.post(PATH, data={**typed, "then": "published"})

    product, _tiers = the_product(database)
    assert product.status == ProductStatus.PUBLISHED
    assert client.get("/en/products/night-market").status_code == 200
    assert actions(database, product.id) == ["create_product", "change_product_status"]


def test_publishing_what_is_not_ready_stores_nothing_and_says_why(
    client: FlaskClient, editor: User, typed: dict[str, Any], database: Database
) -> None:
    answer = client.post(
        PATH, data={**typed, "summary_th": "", "tier_count": "0", "then": "published"}
    )

    assert answer.status_code == 422
    assert "Thai summary: this is missing." in answer.text
    assert "add at least one tier" in answer.text
    assert 'href="#field-summary_th"' in answer.text
    assert 'value="Night Market"' in answer.text
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == 0


@pytest.mark.parametrize(
    ("changed", "place", "says"),
    [
        ({"tier-0-price": "-5"}, "tier-0-price", "in baht"),
        ({"tier-0-price": "10.005"}, "tier-0-price", "in baht"),
        ({"tier-0-price": "1e5"}, "tier-0-price", "in baht"),
        ({"tier-0-price": ""}, "tier-0-price", "in baht"),
        ({"tier-0-price": "2000000"}, "tier-0-price", "between"),
        ({"tier-0-original": "abc"}, "tier-0-original", "in baht"),
        ({"tier-0-original": "2000"}, "tier-0-original", "no earlier price"),
        ({"tier-0-stock": "-1"}, "tier-0-stock", "whole number"),
        ({"tier-0-slots": "many"}, "tier-0-slots", "whole number"),
        ({"tier-0-slots": "1001"}, "tier-0-slots", "at most 1,000"),
        ({"tier-0-days": "1.5"}, "tier-0-days", "whole number"),
        ({"tier-0-name_th": ""}, "tier-0-name_th", "missing"),
        ({"resource_cost": "0.0001"}, "field-resource_cost", "three decimals"),
        ({"resource_cost": "-1"}, "field-resource_cost", "three decimals"),
        ({"slug": "Night Market"}, "field-slug", "single hyphens"),
        ({"slug": "taken"}, "field-slug", "another product"),
        ({"name_en": "ตลาด"}, "field-slug", "missing"),
        ({"name_en": "x" * 121}, "field-name_en", "120 characters"),
        ({"category_id": ""}, "field-category_id", "choose a category"),
        ({"category_id": UNKNOWN_ID}, "field-category_id", "choose a category"),
        ({"docs_url": "http://example.com"}, "field-docs_url", "https://"),
        ({"video_url": "https://example.com/a"}, "field-video_url", "YouTube"),
        ({"delivery": "drone"}, "field-delivery", "open source or protected"),
        ({"frameworks": "redm"}, "field-frameworks", "those that are offered"),
        ({"content": "nothing-here"}, "content-0", "no such product"),
    ],
)
def test_a_mistake_is_named_where_it_was_made(
    client: FlaskClient,
    editor: User,
    make: Factory,
    typed: dict[str, Any],
    database: Database,
    changed: dict[str, Any],
    place: str,
    says: str,
) -> None:
    make.product(slug="taken", status="draft")

    answer = client.post(PATH, data={**typed, **changed})

    assert answer.status_code == 422
    assert f'<a href="#{place}">' in answer.text
    assert f'id="{place}"' in answer.text
    assert says in text_of_page(answer)
    assert "แผงขายของ" in answer.text
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == 1


def test_a_row_that_was_offered_and_not_used_is_no_tier(
    client: FlaskClient, editor: User, typed: dict[str, Any], database: Database
) -> None:
    client.post(PATH, data={**typed, "tier_count": "2", "tier-1-slots": "2"})

    assert len(the_product(database)[1]) == 1


def test_another_row_is_offered_without_javascript_and_keeps_what_was_typed(
    client: FlaskClient, editor: User, typed: dict[str, Any], database: Database
) -> None:
    tier = client.post(f"{PATH}/draft", data={**typed, "add": "tier"})
    part = client.post(f"{PATH}/draft", data={**typed, "add": "part"})

    assert 'name="tier-1-price"' in tier.text
    assert 'value="1,490.50"' in tier.text
    assert 'id="content-0"' in part.text
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == 0


def test_markdown_is_shown_as_shoppers_will_see_it_and_html_is_not(
    client: FlaskClient, editor: User, typed: dict[str, Any]
) -> None:
    evil = "**Fast**\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))"
    answer = client.post(
        f"{PATH}/draft",
        data={**typed, "description_en": evil, "show": "text"},
        headers={"HX-Request": "true", "HX-Request-Type": "partial"},
    )

    assert "<html" not in answer.text
    assert "<strong>Fast</strong>" in answer.text
    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text


def test_script_in_a_saved_description_never_runs(
    client: FlaskClient, editor: User, typed: dict[str, Any], database: Database
) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    client.post(
        PATH,
        data={
            **typed,
            "description_en": evil,
            "name_en": "<b>Night</b> Market",
            "then": "published",
        },
    )
    product, _tiers = the_product(database)

    pages = [
        client.get(f"/en/products/{product.slug}").text,
        client.get(f"{PATH}/{product.id}/preview").text,
        client.get(f"{PATH}/{product.id}").text,
        client.get(PATH).text,
    ]

    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>Night</b>" not in page


def test_the_page_of_a_product_can_be_saved_as_it_is(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product()

    answer = send(client, product)

    assert answer.status_code == 303
    assert fresh(database, product).revision == 1
    assert actions(database, product.id) == []


def test_the_second_editor_sees_what_the_first_changed_and_can_save_anyway(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product()
    send(client, product, name_en="Written first")

    told = send(client, product, name_en="Written second")
    anyway = send(client, product, name_en="Written second", revision="2")

    assert told.status_code == 409
    assert "Ploy" in text_of_page(told)
    assert "Written first" in told.text
    assert 'value="Written second"' in told.text
    assert 'name="revision" value="2"' in told.text
    assert "Save anyway" in told.text
    assert anyway.status_code == 303
    assert fresh(database, product).name_en == "Written second"


def test_what_no_form_may_set_stays_as_it_is(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product()
    forbidden = {
        "sold_count": "999",
        "rating_sum": "5",
        "rating_count": "1",
        "offer_price_satang": "1",
        "status": "archived",
        "published_at": "2001-01-01",
        "cover": "covers/other",
        "id": UNKNOWN_ID,
        "tier-0-sold": "5",
        "tier-0-held": "5",
        "tier-0-product_id": UNKNOWN_ID,
    }

    send(client, product, name_en="Renamed", **forbidden)

    kept = fresh(database, product)
    assert (kept.name_en, kept.revision, kept.status) == ("Renamed", 2, "published")
    assert (kept.sold_count, kept.rating_count, kept.cover) == (0, 0, None)
    assert kept.offer_price_satang == 49_000
    assert kept.published_at == product.published_at
    with database.reading() as session:
        tier = session.get_one(Variant, product.variants[0].id)
    assert (tier.sold, tier.held, tier.product_id) == (0, 0, product.id)


def test_a_tier_of_another_product_cannot_be_taken_over(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product, other = make.product(), make.product(price=baht(900))

    answer = send(client, product, **{"tier-0-id": other.variants[0].id, "tier-0-price": "1"})

    assert answer.status_code == 422
    with database.reading() as session:
        assert session.get_one(Variant, other.variants[0].id).price_satang == 90_000


def test_stock_below_what_is_sold_is_refused_with_the_number(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product = make.product(stock=10)
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).sold = 4

    answer = send(client, product, **{"tier-0-stock": "3"})

    assert answer.status_code == 422
    assert "4 units are sold" in text_of_page(answer)


def test_a_struck_out_price_that_was_never_charged_is_refused_with_the_highest_allowed(
    client: FlaskClient, editor: User, make: Factory
) -> None:
    product = make.product(price=baht(500))

    answer = send(client, product, **{"tier-0-price": "300", "tier-0-original": "999"})
    honest = send(client, product, **{"tier-0-price": "300", "tier-0-original": "500"})

    assert answer.status_code == 422
    assert "at most ฿500" in text_of_page(answer)
    assert honest.status_code == 303


def test_a_bundle_is_put_together_by_address(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    product, first, second = make.product(), make.product(), make.product()

    answer = send(client, product, content=[second.slug, "", first.slug])

    assert answer.status_code == 303
    with database.reading() as session:
        parts = session.scalars(select(BundleItem.product_id).order_by(BundleItem.position)).all()
    assert parts == [second.id, first.id]
    assert f'value="{second.slug}"' in client.get(f"{PATH}/{product.id}").text


def test_a_bundle_inside_itself_or_in_a_bundle_is_refused(
    client: FlaskClient, editor: User, make: Factory
) -> None:
    plain = make.product()
    bundle = make.bundle(plain)
    other = make.product()

    itself = send(client, other, content=[other.slug])
    nested = send(client, other, content=[plain.slug, bundle.slug])
    inner = send(client, plain, content=[other.slug])

    assert {itself.status_code, nested.status_code, inner.status_code} == {422}
    assert "cannot hold itself" in text_of_page(itself)
    assert '<a href="#content-1">' in nested.text
    assert "part of a bundle" in text_of_page(inner)


def test_the_page_shows_prices_of_before_and_what_was_done(
    client: FlaskClient, editor: User, make: Factory
) -> None:
    product = make.product(price=baht(500))
    make.charged(product, baht(650), days_ago=40)
    send(client, product, **{"tier-0-price": "400"})

    words = text_of_page(client.get(f"{PATH}/{product.id}"))

    assert "Price history" in words
    assert "฿650" in words
    assert "Ploy" in words


def test_a_draft_has_a_preview_that_only_staff_see(
    client: FlaskClient, editor: User, make: Factory, app: Flask
) -> None:
    product = make.product(status="draft")

    page = client.get(f"{PATH}/{product.id}/preview")

    assert page.status_code == 200
    assert "Only staff see this page" in page.text
    assert product.name_en in page.text
    assert 'content="noindex"' in page.text
    assert client.get(f"/en/products/{product.slug}").status_code == 404


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
    address: str | None = f"{PATH}?sort={sort}"

    while address:
        page = client.get(address).text
        seen += [slug for slug in slugs if f">{slug}</span>" in page]
        address = next(
            (
                part.split('"')[0].replace("&amp;", "&")
                for part in page.split('href="')
                if "cursor=" in part.split('"')[0]
            ),
            None,
        )

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


@given(st.integers(0, 999_999_999))
def test_milliseconds_survive_being_written_into_the_field(microseconds: int) -> None:
    assert parse_milliseconds(milliseconds_text(microseconds)) == microseconds


@given(st.text(max_size=20))
def test_no_text_crashes_the_reader_of_milliseconds(text: str) -> None:
    found = parse_milliseconds(text)
    assert found is None or found >= 0


@pytest.mark.parametrize("text", ["", "-1", "1e3", "0.0001", ".5", "1.", "NaN", "1,5", "9" * 20])
def test_everything_else_is_not_a_load(text: str) -> None:
    assert parse_milliseconds(text) is None
