"""A member's notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from storefront.catalog.alerts import list_waiting
from storefront.hx import render, see_other
from storefront.i18n import current_locale
from storefront.kit.clock import in_shop_zone
from storefront.language import date_text
from storefront.notifications import queries, service
from storefront.notifications.texts import Notice, in_words
from storefront.web import member, read, shop, visitor

bp = Blueprint("notifications", __name__)


@dataclass(frozen=True, slots=True)
class Day:
    """The notices of one day on the shop's wall clock."""

    label: str
    notices: Sequence[Notice]


@bp.get("/account/notifications")
@member
def index() -> Response:
    """One's notices by day, newest first."""
    cursor = request.args.get("cursor")
    page = queries.list_notifications(read(), visitor().id, cursor=cursor)
    return render(
        "storefront/notifications/index.html",
        days=_by_day(page.items, today=in_shop_zone(shop().clock()).date()),
        next_cursor=page.next_cursor,
        is_first_page=not cursor,
        waiting=list_waiting(read(), visitor().id),
    )


@bp.post("/account/notifications/reading")
@member
def mark_all_read() -> Response:
    """Everything is read."""
    with shop().database.transaction() as session:
        service.mark_all_read(session, visitor().id, now=shop().clock())
    return see_other(url_for("notifications.index"))


def _by_day(rows: Sequence[queries.NoticeRow], *, today: date) -> list[Day]:
    days = groupby(rows, key=lambda row: in_shop_zone(row.created_at).date())
    return [
        Day(_day_label(day, found[0].created_at, today), [in_words(row) for row in found])
        for day, found in ((day, list(group)) for day, group in days)
    ]


def _day_label(day: date, moment: datetime, today: date) -> str:
    if day == today:
        return str(_("Today"))
    if day == today - timedelta(days=1):
        return str(_("Yesterday"))
    return date_text(moment, current_locale())
