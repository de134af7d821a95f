"""How order lines are called on papers and in mails, in both languages. Pages have their own words
for it in templates/storefront/orders/_purpose.html."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from storefront.catalog.models import Purpose
from storefront.language import date_text, text_of
from storefront.orders.models import OrderLine

_HIDDEN: Final = "-••••"
_ABOUT: Final[Mapping[tuple[str, str], str]] = {
    ("th", Purpose.RENEW): "ต่ออายุคีย์ {key}",
    ("en", Purpose.RENEW): "Renewal of key {key}",
    ("th", Purpose.UPGRADE): "อัปเกรดคีย์ {key}",
    ("en", Purpose.UPGRADE): "Upgrade of key {key}",
}
_UNTIL: Final = {"th": "ใช้ได้ถึง {date}", "en": "until {date}"}
_FOR_EVER: Final = {"th": "ไม่มีวันหมดอายุ", "en": "no end date"}


def name_of(line: OrderLine, locale: str) -> str:
    """What was bought: "Night Market", or "Night Market (Renewal of key ABCD-••••)"."""
    name = str(text_of(line, "name", locale))
    return name if line.is_new else f"{name} ({_about(line, locale)})"


def detail_of(line: OrderLine, locale: str) -> str:
    """The tier, and of a key that was there already which one and until when it is good now."""
    tier = str(text_of(line, "variant_name", locale))
    if line.is_new:
        return tier
    end = _FOR_EVER[locale]
    if line.ends_at is not None:
        end = _UNTIL[locale].format(date=date_text(line.ends_at, locale))
    return f"{tier} · {_about(line, locale)}, {end}"


def _about(line: OrderLine, locale: str) -> str:
    return _ABOUT[locale, line.purpose].format(key=f"{line.key_hint}{_HIDDEN}")
