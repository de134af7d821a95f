"""Page or piece: what htmx gets, and what everybody else does."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support.factories import Factory

PIECE = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize(
    ("headers", "is_piece"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        (PIECE, True),
        ({"HX-Request": "true", "HX-Request-Type": "full"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_htmx_gets_the_piece_and_everybody_else_the_page(
    client: FlaskClient, make: Factory, headers: dict[str, str], is_piece: bool
) -> None:
    make.product()

    answer = client.get("/en/products", headers=headers)

    assert answer.status_code == 200
    assert ("<html" not in answer.text) == is_piece
    assert "HX-Request" in answer.headers["Vary"]


def test_a_redirect_replaces_the_whole_page_for_htmx(client: FlaskClient) -> None:
    plain = client.get("/en/account")
    by_htmx = client.get("/en/account", headers=PIECE)

    assert (plain.status_code, plain.location) == (303, "/en/sign-in?next=/en/account")
    assert by_htmx.status_code == 200
    assert by_htmx.headers["HX-Redirect"] == plain.location
    assert by_htmx.text == ""
