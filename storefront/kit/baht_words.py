"""Amounts in Thai words, as papers about money carry them: หนึ่งพันบาทถ้วน."""

from __future__ import annotations

from typing import Final

from storefront.kit.money import MINOR_UNITS, Money

_DIGITS: Final = ("", "หนึ่ง", "สอง", "สาม", "สี่", "ห้า", "หก", "เจ็ด", "แปด", "เก้า")
_PLACES: Final = ("", "สิบ", "ร้อย", "พัน", "หมื่น", "แสน")
_MILLION: Final = "ล้าน"


def baht_words(amount: Money) -> str:
    """An amount of baht in words; ถ้วน says that there are no satang. Raises ValueError for an
    amount below zero or of another currency."""
    if amount.currency != "THB" or amount.satang < 0:
        raise ValueError("only baht from zero on are said in words")
    baht, satang = divmod(amount.satang, MINOR_UNITS)
    if not amount.satang:
        return "ศูนย์บาทถ้วน"
    words = f"{_number(baht)}บาท" if baht else ""
    return words + (f"{_number(satang)}สตางค์" if satang else "ถ้วน")


def _number(number: int) -> str:
    """A whole number above zero: groups of six digits, a million apart."""
    millions, rest = divmod(number, 10 ** len(_PLACES))
    if not millions:
        return _group(rest, follows=False)
    return _number(millions) + _MILLION + (_group(rest, follows=True) if rest else "")


def _group(number: int, *, follows: bool) -> str:
    digits = [int(digit) for digit in reversed(str(number))]
    words = [_digit(place, digit, len(digits)) for place, digit in enumerate(digits)]
    if follows and number == 1:
        words = ["เอ็ด"]
    return "".join(reversed(words))


def _digit(place: int, digit: int, length: int) -> str:
    if not digit:
        return ""
    if place == 0 and digit == 1 and length > 1:
        return "เอ็ด"
    if place == 1 and digit in (1, 2):
        return ("" if digit == 1 else "ยี่") + _PLACES[1]
    return _DIGITS[digit] + _PLACES[place]
