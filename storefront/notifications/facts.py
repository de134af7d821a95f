"""Facts of a stored notice as its sentences show them. Notices are kept for long and written by
other versions, so what is missing or odd is left out instead of failing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storefront.i18n import current_locale
from storefront.kit.money import Money
from storefront.language import datetime_text, money_text


def named(context: Mapping[str, Any]) -> str:
    """The product, with its tier where one was meant."""
    locale = current_locale()
    names = (context.get(f"{part}_{locale}") for part in ("name", "variant_name"))
    return " · ".join(str(name) for name in names if name)


def amount_in(context: Mapping[str, Any], name: str = "amount_satang") -> str:
    """An amount of money; nothing where there is none."""
    satang = context.get(name)
    return money_text(Money(satang)) if type(satang) is int else ""


def size_in(context: Mapping[str, Any]) -> str:
    """The amount without its sign."""
    satang = context.get("amount_satang")
    return money_text(Money(abs(satang))) if type(satang) is int else ""


def time_in(context: Mapping[str, Any], name: str) -> str:
    """A moment, in the reader's language; nothing where there is none."""
    try:
        moment = datetime.fromisoformat(str(context.get(name)))
    except ValueError:
        return ""
    return datetime_text(moment, current_locale())
