"""How amounts are read from a form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.money import Money
from storefront.wallet.forms import baht_text, parse_baht


@pytest.mark.parametrize(
    ("text", "satang"),
    [
        ("250", 25_000),
        ("250.5", 25_050),
        ("250.05", 25_005),
        (" 20 ", 2_000),
        ("฿300", 30_000),
        ("1,000", 100_000),
        ("50,000.00", 5_000_000),
        ("๒๕๐", 25_000),
        ("0", 0),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, satang: int) -> None:
    assert parse_baht(text) == Money(satang)


@pytest.mark.parametrize(
    "text",
    ["", "-20", "20.005", "1e3", "NaN", "ten", "1,00", "10,00,0", ".5", "20.", "٢٠", "9" * 30],
)
def test_everything_else_is_not_an_amount(text: str) -> None:
    assert parse_baht(text) is None


@given(st.integers(0, 10**10).map(Money))
def test_an_amount_survives_being_written_into_the_field(amount: Money) -> None:
    assert parse_baht(baht_text(amount)) == amount


@given(st.text(max_size=40))
def test_no_text_crashes_the_reader(text: str) -> None:
    amount = parse_baht(text)
    assert amount is None or amount >= Money(0)
