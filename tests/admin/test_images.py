"""The pictures page of a product: who may use it, and what it answers to good and bad files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from jobs.outbox import sweep_outbox
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.gallery import MOST_IMAGES, list_images
from storefront.catalog.models import PictureState, Product, ProductImage
from storefront.kit.ids import new_id
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.orders.purchases import counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.pictures import picture, png_claiming, two_halves

NOW = timedelta(0)
GOOD = picture("WEBP", size=(400, 225))
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
ACTIONS = ("place", "words", "attempts", "removal")


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product()
    return product


@pytest.fixture
def page(product: Product) -> str:
    return f"/en/admin/products/{product.id}/images"


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> User:
    user = make.user(role="admin")
    sign_in(client, user)
    return user


@pytest.fixture
def upload(client: FlaskClient, staff: User, page: str) -> Callable[..., TestResponse]:
    def upload(*bodies: bytes, name: str = "picture.png") -> TestResponse:
        files = [(BytesIO(body), name) for body in bodies]
        return client.post(page, data={"pictures": files}, content_type="multipart/form-data")

    return upload


@pytest.fixture
def files_away(sandbox: RunningSandbox) -> Iterator[None]:
    """The file store answers 503 during this test."""
    requests.post(f"{sandbox.url}/control/s3", json={"down": True}, timeout=10)
    yield
    requests.post(f"{sandbox.url}/control/s3", json={"down": False}, timeout=10)


def images_of(shop: Shop, product: Product) -> list[ProductImage]:
    with shop.database.reading() as session:
        return list(list_images(session, product.id))


def test_an_empty_product_says_so_and_offers_the_upload(
    client: FlaskClient, staff: User, page: str
) -> None:
    shown = client.get(page)

    assert "No pictures yet" in shown.text
    assert 'enctype="multipart/form-data"' in shown.text


def test_pictures_are_taken_in_made_and_shown(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    answer = upload(GOOD, two_halves("JPEG"))

    assert (answer.status_code, answer.location) == (303, page)
    waiting = client.get(page).text
    assert waiting.count("Making the sizes") == 2
    assert waiting.count('hx-trigger="every 2s"') == 2

    sweep_outbox(shop, overdue=NOW)

    ready = client.get(page)
    first, second = images_of(shop, product)
    assert "every 2s" not in ready.text
    assert f"/media/{first.stem}-400.avif" in ready.text
    assert f"/media/{second.stem}-800.webp" in ready.text
    assert ready.text.count(">Cover<") == 1
    assert "800 × 600" in text_of_page(ready)
    for picture_type in ("avif", "webp"):
        served = client.get(f"/media/{first.stem}-400.{picture_type}")
        assert (served.status_code, served.content_type) == (200, f"image/{picture_type}")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><script>alert(1)</script>", "not a JPEG, PNG, WebP or AVIF"),
        (b"PK\x03\x04" + b"\0" * 99, "not a JPEG, PNG, WebP or AVIF"),
        (GOOD[:-40], "ends too early"),
        (png_claiming(60_000, 60_000), "too many pixels"),
        (picture(size=(100, 100)), "at least 400"),
        (GOOD + b"\0" * (10 * 1024 * 1024), "larger than 10 MB"),
        (b"", "not a JPEG"),
    ],
    ids=["html", "zip", "truncated", "bomb", "small", "heavy", "empty"],
)
def test_a_bad_file_is_named_with_its_reason_and_stores_nothing(
    shop: Shop, upload: Callable[..., TestResponse], product: Product, body: bytes, words: str
) -> None:
    answer = upload(body, name="<b>shot</b>.png")

    assert answer.status_code == 422
    assert words in answer.text
    assert "&lt;b&gt;shot&lt;/b&gt;.png" in answer.text
    assert images_of(shop, product) == []


def test_a_bad_file_keeps_no_good_one_out(
    shop: Shop, upload: Callable[..., TestResponse], product: Product
) -> None:
    answer = upload(GOOD, b"<html>", GOOD)

    assert answer.status_code == 422
    assert len(images_of(shop, product)) == 2


def test_no_file_at_all_is_asked_for(client: FlaskClient, staff: User, page: str) -> None:
    for data in ({}, {"pictures": (BytesIO(b""), "")}):
        answer = client.post(page, data=data, content_type="multipart/form-data")

        assert answer.status_code == 422
        assert "Choose at least one picture" in answer.text


def test_the_thirteenth_picture_is_refused(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    answer = upload(*[GOOD] * (MOST_IMAGES + 1))

    assert answer.status_code == 422
    assert "at most 12 pictures" in answer.text
    assert len(images_of(shop, product)) == MOST_IMAGES
    assert 'type="file"' not in client.get(page).text


def test_what_failed_in_the_worker_says_why(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(png_claiming(1_000, 800))
    sweep_outbox(shop, overdue=NOW)

    shown = client.get(page).text

    assert "This picture cannot be read" in shown
    assert "every 2s" not in shown
    assert images_of(shop, product)[0].state == PictureState.FAILED


def test_the_page_asks_for_a_picture_until_it_is_made(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(GOOD)
    [image] = images_of(shop, product)
    address = f"{page}/{image.id}"

    assert client.get(address, headers=FRAGMENT).status_code == 204
    assert client.get(address).location == f"{page}#image-{image.id}"

    sweep_outbox(shop, overdue=NOW)
    made = client.get(address, headers=FRAGMENT)
    assert made.status_code == 200
    assert made.text.lstrip().startswith("<li")
    assert "<html" not in made.text

    client.post(f"{address}/removal")
    gone = client.get(address, headers=FRAGMENT)
    assert (gone.status_code, gone.text) == (200, "")


def test_a_picture_the_worker_never_came_for_can_be_asked_for_again(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(GOOD)
    [image] = images_of(shop, product)
    with shop.database.transaction() as session:
        session.execute(update(ProductImage).values(created_at=shop.clock() - timedelta(minutes=3)))

    slow = client.get(page)
    assert "longer than it should" in slow.text
    assert submit(client, slow, f"{image.id}/attempts").status_code == 303
    sweep_outbox(shop, overdue=NOW)
    assert images_of(shop, product)[0].state == PictureState.READY
    assert client.post(f"{page}/{image.id}/attempts").status_code == 409


def test_the_buttons_order_describe_and_remove(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(GOOD, GOOD, GOOD)
    first, second, third = (image.id for image in images_of(shop, product))

    moved = client.post(f"{page}/{third}/place", data={"place": "0"})
    assert moved.location == f"{page}#image-{third}"
    described = submit(
        client, client.get(page), f"{second}/words", alt_th="เมนู\0  จอดรถ", alt_en="<b>Menu</b>"
    )
    assert described.status_code == 303
    assert submit(client, client.get(page), f"{first}/removal").status_code == 303

    assert [image.id for image in images_of(shop, product)] == [third, second]
    assert images_of(shop, product)[1].alt_th == "เมนู จอดรถ"
    assert "&lt;b&gt;Menu&lt;/b&gt;" in client.get(page).text


def test_words_that_are_too_long_stay_in_the_form(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(GOOD)
    [image] = images_of(shop, product)

    answer = client.post(f"{page}/{image.id}/words", data={"alt_th": "ก" * 201, "alt_en": "kept"})

    assert answer.status_code == 422
    assert "at most 200 characters" in answer.text
    assert 'value="kept"' in answer.text
    assert images_of(shop, product)[0].alt_en == ""


@pytest.mark.parametrize("place", ["", "-1", "1.5", "x", "٣", "9999", "1" * 5_000])
def test_a_place_that_is_none_changes_nothing(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
    place: str,
) -> None:
    upload(GOOD)
    [image] = images_of(shop, product)

    assert client.post(f"{page}/{image.id}/place", data={"place": place}).status_code == 422


def test_pictures_of_other_products_and_unknown_ones_are_not_found(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(GOOD)
    [image] = images_of(shop, product)
    other = f"/en/admin/products/{make.product().id}/images"

    for base, image_id in ((other, image.id), (page, new_id()), (page, "nonsense")):
        for action in ACTIONS:
            data = {"place": "0", "alt_th": "x", "alt_en": "x"}
            assert client.post(f"{base}/{image_id}/{action}", data=data).status_code == 404
    for unknown in (new_id(), "nonsense"):
        assert client.get(f"/en/admin/products/{unknown}/images").status_code == 404
    assert images_of(shop, product)[0].alt_en == ""


@pytest.mark.parametrize("role", ["customer", "moderator", None])
def test_only_people_who_manage_the_catalogue_get_in(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    product: Product,
    page: str,
    role: str | None,
) -> None:
    if role:
        sign_in(client, make.user(role=role))
    expected = 404 if role else 303

    assert client.get(page).status_code == expected
    data = {"pictures": (BytesIO(GOOD), "a.png")}
    answer = client.post(page, data=data, content_type="multipart/form-data")
    assert answer.status_code == expected
    for action in ACTIONS:
        assert client.post(f"{page}/{new_id()}/{action}").status_code == expected
    assert images_of(shop, product) == []


def test_a_form_from_elsewhere_changes_nothing(
    app: Flask, shop: Shop, make: Factory, sign_in: SignIn, product: Product, page: str
) -> None:
    browser = app.test_client()
    sign_in(browser, make.user(role="admin"))
    data: dict[str, Any] = {"pictures": (BytesIO(GOOD), "a.png")}

    answer = browser.post(page, data=data, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert images_of(shop, product) == []


def test_a_store_that_is_away_is_said_so_and_nothing_is_half_there(
    shop: Shop, upload: Callable[..., TestResponse], product: Product, files_away: None
) -> None:
    answer = upload(GOOD)

    assert answer.status_code == 422
    assert "file service does not answer" in answer.text
    assert images_of(shop, product) == []


def test_the_page_takes_no_more_queries_with_more_pictures(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(*[GOOD] * 6)

    with counted_queries(shop.database.engine) as queries:
        assert client.get(page).status_code == 200

    assert 0 < len(queries) <= 4


def test_the_cover_reaches_the_shop(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
) -> None:
    upload(GOOD)
    sweep_outbox(shop, overdue=NOW)
    [image] = images_of(shop, product)

    assert f"/media/pictures/{image.id}-" in client.get("/en/products").text
