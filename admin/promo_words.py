"""A promo code in plain words: "10% off Scripts, at most ฿200, once per customer"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import ngettext

from storefront.i18n import current_locale
from storefront.kit.money import Money, baht
from storefront.kit.percent import percent_text
from storefront.language import datetime_text, money_text, text_of
from storefront.promos.drafting import PromoDraft
from storefront.promos.models import PromoKind
from storefront.promos.reports import Covered, Phase, PromoRow
from storefront.promos.rules import PricedLine, Promo, PromoRefused, discount_for

NAMED: Final = 3
_EXAMPLES: Final = (baht(300), baht(1_000), baht(3_000))
_NOBODY: Final = UUID(int=0)


def summary(promo: PromoRow | PromoDraft, covered: Sequence[Covered]) -> str:
    """All terms of a code in one line."""
    return ", ".join([_gain(promo, covered), *_conditions(promo), *_window(promo)])


def terms(promo: PromoRow | PromoDraft, covered: Sequence[Covered]) -> str:
    """The terms without the window, for lists that show it beside."""
    return ", ".join([_gain(promo, covered), *_conditions(promo)])


def phase_name(phase: Phase) -> str:
    """A phase as tabs and badges name it."""
    names: dict[Phase, str] = {
        Phase.ACTIVE: _("Active"),
        Phase.PLANNED: _("Planned"),
        Phase.USED_UP: _("Used up"),
        Phase.EXPIRED: _("Expired"),
        Phase.OFF: _("Switched off"),
    }
    return names[phase]


def examples(draft: PromoDraft) -> list[tuple[Money, Money | None]]:
    """What the code takes off some carts whose items it covers, by the rules of the checkout;
    None where it gives nothing."""
    return [(cart, _off(draft, cart)) for cart in _EXAMPLES]


def _gain(promo: PromoRow | PromoDraft, covered: Sequence[Covered]) -> str:
    what = _everything_or(promo, covered)
    if promo.kind is PromoKind.PERCENT:
        percent = percent_text(promo.value)
        return str(_("%(percent)s%% off %(what)s", percent=percent, what=what))
    return str(_("%(amount)s off %(what)s", amount=money_text(Money(promo.value)), what=what))


def _everything_or(promo: PromoRow | PromoDraft, covered: Sequence[Covered]) -> str:
    if promo.covers_all:
        return str(_("everything"))
    if not covered:
        is_draft = isinstance(promo, PromoDraft)
        return str(_("nothing yet") if is_draft else _("nothing any more"))
    names = ", ".join(str(text_of(one, "name", current_locale())) for one in covered[:NAMED])
    more = len(covered) - NAMED
    if more <= 0:
        return names
    return str(_("%(names)s and %(count)s more", names=names, count=more))


def _conditions(promo: PromoRow | PromoDraft) -> list[str]:
    parts = []
    if promo.max_discount is not None:
        parts.append(_("at most %(amount)s", amount=money_text(promo.max_discount)))
    if promo.min_subtotal:
        parts.append(_("for purchases from %(amount)s", amount=money_text(promo.min_subtotal)))
    if promo.first_purchase_only:
        parts.append(_("on the first purchase only"))
    each, total = promo.per_customer_limit, promo.total_limit
    if each is not None:
        parts.append(ngettext("once per customer", "%(num)d times per customer", each))
    if total is not None:
        parts.append(ngettext("once in all", "%(num)d times in all", total))
    return parts


def _window(promo: PromoRow | PromoDraft) -> list[str]:
    parts = []
    if promo.starts_at is not None:
        parts.append(_("from %(time)s", time=_time(promo.starts_at)))
    if promo.ends_at is not None:
        parts.append(_("until %(time)s", time=_time(promo.ends_at)))
    return parts


def _time(moment: datetime) -> str:
    return datetime_text(moment, current_locale())


def _off(draft: PromoDraft, cart: Money) -> Money | None:
    promo = Promo(
        id=_NOBODY,
        code=draft.code,
        kind=draft.kind,
        value=draft.value,
        min_subtotal=draft.min_subtotal,
        max_discount=draft.max_discount,
        total_limit=None,
        per_customer_limit=None,
        starts_at=None,
        ends_at=None,
        first_purchase_only=False,
        active=True,
        used=0,
        product_ids=None,
    )
    try:
        return discount_for(promo, [PricedLine(_NOBODY, cart)]).amount
    except PromoRefused:
        return None
