"""The promo code pages of the back office, as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.kit.clock import in_shop_zone
from storefront.kit.ids import new_id
from storefront.orders.models import PaymentMethod
from storefront.promos.drafting import READABLE
from storefront.promos.models import PromoScope
from tests.admin.promo_pages import (
    BATCH,
    BATCHES,
    DAY,
    LIST,
    NEW,
    TYPED,
    follow,
    only_promo,
    promos_of,
    shelf_of,
    use,
)
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """A browser in which an admin is signed in."""
    sign_in(client, make.user(role="admin"))
    return client


@pytest.mark.parametrize("role", ["customer", "moderator"])
def test_only_who_manages_promo_codes_gets_in(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, role: str
) -> None:
    promo = make.promo(batch="Flyers")
    sign_in(client, make.user(role=role))
    assert "/admin/promos" not in client.get("/en/admin").text
    one = f"{LIST}/{promo.id}"
    for path in (LIST, NEW, one, f"{one}/report", f"{BATCHES}/new", f"{BATCHES}?name=Flyers"):
        assert client.get(path).status_code == 404, path
    assert client.get(f"{BATCHES}.csv?name=Flyers").status_code == 404
    for path in ("", "/draft", f"/{promo.id}", f"/{promo.id}/state", f"/{promo.id}/removal"):
        assert client.post(LIST + path, data={**TYPED, "state": "off"}).status_code == 404, path
    for path in ("", "/draft", "/state", "/removal"):
        data = {**BATCH, "name": "Flyers", "state": "off"}
        assert client.post(BATCHES + path, data=data).status_code == 404, path
    assert [(one.code, one.active) for one in promos_of(shop)] == [("TENTH", True)]


def test_nothing_is_written_without_the_token_of_the_form(
    app: Flask, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    promo = make.promo(batch="Flyers")
    client = app.test_client()
    sign_in(client, make.user(role="admin"))
    for path in ("", f"/{promo.id}", f"/{promo.id}/state", f"/{promo.id}/removal"):
        assert client.post(LIST + path, data={**TYPED, "state": "off"}).status_code == 422, path
    for path in ("", "/state", "/removal"):
        data = {**BATCH, "name": "Flyers", "state": "off"}
        assert client.post(BATCHES + path, data=data).status_code == 422, path
    assert [(one.code, one.active) for one in promos_of(shop)] == [("TENTH", True)]


def test_an_empty_shop_is_told_how_to_begin(staff: FlaskClient) -> None:
    page = staff.get(LIST)
    assert "No promo code yet" in page.text
    assert f'href="{NEW}"' in page.text
    assert 'aria-current="page"' in page.text


def test_a_code_is_written_by_hand_and_read_back_in_plain_words(
    staff: FlaskClient, shop: Shop
) -> None:
    end = in_shop_zone(shop.clock() + DAY).replace(second=0, microsecond=0)
    form = {**TYPED, "code": "welcome 10", "minimum": "๕๐๐", "first_purchase_only": "1"}
    page = staff.get(NEW)
    page = submit(staff, page, "/promos", **{**form, "ends_at": end.strftime("%Y-%m-%dT%H:%M")})
    page = follow(staff, page)
    assert "The code is saved." in page.text
    promo = only_promo(shop)
    assert (promo.code, promo.value, promo.max_discount_satang) == ("WELCOME-10", 1_000, 20_000)
    assert (promo.min_subtotal_satang, promo.total_limit, promo.used) == (50_000, None, 0)
    assert promo.ends_at == end
    assert (
        "10% off everything, at most ฿200, for purchases from ฿500, on the first purchase only,"
        " once per customer, until"
    ) in text_of_page(page)
    listed = text_of_page(staff.get(LIST))
    assert "WELCOME-10" in listed
    assert "10% off everything, at most ฿200" in listed


def test_a_code_is_made_up_on_request_and_saved_only_afterwards(
    staff: FlaskClient, shop: Shop
) -> None:
    page = staff.post(f"{LIST}/draft", data={**TYPED, "code": "", "make_up": "1"})
    code = re.search(r'id="code" value="([^"]+)"', page.text)
    assert code is not None
    assert set(code[1]) <= set(READABLE) | {"-"}
    assert 'value="10"' in page.text
    assert promos_of(shop) == []
    submit(staff, page, "/promos")
    assert only_promo(shop).code == code[1]


def test_products_and_categories_are_chosen_without_javascript(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(name_en="Night garage")
    make.product(name_en="Something else")
    shelf = shelf_of(shop)
    form: dict[str, Any] = {**TYPED, "covers": "chosen", "find": "garage"}
    page = staff.post(f"{LIST}/draft", data=form)
    assert f'name="add" value="{product.id}"' in page.text
    assert "Something else" not in page.text
    page = staff.post(f"{LIST}/draft", data={**form, "add": str(product.id)})
    assert f'name="product" value="{product.id}"' in page.text
    assert f'name="add" value="{product.id}"' not in page.text
    gone = staff.post(
        f"{LIST}/draft", data={**form, "product": str(product.id), "remove": str(product.id)}
    )
    assert f'name="product" value="{product.id}"' not in gone.text
    page = follow(staff, submit(staff, page, "/promos", shelf=str(shelf)))
    assert "10% off" in text_of_page(page)
    assert "Night garage" in text_of_page(page)
    with shop.database.reading() as session:
        rows = session.execute(select(PromoScope.product_id, PromoScope.category_id)).all()
    assert set(map(tuple, rows)) == {(product.id, None), (None, shelf)}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"code": ""}, "A code has 3 to 40 letters"),
        ({"code": "ลดแรง"}, "A code has 3 to 40 letters"),
        ({"code": "A" * 41}, "A code has 3 to 40 letters"),
        ({"code": "TEN/TH"}, "A code has 3 to 40 letters"),
        ({"value": ""}, "Write the percentage like 10 or 12.5"),
        ({"value": "0"}, "A percentage lies between 0.01 and 100."),
        ({"value": "101"}, "A percentage lies between 0.01 and 100."),
        ({"value": "10.555"}, "Write the percentage like 10 or 12.5"),
        ({"value": "-10"}, "Write the percentage like 10 or 12.5"),
        ({"value": "1e1"}, "Write the percentage like 10 or 12.5"),
        ({"kind": "fixed", "value": "0"}, "The amount lies between ฿0.01 and"),
        ({"kind": "fixed", "value": "-5"}, "Write the amount in baht"),
        ({"kind": "fixed", "value": "99.999"}, "Write the amount in baht"),
        ({"minimum": "-1"}, "Write the amount in baht"),
        ({"maximum": "0"}, "The largest discount lies between"),
        ({"total_limit": "-1"}, "Write a whole number"),
        ({"total_limit": "1.5"}, "Write a whole number"),
        ({"total_limit": "0"}, "The uses in all lie between 1 and 1,000,000."),
        ({"per_customer_limit": "0"}, "The uses per customer lie between 1 and 1,000,000."),
        ({"starts_at": "tomorrow"}, "Choose a day and a time"),
        ({"ends_at": "2020-01-01T10:00"}, "The end has passed."),
        (
            {"starts_at": "2190-01-02T10:00", "ends_at": "2190-01-01T10:00"},
            "The end must come after the start.",
        ),
        ({"covers": "chosen"}, "Choose at least one category or product"),
        ({"covers": "chosen", "product": str(new_id())}, "was deleted meanwhile"),
        ({"note": "x" * 201}, "A note has at most 200 characters."),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_and_kept(
    staff: FlaskClient, shop: Shop, make: Factory, changes: dict[str, str], sentence: str
) -> None:
    make.promo("OTHER")
    form = {**TYPED, "total_limit": "77", **changes}
    page = staff.post(LIST, data=form)
    assert page.status_code == 422
    assert sentence in text_of_page(page)
    assert "Please check these fields" in page.text
    for name in ("value", "total_limit"):
        assert f'value="{form[name]}"' in page.text
    assert [one.code for one in promos_of(shop)] == ["OTHER"]


def test_a_code_that_exists_is_refused_however_it_is_written(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    make.promo("WELCOME10")
    page = staff.post(LIST, data={**TYPED, "code": "welcome10"})
    assert page.status_code == 422
    assert "This code exists already." in text_of_page(page)
    assert only_promo(shop).note == ""


def test_nothing_can_be_set_that_the_form_does_not_ask_for(staff: FlaskClient, shop: Shop) -> None:
    sent = {**TYPED, "used": "5", "batch": "Mine", "id": str(new_id()), "created_at": "2000-01-01"}
    assert staff.post(LIST, data=sent).status_code == 303
    promo = only_promo(shop)
    assert (promo.used, promo.batch, promo.revision) == (0, None, 1)
    assert promo.created_at.year > 2000
    path = f"{LIST}/{promo.id}"
    sent = {**TYPED, "revision": "1", "used": "5", "batch": "Mine"}
    assert staff.post(path, data=sent).status_code == 303
    assert (only_promo(shop).used, only_promo(shop).batch) == (0, None)


def test_a_leftover_largest_discount_does_not_count_for_a_fixed_amount(
    staff: FlaskClient, shop: Shop
) -> None:
    sent = {**TYPED, "kind": "fixed", "value": "99.50", "maximum": "abc"}
    assert staff.post(LIST, data=sent).status_code == 303
    promo = only_promo(shop)
    assert (promo.kind, promo.value, promo.max_discount_satang) == ("fixed", 9_950, None)


def test_saving_an_untouched_form_changes_no_term(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    # Seconds are not in the form; neither is a fraction of a percent lost.
    now = shop.clock()
    promo = make.promo(
        covers=make.product(),
        value=1_275,
        starts_at=now + timedelta(seconds=17),
        ends_at=now + DAY,
        total_limit=9,
        max_discount_satang=12_345,
        min_subtotal_satang=1,
        first_purchase_only=True,
        active=False,
    )
    before = promos_of(shop)[0].__dict__.copy()
    path = f"{LIST}/{promo.id}"
    page = staff.get(path)
    shown = {"product": str(re.search(r'name="product" value="([^"]+)"', page.text)[1])}  # type: ignore[index]
    assert submit(staff, page, path, **shown).status_code == 303
    after = promos_of(shop)[0].__dict__.copy()
    for one in (before, after):
        one.pop("_sa_instance_state")
    assert after == {**before, "revision": 2}


def test_the_limit_never_falls_below_what_was_used(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    promo = make.promo(total_limit=5)
    use(shop, make, "TENTH")
    use(shop, make, "TENTH", PaymentMethod.STRIPE)
    path = f"{LIST}/{promo.id}"
    page = staff.get(path)
    assert "2 so far, open payments included." in text_of_page(page)
    refused = submit(staff, page, path, total_limit="1")
    assert refused.status_code == 422
    assert "It was used 2 times already" in text_of_page(refused)
    assert submit(staff, page, path, total_limit="2").status_code == 303
    assert (only_promo(shop).total_limit, only_promo(shop).used) == (2, 2)


def test_of_a_used_code_the_letters_stay_and_the_form_says_what_orders_keep(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    promo = make.promo()
    use(shop, make, "TENTH")
    path = f"{LIST}/{promo.id}"
    page = staff.get(path)
    assert "orders and open payments keep the discount they began with" in text_of_page(page)
    assert "Make one up" not in page.text
    assert f"{path}/removal" not in page.text
    refused = submit(staff, page, path, code="NINTH")
    assert "its letters stay" in text_of_page(refused)
    assert submit(staff, page, path, value="20").status_code == 303
    assert (only_promo(shop).code, only_promo(shop).value) == ("TENTH", 2_000)


def test_the_second_of_two_editors_is_told_and_keeps_what_was_typed(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    path = f"{LIST}/{make.promo().id}"
    mine, theirs = staff.get(path), staff.get(path)
    assert submit(staff, mine, path, note="First").status_code == 303
    second = submit(staff, theirs, path, note="Second")
    assert second.status_code == 409
    assert "Somebody else changed this" in second.text
    assert 'value="Second"' in second.text
    assert only_promo(shop).note == "First"
    assert submit(staff, theirs, path, revision="9" * 30).status_code == 409


def test_a_code_is_switched_off_and_on_and_deleted(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    path = f"{LIST}/{make.promo().id}"
    page = follow(staff, submit(staff, staff.get(path), f"{path}/state"))
    assert "Switched off" in text_of_page(page)
    assert not only_promo(shop).active
    page = follow(staff, submit(staff, page, f"{path}/state"))
    assert only_promo(shop).active
    assert staff.post(f"{path}/state", data={"state": "maybe"}).status_code == 422
    page = follow(staff, submit(staff, page, f"{path}/removal"))
    assert "The code is deleted." in page.text
    assert promos_of(shop) == []
    assert staff.get(path).status_code == 404
    assert staff.get(f"{LIST}/nonsense").status_code == 404


def test_a_code_that_is_used_meanwhile_is_not_deleted(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    path = f"{LIST}/{make.promo().id}"
    page = staff.get(path)
    use(shop, make, "TENTH")
    page = follow(staff, submit(staff, page, f"{path}/removal"))
    assert "This was used, and orders point at it." in page.text
    assert only_promo(shop).used == 1


def test_a_copy_takes_the_terms_without_letters_and_times(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    promo = make.promo(value=1_250, total_limit=7, ends_at=shop.clock() + DAY, active=False)
    page = staff.get(f"{NEW}?from={promo.id}")
    assert submit(staff, page, "/promos", code="AGAIN").status_code == 303
    copy = promos_of(shop)[1]
    assert (copy.code, copy.value, copy.total_limit) == ("AGAIN", 1_250, 7)
    assert (copy.ends_at, copy.active, copy.used) == (None, True, 0)
