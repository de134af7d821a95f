"""Flash sales for staff: the list, and the form in which a sale is planned and changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.flash_sale_form import (
    FieldError,
    ItemRow,
    SaleFields,
    copy_of,
    errors_of,
    fields_of,
    parse_local,
    read_draft,
    read_fields,
)
from admin.guards import manage_catalog, wanted_id
from storefront.catalog import flash_sales
from storefront.catalog.flash_sales import SaleRefused, queries
from storefront.catalog.flash_sales.rules import Phase
from storefront.errors import Conflict
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.web import read, shop, visitor

bp = Blueprint("admin_flash_sales", __name__)

Errors = Sequence[FieldError]


@bp.get("/admin/flash-sales")
@manage_catalog
def index() -> Response:
    """Running and planned sales, and those that are over in pages."""
    now, cursor = shop().clock(), request.args.get("cursor")
    return render(
        "admin/flash_sales/index.html",
        now=now,
        opened=[] if cursor else queries.list_open_sales(read(), now=now),
        ended=queries.list_ended_sales(read(), now=now, cursor=cursor),
        is_first_page=not cursor,
        phases=Phase,
    )


@bp.get("/admin/flash-sales/new")
@manage_catalog
def new() -> Response:
    """An empty form, or with `?from=` a copy of another sale without its times."""
    source = request.args.get("from")
    if source:
        sale = queries.get_sale(read(), wanted_id(source, "flash_sale"), now=shop().clock())
        return _form_page(copy_of(sale))
    return _form_page(SaleFields())


@bp.post("/admin/flash-sales")
@manage_catalog
def create() -> Response:
    """Plan a sale, or start it right away."""
    fields = read_fields(request.form)
    draft, errors = read_draft(fields)
    if draft is None:
        return _form_page(fields, errors=errors, status=422)
    try:
        with shop().database.transaction() as session:
            sale_id = flash_sales.schedule_sale(
                session, draft, actor_id=visitor().id, now=shop().clock()
            )
    except SaleRefused as refusal:
        return _form_page(fields, refusal=refusal, status=422)
    flash(_("The flash sale is saved."), "success")
    return see_other(url_for("admin_flash_sales.show", sale_id=sale_id))


@bp.post("/admin/flash-sales/draft")
@manage_catalog
def redraw() -> Response:
    """The form again with a product more or less, other search results or a fresh preview. Saves
    nothing: what makes the form work without JavaScript."""
    sale = _sale(request.form["sale_id"]) if request.form.get("sale_id") else None
    fields = read_fields(request.form)
    if "add" in request.form:
        fields = fields.with_item(parse_id(request.form["add"]))
    if "remove" in request.form:
        fields = fields.without_item(parse_id(request.form["remove"]))
    return _form_page(fields, sale=sale)


@bp.get("/admin/flash-sales/<sale_id>")
@manage_catalog
def show(sale_id: str) -> Response:
    """One sale: the form, and what was sold so far."""
    sale = _sale(sale_id)
    return _form_page(fields_of(sale), sale=sale)


@bp.post("/admin/flash-sales/<sale_id>")
@manage_catalog
def change(sale_id: str) -> Response:
    """Save the form of a sale; told apart from changes somebody else made meanwhile."""
    sale = _sale(sale_id)
    fields = read_fields(request.form)
    draft, errors = read_draft(fields)
    if draft is None:
        return _form_page(fields, sale=sale, errors=errors, status=422)
    revision = int(fields.revision) if fields.revision.isdecimal() else 0
    try:
        with shop().database.transaction() as session:
            flash_sales.change_sale(
                session,
                sale.id,
                draft,
                revision=revision,
                actor_id=visitor().id,
                now=shop().clock(),
            )
    except SaleRefused as refusal:
        return _form_page(fields, sale=sale, refusal=refusal, status=422)
    except Conflict as conflict:
        return _form_page(fields, sale=sale, problem=message_for(conflict), status=409)
    flash(_("The flash sale is saved."), "success")
    return see_other(url_for("admin_flash_sales.show", sale_id=sale.id))


@bp.post("/admin/flash-sales/<sale_id>/ending")
@manage_catalog
def end(sale_id: str) -> Response:
    """End a running sale now."""
    sale = wanted_id(sale_id, "flash_sale")
    with shop().database.transaction() as session:
        flash_sales.end_sale(session, sale, actor_id=visitor().id, now=shop().clock())
    flash(_("The flash sale has ended. Prices are back to normal."), "success")
    return see_other(url_for("admin_flash_sales.show", sale_id=sale))


@bp.post("/admin/flash-sales/<sale_id>/removal")
@manage_catalog
def delete(sale_id: str) -> Response:
    """Throw a planned sale away."""
    sale = wanted_id(sale_id, "flash_sale")
    with shop().database.transaction() as session:
        flash_sales.delete_sale(session, sale, actor_id=visitor().id, now=shop().clock())
    flash(_("The planned flash sale is deleted."), "success")
    return see_other(url_for("admin_flash_sales.index"))


def _sale(sale_id: str) -> queries.SaleDetail:
    return queries.get_sale(read(), wanted_id(sale_id, "flash_sale"), now=shop().clock())


def _form_page(
    fields: SaleFields,
    *,
    sale: queries.SaleDetail | None = None,
    errors: Errors = (),
    refusal: SaleRefused | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    now = shop().clock()
    begins_at = _begin(fields, sale, now)
    chosen: list[UUID] = [item.variant_id for item in fields.items]
    tiers = queries.find_tiers(read(), chosen, at=begins_at)
    is_running = sale is not None and sale.phase is Phase.RUNNING
    kept = {item.variant_id: item for item in sale.items} if sale and is_running else {}
    all_errors = [*errors, *(errors_of(refusal.problems, tiers) if refusal else ())]
    is_over = sale is not None and sale.phase is Phase.ENDED
    found = [] if is_over else queries.search_tiers(read(), fields.find, at=begins_at)
    return render(
        "admin/flash_sales/form.html",
        status=status,
        fields=fields,
        sale=sale,
        rows=[ItemRow(i, tiers.get(i.variant_id), kept.get(i.variant_id)) for i in fields.items],
        found=[tier for tier in found if tier.variant_id not in chosen],
        errors=all_errors,
        error_at=dict(reversed(all_errors)),
        problem=problem,
        now=now,
        ends_at=parse_local(fields.ends_at),
        phases=Phase,
    )


def _begin(fields: SaleFields, sale: queries.SaleDetail | None, now: datetime) -> datetime:
    if sale is not None and sale.phase is not Phase.PLANNED:
        return sale.starts_at if sale.phase is Phase.ENDED else now
    typed = parse_local(fields.starts_at)
    return typed if typed is not None and typed > now else now
