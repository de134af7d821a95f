"""VAT, tax ids, years and names of papers."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.money import Money
from storefront.receipts.models import ReceiptKind, Series
from storefront.receipts.rules import credited_vat, is_tax_id, series_of, title_of, vat_in, year_of

RATES = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("price", "rate", "vat"),
    [
        (10_700, 700, 700),
        (49_000, 700, 3_206),
        (1, 700, 0),
        (8, 700, 1),
        (49_000, 0, 0),
        (11_000, 1_000, 1_000),
    ],
)
def test_a_price_holds_its_vat_rounded_once(price: int, rate: int, vat: int) -> None:
    assert vat_in(Money(price), rate) == Money(vat)


@given(price=st.integers(1, 10**12), rate=RATES)
def test_vat_is_the_nearest_satang_to_the_exact_share(price: int, rate: int) -> None:
    exact = Fraction(price * rate, 10_000 + rate)

    assert abs(vat_in(Money(price), rate).satang - exact) <= Fraction(1, 2)


@given(rate=RATES, parts=st.lists(st.integers(1, 500_000), min_size=1, max_size=40))
def test_credit_notes_over_everything_give_back_exactly_the_vat(
    rate: int, parts: list[int]
) -> None:
    total = Money(sum(parts))
    credited, vat_credited = Money(0), Money(0)

    for part in map(Money, parts):
        vat = credited_vat(part, basis_points=rate, credited=credited, vat_credited=vat_credited)
        assert Money(0) <= vat <= part
        credited, vat_credited = credited + part, vat_credited + vat

    assert vat_in(total, rate) - vat_credited == Money(0)


@given(
    rate=st.integers(1, 3_000),
    parts=st.lists(st.integers(2_000, 500_000), min_size=2, max_size=20),
    voided=st.data(),
)
def test_a_void_credit_note_is_made_up_for_by_the_next_one(
    rate: int, parts: list[int], voided: st.DataObject
) -> None:
    notes: list[tuple[Money, Money]] = []

    def standing() -> tuple[Money, Money]:
        return Money(sum(n[0].satang for n in notes)), Money(sum(n[1].satang for n in notes))

    def issue(part: Money) -> None:
        credited, vat = standing()
        due = credited_vat(part, basis_points=rate, credited=credited, vat_credited=vat)
        notes.append((part, due))

    for part in map(Money, parts):
        issue(part)
    gone = notes.pop(voided.draw(st.integers(0, len(notes) - 1)))
    issue(gone[0])

    credited, vat = standing()
    assert credited == Money(sum(parts))
    assert vat == vat_in(credited, rate)


# A public company's, a bank's, and one made up after the same sum.
@pytest.mark.parametrize("tax_id", ["0107537000521", "0107544000108", "0105561177671"])
def test_a_tax_id_is_known_by_its_last_digit(tax_id: str) -> None:
    assert is_tax_id(tax_id)
    for wrong in range(1, 10):
        assert not is_tax_id(tax_id[:-1] + str((int(tax_id[-1]) + wrong) % 10))


@pytest.mark.parametrize(
    "text", ["", "010556117767", "01055611776711", "0-1055-61177-67-1", "๐๑๐๕๕๖๑๑๗๗๖๗๑", "x" * 13]
)
def test_anything_else_is_no_tax_id(text: str) -> None:
    assert not is_tax_id(text)


def test_papers_are_counted_in_the_year_of_the_shops_wall_clock() -> None:
    assert year_of(datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)) == 2026
    assert year_of(datetime(2026, 12, 31, 17, 0, tzinfo=UTC)) == 2027


def test_only_a_paper_with_vat_is_called_a_tax_invoice_or_credit_note() -> None:
    names = {
        (kind, has_vat): title_of(kind, has_vat=has_vat)
        for kind in ReceiptKind
        for has_vat in (False, True)
    }

    assert "ใบกำกับภาษีอย่างย่อ" in names[ReceiptKind.ORDER, True].th
    assert names[ReceiptKind.ORDER, False].th == "ใบเสร็จรับเงิน"
    assert names[ReceiptKind.ADVANCE, False].en == "Receipt"
    assert names[ReceiptKind.REFUND, True].th == "ใบลดหนี้"
    assert names[ReceiptKind.REFUND, False].th == "ใบคืนเงิน"
    assert {series_of(kind) for kind in ReceiptKind} == set(Series)
    assert series_of(ReceiptKind.REFUND) is Series.CREDIT_NOTE
