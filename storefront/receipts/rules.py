"""Calculations of receipts: the VAT in a price, tax ids, what a paper is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storefront.kit.clock import in_shop_zone
from storefront.kit.money import BASIS_POINTS, Money, round_half_up
from storefront.receipts.models import ReceiptKind, Series

_TAX_ID: Final = re.compile(r"[0-9]{13}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Title:
    """What a paper is called. Its Thai name is the law's, so neither is left to a translation."""

    th: str
    en: str


_RECEIPT: Final = Title("ใบเสร็จรับเงิน", "Receipt")
_TAX_INVOICE: Final = Title("ใบกำกับภาษีอย่างย่อ/ใบเสร็จรับเงิน", "Tax invoice (abbreviated) / Receipt")
_REFUND: Final = Title("ใบคืนเงิน", "Refund receipt")
_CREDIT_NOTE: Final = Title("ใบลดหนี้", "Credit note")


def title_of(kind: ReceiptKind, *, has_vat: bool) -> Title:
    """The name of a paper (Revenue Code, sections 86/6, 86/10 and 105). Money put into a wallet is
    no sale yet, so its receipt is never a tax invoice."""
    if kind is ReceiptKind.REFUND:
        return _CREDIT_NOTE if has_vat else _REFUND
    return _TAX_INVOICE if has_vat else _RECEIPT


def vat_in(amount: Money, basis_points: int) -> Money:
    """The VAT that a price including it holds, rounded once: amount x rate / (1 + rate)."""
    return Money(
        round_half_up(amount.satang * basis_points, BASIS_POINTS + basis_points), amount.currency
    )


def credited_vat(
    amount: Money, *, basis_points: int, credited: Money, vat_credited: Money
) -> Money:
    """The VAT of the next credit note over `amount`, when those that stand give back `credited`
    with `vat_credited`: what brings their sum to the VAT in all that is given back.

    Rounding each note by itself would leave a satang over; like this the notes of a receipt that
    is given back in full hold exactly its VAT. Never below zero, never more than the amount.
    """
    due = vat_in(credited + amount, basis_points) - vat_credited
    return max(Money(0, amount.currency), min(due, amount))


def is_tax_id(text: str) -> bool:
    """Whether this is a Thai taxpayer's number: 13 digits, the last of which checks the others
    (the citizen id's sum: weights 13 to 2, modulo 11)."""
    if not _TAX_ID.fullmatch(text):
        return False
    weighed = sum(int(digit) * (13 - place) for place, digit in enumerate(text[:12]))
    return (11 - weighed % 11) % 10 == int(text[12])


def series_of(kind: ReceiptKind) -> Series:
    """In which series a paper is counted."""
    return Series.CREDIT_NOTE if kind is ReceiptKind.REFUND else Series.RECEIPT


def year_of(moment: datetime) -> int:
    """In which year of the shop's wall clock a paper is counted."""
    return in_shop_zone(moment).year
