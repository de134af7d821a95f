"""Identifiers, secrets and time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.clock import bounds_of_day, fixed_clock, in_shop_zone, system_clock
from storefront.kit.ids import CROCKFORD, new_id, new_token, parse_id, random_crockford


def test_ids_are_in_the_order_they_were_made() -> None:
    made = [new_id() for _ in range(1000)]

    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert {identifier.version for identifier in made} == {7}


def test_a_secret_is_never_the_same_and_holds_256_bits() -> None:
    secrets = {new_token() for _ in range(1000)}

    assert len(secrets) == 1000
    assert {len(secret) for secret in secrets} == {43}


def test_an_id_from_outside_is_read_or_is_none() -> None:
    identifier = uuid4()

    assert parse_id(str(identifier)) == identifier
    for wrong in ("", "1", "x" * 36, "../../etc", str(identifier)[:-1], "0" * 31 + "g"):
        assert parse_id(wrong) is None


@pytest.mark.parametrize("wrong", [None, 7, b"x", [], {}])
def test_what_is_no_text_is_no_id(wrong: Any) -> None:
    assert parse_id(wrong) is None


@given(st.text())
def test_no_text_makes_the_reading_of_an_id_fail(text: str) -> None:
    found = parse_id(text)

    assert found is None or isinstance(found, UUID)


def test_random_symbols_are_those_that_nobody_confuses() -> None:
    symbols = set(random_crockford(5000))

    assert symbols == set(CROCKFORD)
    assert not symbols & set("ILOU")


def test_the_shop_runs_on_the_clock_of_bangkok_and_keeps_utc() -> None:
    assert system_clock().tzinfo is UTC
    late = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)

    assert in_shop_zone(late).isoformat() == "2027-01-01T00:00:00+07:00"
    assert fixed_clock(late)() == late


def test_a_day_of_the_shop_begins_at_midnight_in_bangkok() -> None:
    start, end = bounds_of_day(date(2026, 12, 31))

    assert start.isoformat() == "2026-12-31T00:00:00+07:00"
    assert end.isoformat() == "2027-01-01T00:00:00+07:00"
