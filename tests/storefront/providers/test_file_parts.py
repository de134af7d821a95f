"""Files in parts, through the real S3 library: what arrives, what is refused, what is left open."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from io import BytesIO

import pytest
import requests

from storefront.bootstrap import Shop
from storefront.errors import Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.providers.file_parts import LEAST_PART_BYTES, StoredPart
from storefront.providers.files import FilesUnavailable

MINUTES = timedelta(minutes=15)
FIRST, LAST = os.urandom(LEAST_PART_BYTES), b"and the rest"


def begun(shop: Shop) -> tuple[str, str]:
    key = f"releases/parts/{new_id()}.zip"
    return key, shop.files.parts.start(key, content_type="application/zip")


def send(
    shop: Shop, upload: tuple[str, str], number: int, body: bytes, *, signed: int | None = None
) -> requests.Response:
    link = shop.files.parts.signed_link(
        *upload, number=number, size_bytes=signed or len(body), lifetime=MINUTES
    )
    return requests.put(link, data=body, timeout=10)


def test_parts_become_one_file(shop: Shop) -> None:
    upload = begun(shop)

    for number, body in ((2, LAST), (1, FIRST)):
        assert send(shop, upload, number, body).status_code == 200
    assert not shop.files.has(upload[0]), "nothing is there before it is complete"
    arrived = shop.files.parts.list_arrived(*upload)
    shop.files.parts.complete(*upload, arrived)

    assert [(part.number, part.size_bytes) for part in arrived] == [
        (1, len(FIRST)),
        (2, len(LAST)),
    ]
    stored = shop.files.read(upload[0])
    assert (stored.body == FIRST + LAST, stored.content_type) == (True, "application/zip")
    assert shop.files.find_size(upload[0]) == len(FIRST + LAST)


def test_a_part_that_is_sent_again_counts_once(shop: Shop) -> None:
    upload = begun(shop)
    for body in (b"torn", b"whole"):
        send(shop, upload, 1, body)

    shop.files.parts.complete(*upload, shop.files.parts.list_arrived(*upload))

    assert shop.files.read(upload[0]).body == b"whole"


def test_a_link_takes_exactly_the_bytes_it_was_made_for(shop: Shop) -> None:
    upload = begun(shop)

    for body in (LAST + b"!", LAST[:-1]):
        assert send(shop, upload, 1, body, signed=len(LAST)).status_code == 403
    link = shop.files.parts.signed_link(*upload, number=1, size_bytes=4, lifetime=MINUTES)
    other_part = link.replace("partNumber=1", "partNumber=2")
    assert other_part != link
    assert requests.put(other_part, data=b"text", timeout=10).status_code == 403
    assert requests.get(link, timeout=10).status_code == 403

    assert shop.files.parts.list_arrived(*upload) == []


def test_a_part_that_s3_would_not_take_gets_no_link(shop: Shop) -> None:
    upload = begun(shop)

    for number, size, lifetime in (
        (0, 1, MINUTES),
        (10_001, 1, MINUTES),
        (1, 0, MINUTES),
        (1, 1, MINUTES + timedelta(seconds=1)),
        (1, 1, timedelta(0)),
    ):
        with pytest.raises(ValueError, match="part"):
            shop.files.parts.signed_link(*upload, number=number, size_bytes=size, lifetime=lifetime)


def test_small_parts_before_the_last_are_refused_by_the_store(shop: Shop) -> None:
    upload = begun(shop)
    for number in (1, 2):
        send(shop, upload, number, LAST)

    with pytest.raises(FilesUnavailable, match="EntityTooSmall"):
        shop.files.parts.complete(*upload, shop.files.parts.list_arrived(*upload))


def test_what_was_aborted_cannot_be_completed_and_takes_no_parts(shop: Shop) -> None:
    upload = begun(shop)
    send(shop, upload, 1, LAST)
    arrived = shop.files.parts.list_arrived(*upload)

    for _ in range(2):
        shop.files.parts.abort(*upload)

    with pytest.raises(NotFound):
        shop.files.parts.complete(*upload, arrived)
    with pytest.raises(NotFound):
        shop.files.parts.list_arrived(*upload)
    assert send(shop, upload, 1, LAST).status_code == 404
    assert not shop.files.has(upload[0])


def test_completing_twice_changes_nothing(shop: Shop) -> None:
    upload = begun(shop)
    send(shop, upload, 1, LAST)
    arrived: list[StoredPart] = list(shop.files.parts.list_arrived(*upload))
    shop.files.parts.complete(*upload, arrived)

    # Some stores say yes again, some that there is no such upload any more.
    with suppress(NotFound):
        shop.files.parts.complete(*upload, arrived)
    shop.files.parts.abort(*upload)

    assert shop.files.read(upload[0]).body == LAST


def test_what_was_left_open_is_listed_by_its_age(shop: Shop) -> None:
    key, parts_id = begun(shop)
    now = shop.clock()

    def ids(before: timedelta) -> list[str]:
        listed = shop.files.parts.list_open("releases/parts/", began_before=now + before)
        return [one.parts_id for one in listed if one.key == key]

    assert ids(timedelta(minutes=1)) == [parts_id]
    assert ids(-timedelta(minutes=1)) == []
    shop.files.parts.abort(key, parts_id)
    assert ids(timedelta(minutes=1)) == []


def test_only_pages_that_were_allowed_may_send_parts(shop: Shop) -> None:
    upload = begun(shop)
    shop.files.parts.allow_origin("https://shop.example")
    link = shop.files.parts.signed_link(*upload, number=1, size_bytes=4, lifetime=MINUTES)
    assert link.startswith(shop.files.parts.origin + "/")

    def ask(origin: str, method: str) -> requests.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        return requests.options(link, headers=headers, timeout=10)

    allowed = ask("https://shop.example", "PUT")
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    for origin, method in (
        ("https://evil.example", "PUT"),
        ("https://shop.example", "DELETE"),
        ("https://shop.example", "GET"),
    ):
        refused = ask(origin, method)
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers
    sent = requests.put(link, data=b"text", headers={"Origin": "https://evil.example"}, timeout=10)
    assert "Access-Control-Allow-Origin" not in sent.headers


def test_a_large_file_is_fetched_up_to_a_limit(shop: Shop) -> None:
    body = os.urandom(3_000_000)
    shop.files.put("large.bin", body, content_type="application/zip")
    whole, too_much = BytesIO(), BytesIO()

    assert shop.files.fetch("large.bin", whole, most_bytes=len(body)) == len(body)
    with pytest.raises(Invalid, match="more than"):
        shop.files.fetch("large.bin", too_much, most_bytes=len(body) - 1)

    assert whole.getvalue() == body
    assert len(too_much.getvalue()) < len(body)
    with pytest.raises(NotFound):
        shop.files.fetch("nothing.bin", BytesIO(), most_bytes=1)
    assert shop.files.find_size("nothing.bin") is None
