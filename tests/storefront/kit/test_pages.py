"""Cursors come back from outside: whatever they hold, a page is shown."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.ids import new_id
from storefront.kit.pages import decode_cursor, encode_cursor, id_in_cursor, page_by_id


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.integers(-(2**63), 2**63 - 1))
def test_a_cursor_comes_back_as_it_went(text: str, number: int) -> None:
    cursor = encode_cursor(text, number)

    assert decode_cursor(cursor, str, int) == (text, number)
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?# ")


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_no_text_makes_the_reading_of_a_cursor_fail(cursor: str) -> None:
    found = decode_cursor(cursor, str, int)

    assert found is None or [type(value) for value in found] == [str, int]


@pytest.mark.parametrize(
    "forged",
    [
        None,
        "",
        "!",
        "ก",
        "a" * 301,
        encode_cursor("a"),
        encode_cursor(1, "a"),
        encode_cursor("a", 1, 2),
        encode_cursor("a", "1"),
    ],
)
def test_a_cursor_of_another_shape_starts_at_the_first_page(forged: str | None) -> None:
    assert decode_cursor(forged, str, int) is None


@pytest.mark.parametrize(
    "values", [["a", True], ["a", 1.0], ["a", None], {"a": 1}, "a", [["a"], 1]]
)
def test_a_cursor_with_other_kinds_of_values_starts_at_the_first_page(values: object) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    assert decode_cursor(forged, str, int) is None


def test_a_cursor_that_nests_without_end_starts_at_the_first_page() -> None:
    forged = base64.urlsafe_b64encode(b"[" * 200).decode()

    assert decode_cursor(forged, str) is None


def test_pages_by_id_follow_each_other_and_end() -> None:
    ids = [new_id() for _ in range(5)]

    first = page_by_id(ids[:3], 2, id_of=lambda one: one)
    last = page_by_id(ids[2:4], 2, id_of=lambda one: one)

    assert first.items == ids[:2]
    assert id_in_cursor(first.next_cursor) == ids[1]
    assert last.items == ids[2:4]
    assert last.next_cursor is None
    assert page_by_id([], 2, id_of=lambda one: one).next_cursor is None


@pytest.mark.parametrize("cursor", [None, "", "x", encode_cursor("no id"), encode_cursor(7)])
def test_a_cursor_without_an_id_starts_at_the_first_page(cursor: str | None) -> None:
    assert id_in_cursor(cursor) is None
