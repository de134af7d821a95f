"""Which files of the store are public: finished sizes of pictures and covers, nothing else."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from tests.support.factories import Factory, SignIn

IMAGE = "01900000-0000-7000-8000-000000000001"
STEM = f"pictures/{IMAGE}"


@pytest.mark.parametrize("width", [400, 800, 1200, 1600])
@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_a_finished_size_is_served_for_ever(
    client: FlaskClient, shop: Shop, width: int, kind: str
) -> None:
    # Whatever the store believes about the type.
    shop.files.put(f"{STEM}-{width}.{kind}", b"body", content_type="text/html")

    answer = client.get(f"/media/{STEM}-{width}.{kind}")

    assert (answer.status_code, answer.data) == (200, b"body")
    assert answer.content_type == f"image/{kind}"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(
        f"/media/{STEM}-{width}.{kind}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_a_picture_carries_nobodys_cookie(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    """A shared cache keeps the answer, headers and all."""
    shop.files.put(f"{STEM}-400.webp", b"body", content_type="image/webp")
    sign_in(client, make.user())
    with client.session_transaction() as session:
        session.permanent = True

    answer = client.get(f"/media/{STEM}-400.webp")

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "key",
    [
        f"uploads/{STEM}",
        f"uploads/pictures/{IMAGE}-400.webp",
        f"{STEM}",
        f"{STEM}-400.png",
        f"{STEM}-500.webp",
        f"{STEM}-400.webp.exe",
        f"{STEM}-400.webp%0a",
        f"{STEM.upper()}-400.webp",
        f"pictures/../uploads/pictures/{IMAGE}",
        f"pictures/..%2fuploads%2fpictures%2f{IMAGE}",
        f"pictures//{IMAGE}-400.webp",
        f"releases/qr-garage/{IMAGE}.zip",
        f"covers/../releases/qr-garage/{IMAGE}.zip",
        "covers/qr-garage-800.avif",
        "pictures/x-400.webp",
        "",
    ],
)
def test_nothing_else_is_reachable(client: FlaskClient, shop: Shop, key: str) -> None:
    for private in (
        f"uploads/{STEM}",
        f"uploads/pictures/{IMAGE}-400.webp",
        STEM,
        f"releases/qr-garage/{IMAGE}.zip",
    ):
        shop.files.put(private, b"private", content_type="image/webp")

    answer = client.get(f"/media/{key}")

    assert answer.status_code == 404
    assert answer.data != b"private"


def test_a_size_that_is_not_there_is_not_found(client: FlaskClient) -> None:
    assert client.get(f"/media/pictures/{new_id()}-400.webp").status_code == 404
