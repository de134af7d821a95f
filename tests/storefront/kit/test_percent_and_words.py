"""Rates as people write them, and amounts in Thai words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.baht_words import baht_words
from storefront.kit.money import Money, baht
from storefront.kit.percent import parse_percent, percent_text


@pytest.mark.parametrize(
    ("text", "basis_points"),
    [("7", 700), (" 7.5 % ", 750), ("๗.๒๕", 725), ("0.01%", 1), ("100", 10_000), ("07", 700)],
)
def test_a_rate_is_read_as_people_write_it(text: str, basis_points: int) -> None:
    assert parse_percent(text) == basis_points


@pytest.mark.parametrize("text", ["", "seven", "-7", "7,5", "7.555", "7 5", "%", "1e3", "٧"])
def test_what_is_no_rate_is_none(text: str) -> None:
    assert parse_percent(text) is None


@given(st.integers(0, 99_999_999))
def test_a_rate_survives_being_written_down(basis_points: int) -> None:
    assert parse_percent(percent_text(basis_points)) == basis_points


@pytest.mark.parametrize(
    ("satang", "words"),
    [
        (0, "ศูนย์บาทถ้วน"),
        (100, "หนึ่งบาทถ้วน"),
        (1_000, "สิบบาทถ้วน"),
        (1_100, "สิบเอ็ดบาทถ้วน"),
        (2_100, "ยี่สิบเอ็ดบาทถ้วน"),
        (10_100, "หนึ่งร้อยเอ็ดบาทถ้วน"),
        (129_050, "หนึ่งพันสองร้อยเก้าสิบบาทห้าสิบสตางค์"),
        (11_111_121, "หนึ่งแสนหนึ่งหมื่นหนึ่งพันหนึ่งร้อยสิบเอ็ดบาทยี่สิบเอ็ดสตางค์"),
        (100_000_000, "หนึ่งล้านบาทถ้วน"),
        (100_000_100, "หนึ่งล้านเอ็ดบาทถ้วน"),
        (1_200_000_000, "สิบสองล้านบาทถ้วน"),
        (200_000_000_000_000, "สองล้านล้านบาทถ้วน"),
        (38, "สามสิบแปดสตางค์"),
    ],
)
def test_an_amount_is_said_in_thai_words(satang: int, words: str) -> None:
    assert baht_words(Money(satang)) == words


@pytest.mark.parametrize("amount", [baht(-1), Money(100, "USD")])
def test_other_amounts_are_not_said(amount: Money) -> None:
    with pytest.raises(ValueError, match="baht"):
        baht_words(amount)
