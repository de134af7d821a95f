"""The form of a product in the back office, and everything that can be wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from admin.product_form import milliseconds_text, parse_milliseconds
from storefront.accounts.models import User
from storefront.catalog.models import BundleItem, Product, ProductStatus, Variant
from storefront.db import Database
from storefront.kit.money import baht
from tests.admin.product_fields import (
    PATH,
    UNKNOWN_ID,
    actions,
    fresh,
    send,
    the_product,
)
from tests.support.browser import text_of_page
from tests.support.factories import Factory


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
