"""The audit log for staff: who did what to which thing, with the values before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, Response, current_app, request, stream_with_context, url_for

from admin.audit_words import action_name, in_words, thing_name
from admin.filters import asked_day, asked_text
from admin.guards import see_audit
from storefront.accounts.audit import AuditFilter, list_audit, list_choices, walk_audit
from storefront.hx import render
from storefront.kit.clock import in_shop_zone
from storefront.kit.csv_text import MIMETYPE, csv_lines
from storefront.kit.ids import parse_id
from storefront.web import read, shop

bp = Blueprint("admin_audit", __name__)

MOST_EXPORTED: Final = 50_000
_COLUMNS: Final = (
    *("time", "person", "username", "action", "subject_type", "subject_id", "detail"),
)
# The page of each sort of thing, and the name its id has there.
_PAGES: Final = {
    "flash_sale": ("admin_flash_sales.show", "sale_id"),
    "order": ("admin_orders.show", "order_id"),
    "wallet": ("admin_wallets.show", "user_id"),
    "payment": ("admin_payments.show", "payment_id"),
    "webhook": ("admin_webhooks.show", "webhook_id"),
    "product": ("admin_products.edit", "product_id"),
    "promo": ("admin_promos.show", "promo_id"),
    "catalog_import": ("admin_imports.show", "import_id"),
}


@bp.get("/admin/audit")
@see_audit
def index() -> Response:
    """Entries, newest first; filters and page stand in the address."""
    wanted = _filter()
    cursor = request.args.get("cursor")
    found = list_audit(read(), wanted, cursor=cursor)
    return render(
        "admin/audit/index.html",
        entries=in_words(read(), found.items),
        next_cursor=found.next_cursor,
        is_first_page=not cursor,
        wanted=wanted,
        query=_query(wanted),
        choices=list_choices(read()),
        action_name=action_name,
        thing_name=thing_name,
        page_of=_page_of,
    )


@bp.get("/admin/audit.csv")
@see_audit
def export() -> Response:
    """The entries that match, as a file for a spreadsheet; at most 50,000, the newest."""
    lines = csv_lines(_COLUMNS, _rows(_filter()))
    day = in_shop_zone(shop().clock()).date().isoformat()
    response = Response(stream_with_context(lines), mimetype=MIMETYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{day}.csv"'
    return response


def _rows(wanted: AuditFilter) -> Iterator[list[str]]:
    with shop().database.reading() as session:
        for row in walk_audit(session, wanted, most=MOST_EXPORTED):
            yield [
                in_shop_zone(row.at).isoformat(timespec="seconds"),
                row.actor_name or "",
                (row.actor_handle or "").removeprefix("@"),
                row.action,
                row.subject_type,
                row.subject_id,
                json.dumps(row.detail, ensure_ascii=False) if row.detail else "",
            ]


def _filter() -> AuditFilter:
    return AuditFilter(
        actor_id=parse_id(asked_text("person")),
        action=asked_text("action"),
        subject_type=asked_text("subject"),
        subject_id=asked_text("id"),
        first_day=asked_day("from"),
        last_day=asked_day("to"),
    )


def _query(wanted: AuditFilter) -> dict[str, Any]:
    """The filters as they stand in an address; None leaves a name out."""
    return {
        "person": wanted.actor_id,
        "action": wanted.action or None,
        "subject": wanted.subject_type or None,
        "id": wanted.subject_id or None,
        "from": wanted.first_day,
        "to": wanted.last_day,
    }


def _page_of(subject_type: str, subject_id: str) -> str | None:
    """Where the thing can be looked at; None where it has no page."""
    page = _PAGES.get(subject_type)
    if page is None or page[0] not in current_app.view_functions:
        return None
    values: dict[str, Any] = {page[1]: subject_id}
    return url_for(page[0], **values)
