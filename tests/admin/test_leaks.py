"""Leaked files in the back office: handed in, searched, and whose copy they were."""

from __future__ import annotations

import io
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from storefront.accounts.models import AuditEntry, Role, User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.delivery.models import LeakSearch, SearchState
from tests.storefront.marks.keys import packed, unpacked
from tests.storefront.orders.purchases import buy
from tests.support.archives import archive, archive_with_mode
from tests.support.downloads import download, large_archive, script_archive, store_archive, work
from tests.support.factories import Factory, SignIn


@pytest.fixture
def product(shop: Shop, make: Factory) -> Product:
    """A script that is sold."""
    product = make.product()
    store_archive(shop, product.releases[0], large_archive(10, 80))
    return product


def buyer_of(shop: Shop, make: Factory, product: Product, name: str) -> User:
    buyer = make.user(display_name=name)
    buy(shop, make, buyer, (product, 1))
    return buyer


def hand_in(
    client: FlaskClient, body: bytes, name: str = "leak.zip", note: str = ""
) -> TestResponse:
    return client.post(
        "/en/admin/leaks",
        data={"file": (io.BytesIO(body), name), "note": note},
        content_type="multipart/form-data",
    )


def search(client: FlaskClient, shop: Shop, body: bytes, name: str = "leak.zip") -> str:
    answer = hand_in(client, body, name)
    assert answer.status_code == 303, answer.text
    work(shop)
    return client.get(answer.location).text


def nameless(body: bytes) -> dict[str, bytes]:
    return {
        path: b"\n".join(one for one in text.split(b"\n") if b"build_id" not in one)
        for path, text in unpacked(body).items()
    }


def test_a_leaked_archive_names_buyer_order_and_licence(
    staff: FlaskClient, shop: Shop, make: Factory, product: Product
) -> None:
    leaker = make.user(display_name="Leaky Somchai")
    order = buy(shop, make, leaker, (product, 1))
    download(shop, buyer_of(shop, make, product, "Honest Anna"), product.releases[0])

    page = search(staff, shop, download(shop, leaker, product.releases[0]))

    assert "Leaky Somchai" in page
    assert "Honest Anna" not in page
    assert "Its name stands in the file" in page
    assert f"/admin/orders/{order.id}" in page
    assert order.reference in page
    assert "127.0.0.1" in page


def test_it_is_named_after_renaming_and_with_half_of_its_files_gone(
    staff: FlaskClient, shop: Shop, make: Factory, product: Product
) -> None:
    leaker = buyer_of(shop, make, product, "Leaky Somchai")
    for n in range(3):
        download(shop, buyer_of(shop, make, product, f"Honest {n}"), product.releases[0])
    files = list(nameless(download(shop, leaker, product.releases[0])).values())

    page = search(staff, shop, packed({f"x{n}.lua": body for n, body in enumerate(files[::2])}))

    assert "Leaky Somchai" in page
    assert "Honest" not in page
    assert "files with marks agree" in page
    assert "below 1 in" in page


def test_mixed_copies_name_everybody_and_say_so(
    staff: FlaskClient, shop: Shop, make: Factory, product: Product
) -> None:
    pair = [buyer_of(shop, make, product, name) for name in ("First Leaker", "Second Leaker")]
    one, other = (nameless(download(shop, who, product.releases[0])) for who in pair)

    page = search(staff, shop, packed({p: (one if n % 2 else other)[p] for n, p in enumerate(one)}))

    assert "First Leaker" in page
    assert "Second Leaker" in page
    assert "More than one copy" in page


def test_one_text_file_is_enough(staff: FlaskClient, shop: Shop, make: Factory) -> None:
    product = make.product()
    store_archive(shop, product.releases[0], large_archive(1, 300))
    leaker = buyer_of(shop, make, product, "Leaky Somchai")
    text = unpacked(download(shop, leaker, product.releases[0]))["big/file0.lua"]

    assert "Leaky Somchai" in search(staff, shop, text, "found.lua")


def test_a_strangers_archive_names_nobody_and_says_why_that_can_be(
    staff: FlaskClient, shop: Shop, make: Factory, product: Product
) -> None:
    download(shop, buyer_of(shop, make, product, "Honest Anna"), product.releases[0])

    page = search(staff, shop, archive())

    assert "No copy named" in page
    assert "Too little could be read" in page
    assert "Honest Anna" not in page


def test_before_any_download_the_page_says_that_there_are_no_marks(
    staff: FlaskClient, shop: Shop
) -> None:
    assert "No marked copy has been made yet" in search(staff, shop, script_archive())


def test_the_search_is_audited_listed_and_its_file_deleted(staff: FlaskClient, shop: Shop) -> None:
    answer = hand_in(staff, script_archive(), note="a forum")
    waiting = staff.get(answer.location)
    polled = staff.get(answer.location, headers={"HX-Request": "true"})
    work(shop)

    with shop.database.reading() as session:
        kept = session.scalars(select(LeakSearch)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "search_leak")).one()
    assert "Being searched" in waiting.text
    assert polled.status_code == 204
    assert kept.state == SearchState.DONE
    assert not shop.files.has(kept.file_key)
    assert entry.detail["note"] == "a forum"
    assert "a forum" in staff.get("/en/admin/leaks").text
    assert "leak.zip" in staff.get("/en/admin/audit").text


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        (b"", "a.zip", "This file is empty"),
        (b"\0\1\2", "a.bin", "neither a ZIP archive nor a text file"),
        (b"Rar!\x1a\x07\x00", "a.rar", "neither a ZIP archive nor a text file"),
        (b"PK\x03\x04 and then nothing", "a.zip", "damaged or incomplete"),
        (archive({"a.lua": bytes(3_000_000)}), "bomb.zip", "unpacks to far more"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(
    staff: FlaskClient, shop: Shop, body: bytes, name: str, words: str
) -> None:
    answer = hand_in(staff, body, name, note="kept")

    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="kept"' in answer.text
    with shop.database.reading() as session:
        assert session.scalars(select(LeakSearch)).all() == []


def test_no_file_and_a_long_note_are_told_at_their_fields(staff: FlaskClient) -> None:
    assert "Choose the file you found" in staff.post("/en/admin/leaks", data={}).text
    assert "at most 300 characters" in hand_in(staff, b"x = 1\n", "a.lua", "n" * 301).text


def test_an_archive_with_unsafe_names_is_searched_because_nothing_is_unpacked(
    staff: FlaskClient, shop: Shop
) -> None:
    body = archive_with_mode("../../etc/passwd", b"x = 1\n", 0o644)

    assert "No copy named" in search(staff, shop, body)


def test_a_file_that_was_lost_before_it_was_read_says_so(staff: FlaskClient, shop: Shop) -> None:
    answer = hand_in(staff, script_archive())
    with shop.database.reading() as session:
        shop.files.delete(session.scalars(select(LeakSearch.file_key)).one())
    work(shop)

    assert "cannot be read" in staff.get(answer.location).text


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MODERATOR])
def test_others_find_no_such_page(
    client: FlaskClient, make: Factory, sign_in: SignIn, role: Role
) -> None:
    sign_in(client, make.user(role=role))

    assert client.get("/admin/leaks").status_code == 404
    assert hand_in(client, b"x = 1\n").status_code == 404
    assert client.get(f"/admin/leaks/{UUID(int=1)}").status_code == 404


def test_an_unknown_search_is_not_found(staff: FlaskClient) -> None:
    assert staff.get(f"/admin/leaks/{UUID(int=1)}").status_code == 404
    assert staff.get("/admin/leaks/abc").status_code == 404
