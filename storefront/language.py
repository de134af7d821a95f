"""How text, money and dates read in each language. Free of Flask: pages and mail share it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from babel.dates import format_date, format_time

from storefront.kit.clock import in_shop_zone
from storefront.kit.money import MINOR_UNITS, Money

LOCALES: Final = ("th", "en")
DEFAULT_LOCALE: Final = "th"
_BUDDHIST_ERA = 543


def text_of(row: Any, name: str, locale: str) -> Any:
    """The column of a bilingual row in a language: `name` gives name_th or name_en."""
    return getattr(row, f"{name}_{locale}")


def money_text(amount: Money) -> str:
    """฿1,290 or ฿1,290.50, the same in both languages; a minus sign before the symbol."""
    whole, rest = divmod(abs(amount.satang), MINOR_UNITS)
    sign = "\u2212" if amount.satang < 0 else ""
    symbol = "฿" if amount.currency == "THB" else f"{amount.currency} "
    return f"{sign}{symbol}{whole:,}" + (f".{rest:02d}" if rest else "")


def date_text(moment: datetime, locale: str) -> str:
    """The day in the shop's zone: 21 พ.ย. 2569 in Thai (Buddhist era), 21 Nov 2026 in English."""
    local = in_shop_zone(moment)
    year = local.year + (_BUDDHIST_ERA if locale == "th" else 0)
    return f"{format_date(local, 'd MMM', locale=locale)} {year}"


def month_text(year: int, month: int, locale: str) -> str:
    """A month by its name: พฤศจิกายน 2569 in Thai (Buddhist era), November 2026 in English."""
    shown = year + (_BUDDHIST_ERA if locale == "th" else 0)
    return f"{format_date(date(year, month, 1), 'LLLL', locale=locale)} {shown}"


def datetime_text(moment: datetime, locale: str) -> str:
    """The day and the time of day in the shop's zone."""
    return (
        f"{date_text(moment, locale)} {format_time(in_shop_zone(moment), 'HH:mm', locale=locale)}"
    )
