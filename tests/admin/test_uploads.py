"""How much the pages for pictures and versions take in, and from whom."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.gallery import list_images
from storefront.catalog.models import Product
from tests.support.browser import forms_of
from tests.support.factories import Factory, SignIn
from tests.support.pictures import saved


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product()
    return product


@pytest.fixture
def images(product: Product) -> str:
    return f"/en/admin/products/{product.id}/images"


@pytest.fixture
def releases(product: Product) -> str:
    return f"/en/admin/products/{product.id}/releases"


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> User:
    user: User = make.user(role="admin")
    sign_in(client, user)
    return user


def test_strangers_cannot_make_us_read_a_large_body(
    client: FlaskClient, make: Factory, sign_in: SignIn, images: str
) -> None:
    sign_in(client, make.user(role="customer"))
    data = {"pictures": (BytesIO(b"\0" * 300_000), "a.png")}

    answer = client.post(images, data=data, content_type="multipart/form-data")

    assert answer.status_code in (404, 413)
    assert "Add pictures" not in answer.text


def test_more_than_twelve_of_the_largest_is_too_much_at_once(
    client: FlaskClient, staff: User, images: str
) -> None:
    answer = client.post(
        images,
        data=b"--x\r\n",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(130 * 1024 * 1024)},
    )

    assert answer.status_code == 413
    assert "too much at once" in answer.text


def test_a_large_picture_passes_the_check_of_the_form(
    app: Flask, shop: Shop, make: Factory, sign_in: SignIn, product: Product, images: str
) -> None:
    """The CSRF check reads the form before the view can say how much it takes."""
    browser = app.test_client()
    sign_in(browser, make.user(role="admin"))
    body = saved(Image.effect_noise((1_200, 800), 90).convert("RGB"), "PNG")
    assert len(body) > 1_000_000
    [form] = [form for form in forms_of(browser.get(images)) if form.action == images]

    answer = browser.post(
        images,
        data={**form.fields, "pictures": (BytesIO(body), "a.png")},
        content_type="multipart/form-data",
    )

    assert answer.status_code == 303
    with shop.database.reading() as session:
        assert len(list_images(session, product.id)) == 1


def test_more_than_64_megabytes_are_not_even_read(
    client: FlaskClient, staff: User, releases: str
) -> None:
    answer = client.post(
        releases,
        data=b"--x\r\n",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(65 * 1024 * 1024)},
    )

    assert answer.status_code == 413
    assert "takes archives of up to 64 MB" in answer.text


def test_only_the_upload_itself_takes_large_bodies(
    client: FlaskClient, product: Product, staff: User, releases: str
) -> None:
    release = product.releases[0]

    answer = client.post(f"{releases}/{release.id}/words", data={"changelog_en": "x" * 400_000})

    assert answer.status_code == 413
