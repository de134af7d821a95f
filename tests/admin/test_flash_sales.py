"""The flash sale pages of the back office, as a browser without JavaScript uses them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from storefront.bootstrap import Shop
from storefront.catalog.flash_sales import ItemDraft, SaleDraft, schedule_sale
from storefront.catalog.models import Product
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.kit.clock import in_shop_zone
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEW = "/en/admin/flash-sales/new"


def local(moment: datetime) -> str:
    """As a browser sends it from a datetime-local control."""
    return in_shop_zone(moment).strftime("%Y-%m-%dT%H:%M")


def plan(
    shop: Shop,
    make: Factory,
    *items: tuple[Product, Money, int | None],
    starts_in: timedelta | None = None,
    lasts: timedelta = DAY,
) -> UUID:
    now = shop.clock()
    starts_at = None if starts_in is None else now + starts_in
    draft = SaleDraft(
        name_th="ลดแรง",
        name_en="Big night",
        starts_at=starts_at,
        ends_at=(starts_at or now) + lasts,
        items=tuple(ItemDraft(product.variants[0].id, price, n) for product, price, n in items),
    )
    actor = make.user(role="admin")
    with shop.database.transaction() as session:
        return schedule_sale(session, draft, actor_id=actor.id, now=now)


def typed(shop: Shop, product: Product, **changes: Any) -> dict[str, Any]:
    variant = product.variants[0].id
    return {
        "name_th": "ลดแรง",
        "name_en": "Big night",
        "starts_at": "",
        "ends_at": local(shop.clock() + DAY),
        "item": str(variant),
        f"price-{variant}": "490",
        f"units-{variant}": "",
        **changes,
    }


def sales_of(shop: Shop) -> list[FlashSale]:
    with shop.database.reading() as session:
        return list(session.scalars(select(FlashSale).order_by(FlashSale.id)))


def follow(client: FlaskClient, answer: TestResponse) -> TestResponse:
    assert answer.status_code == 303, answer.text
    return client.get(answer.location)


def test_only_who_manages_the_catalogue_gets_in(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="moderator"))
    menu = client.get("/en/admin").text
    assert "/admin/flash-sales" not in menu
    for path in ("", "/new", f"/{new_id()}"):
        assert client.get(f"/en/admin/flash-sales{path}").status_code == 404
    for path in ("", "/draft", f"/{new_id()}", f"/{new_id()}/ending", f"/{new_id()}/removal"):
        assert client.post(f"/en/admin/flash-sales{path}").status_code == 404


def test_an_empty_shop_is_told_how_to_begin(staff: FlaskClient) -> None:
    page = staff.get("/en/admin/flash-sales")
    assert "No flash sale yet" in page.text
    assert "/en/admin/flash-sales/new" in page.text


def test_a_sale_is_planned_by_hand_from_search_to_list(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(990), name_en="Night garage")
    make.product(name_en="Something else")
    variant = product.variants[0].id

    page = staff.get(NEW)
    page = submit(staff, page, "/flash-sales", find="garage")  # Enter in the search box saves
    assert page.status_code == 422  # nothing by surprise: the form is refused, not lost
    draft = "/en/admin/flash-sales/draft"
    page = staff.post(draft, data={"find": "garage", "name_en": "Big night"})
    assert "Night garage" in text_of_page(page)
    assert "Something else" not in text_of_page(page)
    assert 'value="Big night"' in page.text
    page = staff.post(draft, data={"name_en": "Big night", "add": str(variant)})
    filled = typed(shop, product, **{f"price-{variant}": "490.50", f"units-{variant}": "10"})
    page = submit(staff, page, "/flash-sales", **filled)

    page = follow(staff, page)
    assert "The flash sale is saved." in page.text
    listed = text_of_page(staff.get("/en/admin/flash-sales"))
    assert "Big night" in listed
    assert "0 sold 10 left" in listed
    with shop.database.reading() as session:
        item = session.scalars(select(FlashSaleItem)).one()
    assert (item.price_satang, item.units) == (49_050, 10)


def test_products_are_added_and_removed_without_saving_anything(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    first, second = make.product(name_en="Alpha"), make.product(name_en="Beta")
    one, two = first.variants[0].id, second.variants[0].id
    form = {"item": [str(one)], f"price-{one}": "12", "name_th": "ก"}

    added = staff.post("/en/admin/flash-sales/draft", data={**form, "add": str(two)})
    assert f'id="price-{one}" value="12"' in added.text
    assert f'id="price-{two}"' in added.text
    again = staff.post(
        "/en/admin/flash-sales/draft", data={**form, "item": [str(one)], "add": str(one)}
    )
    assert again.text.count(f'id="price-{one}"') == 1
    removed = staff.post("/en/admin/flash-sales/draft", data={**form, "remove": str(one)})
    assert f'id="price-{one}"' not in removed.text
    assert sales_of(shop) == []


def test_the_form_shows_lowest_price_discount_and_what_shoppers_will_see(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(1000), name_en="Night garage")
    page = staff.post("/en/admin/flash-sales/draft", data=typed(shop, product))
    text = text_of_page(page)
    assert "Lowest of 30 days before ฿1,000" in text
    assert "Discount shown 51%" in text
    assert "Now ฿490 Earlier price ฿1,000" in text
    assert "No earlier price will be struck out" not in text


def test_a_price_above_the_lowest_of_thirty_days_is_warned_about(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(1000))
    with shop.database.transaction() as session:
        tier = session.merge(product.variants[0])
        tier.price_satang = 40_000
    with shop.database.transaction() as session:
        session.merge(product.variants[0], load=True).price_satang = 100_000
    page = staff.post("/en/admin/flash-sales/draft", data=typed(shop, product))
    text = text_of_page(page)
    assert "No earlier price will be struck out" in text
    assert "Discount shown –" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name_th": ""}, "Give the sale a Thai name."),
        ({"name_en": " "}, "Give the sale an English name."),
        ({"ends_at": ""}, "Choose the day and the time at which the sale ends."),
        ({"ends_at": "2026-13-45T99:99"}, "Choose the day and the time"),
        ({"starts_at": "yesterday"}, "Choose a day and a time, or leave the start empty."),
        ({"starts_at": "2020-01-01T10:00"}, "The start has passed."),
        ({"ends_at": "2020-01-01T10:00"}, "The end must come after the start."),
        ({"ends_at": "2190-01-01T10:00"}, "A flash sale lasts at most 31 days."),
        ({"item": ""}, "Add at least one product."),
        ({"price": "12.345"}, "Write the sale price in baht"),
        ({"price": "-1"}, "Write the sale price in baht"),
        ({"price": ""}, "Write the sale price in baht"),
        ({"price": "990"}, "must be below the current price of ฿990"),
        ({"units": "a few"}, "Write the units as a whole number"),
        ({"units": "0"}, "choose between 1 and 1,000,000 units"),
        ({"units": "9" * 30}, "choose between 1 and 1,000,000 units"),
        ({"units": "6"}, "only 5 units are left"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_and_kept(
    staff: FlaskClient, shop: Shop, make: Factory, changes: dict[str, str], sentence: str
) -> None:
    product = make.product(price=baht(990), stock=5)
    variant = product.variants[0].id
    form = typed(shop, product, name_en="Kept as typed")
    for name, value in changes.items():
        form[f"{name}-{variant}" if name in ("price", "units") else name] = value

    page = staff.post("/en/admin/flash-sales", data=form)

    assert page.status_code == 422
    assert sentence in text_of_page(page)
    assert "Please check these fields" in page.text
    if "name_en" not in changes:
        assert 'value="Kept as typed"' in page.text
    assert sales_of(shop) == []


def test_an_empty_form_names_every_field_that_is_missing(staff: FlaskClient, shop: Shop) -> None:
    page = staff.post("/en/admin/flash-sales", data={})
    assert page.status_code == 422
    for anchor in ("name_th", "name_en", "ends_at"):
        assert f'<a href="#{anchor}">' in page.text


def test_a_sale_in_the_way_is_named(staff: FlaskClient, shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(990), name_en="Night garage")
    plan(shop, make, (product, baht(100), None))
    page = staff.post("/en/admin/flash-sales", data=typed(shop, product))
    assert page.status_code == 422
    assert "it is in the sale “Big night” at that time already" in text_of_page(page)


def test_a_planned_sale_is_changed_and_the_second_editor_is_told(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(990))
    sale_id = plan(shop, make, (product, baht(100), None), starts_in=HOUR)
    variant = product.variants[0].id
    path = f"/en/admin/flash-sales/{sale_id}"
    mine, theirs = staff.get(path), staff.get(path)

    saved = submit(staff, mine, path, **{f"price-{variant}": "90"})
    assert saved.status_code == 303
    second = submit(staff, theirs, path, name_en="Mine")
    assert second.status_code == 409
    assert "Somebody else changed this" in second.text
    assert 'value="Mine"' in second.text
    with shop.database.reading() as session:
        assert session.scalars(select(FlashSaleItem.price_satang)).one() == 9_000


def test_a_running_sale_offers_what_may_change_and_ends_on_request(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(990))
    sale_id = plan(shop, make, (product, baht(100), 5))
    variant = product.variants[0].id
    path = f"/en/admin/flash-sales/{sale_id}"
    page = staff.get(path)
    assert 'name="starts_at"' not in page.text
    assert 'name="remove"' not in page.text
    assert submit(staff, page, path, **{f"units-{variant}": "7"}).status_code == 303
    refused = submit(staff, staff.get(path), path, **{f"units-{variant}": "6"})
    assert refused.status_code == 422
    assert "shoppers were promised 7 units" in text_of_page(refused)

    over = follow(staff, submit(staff, staff.get(path), "/ending"))

    assert "Prices are back to normal." in over.text
    assert "What was sold" in over.text
    assert staff.post(path, data=typed(shop, product)).status_code == 409
    assert staff.post(f"{path}/ending").status_code == 303


def test_a_planned_sale_is_deleted_and_a_running_one_is_not(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    planned = plan(shop, make, (make.product(), baht(1), None), starts_in=HOUR)
    running = plan(shop, make, (make.product(), baht(1), None))
    page = staff.get(f"/en/admin/flash-sales/{planned}")
    assert submit(staff, page, "/removal").status_code == 303
    assert staff.get(f"/en/admin/flash-sales/{planned}").status_code == 404
    assert staff.post(f"/en/admin/flash-sales/{running}/removal").status_code == 409
    assert [sale.id for sale in sales_of(shop)] == [running]


def test_a_copy_takes_names_and_items_but_not_the_times(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(990))
    sale_id = plan(shop, make, (product, baht(100), 3))
    page = staff.get(f"{NEW}?from={sale_id}").text
    assert 'value="Big night"' in page
    assert f'id="price-{product.variants[0].id}" value="100"' in page
    assert 'id="starts_at" value=""' in page
    assert 'id="ends_at" value=""' in page
    assert staff.get(f"{NEW}?from=nonsense").status_code == 404


def test_lists_and_forms_take_no_more_queries_with_more_sales(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    for _ in range(4):
        plan(shop, make, (make.product(), baht(1), None), (make.product(), baht(1), 2))
    last = plan(shop, make, *((make.product(), baht(1), None) for _ in range(6)), starts_in=HOUR)
    for path in ("", "?cursor=x", "/new", f"/{last}"):
        with counted_queries(shop.database.engine) as queries:
            assert staff.get(f"/en/admin/flash-sales{path}").status_code == 200
        assert 0 < len(queries) <= QUERY_CEILING, (path, queries)


def test_ended_sales_come_in_pages(staff: FlaskClient, shop: Shop, make: Factory) -> None:
    for _ in range(21):
        plan(shop, make, (make.product(), baht(1), None), lasts=timedelta(milliseconds=1))
    first = staff.get("/en/admin/flash-sales")
    assert first.text.count("Duplicate") == 20
    cursor = first.text.split("cursor=")[1].split('"')[0]
    second = staff.get(f"/en/admin/flash-sales?cursor={cursor}")
    assert second.text.count("Duplicate") == 1
