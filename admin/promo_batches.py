"""Batches of promo codes for staff: many codes for one use each, made in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flask import Blueprint, Response, flash, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from admin import promo_words
from admin.flash_sale_form import FieldError
from admin.guards import manage_promos
from admin.promo_form import (
    PromoFields,
    errors_of,
    read_batch_count,
    read_draft,
    read_fields,
)
from admin.promos import (
    changed_fields,
    chosen_of,
    chosen_products,
    found_products,
    wanted_state,
)
from storefront.errors import Conflict
from storefront.hx import render, see_other
from storefront.kit.clock import in_shop_zone
from storefront.kit.csv_text import MIMETYPE, csv_lines
from storefront.messages import message_for
from storefront.orders.promo_usage import count_usage, list_days, list_promo_uses
from storefront.promos import editing, reports
from storefront.promos.drafting import LONGEST_BATCH, MOST_CODES, DraftRefused, draw_code
from storefront.web import read, shop, visitor

bp = Blueprint("admin_promo_batches", __name__)

_COLUMNS = ("code", "state", "used", "ends_at")


@bp.get("/admin/promos/batches/new")
@manage_promos
def new() -> Response:
    """An empty form for many codes."""
    return _form_page(PromoFields())


@bp.post("/admin/promos/batches/draft")
@manage_promos
def redraw() -> Response:
    """The form again; saves nothing."""
    return _form_page(changed_fields())


@bp.post("/admin/promos/batches")
@manage_promos
def create() -> Response:
    """Make the codes."""
    fields = _batch_fields(read_fields(request.form))
    draft, errors = read_draft(fields)
    count, wrong_count = read_batch_count(fields)
    if draft is None or wrong_count:
        return _form_page(fields, errors=[*wrong_count, *errors], status=422)
    try:
        with shop().database.transaction() as session:
            editing.generate_batch(
                session,
                draft,
                batch=fields.batch,
                prefix=fields.prefix,
                count=count,
                actor_id=visitor().id,
                now=shop().clock(),
            )
    except DraftRefused as refusal:
        return _form_page(fields, errors=errors_of(refusal.problems), status=422)
    flash(ngettext("One code is made.", "%(num)d codes are made.", count), "success")
    return see_other(url_for("admin_promo_batches.show", name=fields.batch))


@bp.get("/admin/promos/batches")
@manage_promos
def show() -> Response:
    """One batch: its codes by phase, and what they did. Without a name, all batches: a form that
    was refused stands at this address, and switching its language asks for it."""
    if "name" not in request.args:
        return see_other(url_for("admin_promos.index", tab="batches"))
    batch = reports.get_batch(read(), _name(request.args), now=shop().clock())
    cursor = request.args.get("cursor")
    return render(
        "admin/promos/batch.html",
        batch=batch,
        usage=count_usage(read(), batch.name),
        days=list_days(read(), batch.name),
        uses=list_promo_uses(read(), batch.name, cursor=cursor),
        is_first_page=not cursor,
        phases=reports.Phase,
        words=promo_words,
    )


@bp.get("/admin/promos/batches.csv")
@manage_promos
def export() -> Response:
    """All codes of a batch with their state, as a file for a spreadsheet."""
    batch = reports.get_batch(read(), _name(request.args), now=shop().clock())
    response = Response(
        stream_with_context(csv_lines(_COLUMNS, _lines(batch.name))), mimetype=MIMETYPE
    )
    # The file's name is plain: the batch's own may hold any letters.
    day = in_shop_zone(shop().clock()).date().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="promo-codes-{day}.csv"'
    return response


@bp.post("/admin/promos/batches/state")
@manage_promos
def switch() -> Response:
    """Switch all codes of a batch on or off."""
    name, active = _name(request.form), wanted_state()
    with shop().database.transaction() as session:
        count = editing.switch_batch(session, name, active=active, actor_id=visitor().id)
    if active:
        flash(ngettext("One code is on.", "%(num)d codes are on.", count), "success")
    else:
        flash(ngettext("One code is off.", "%(num)d codes are off.", count), "success")
    return see_other(url_for("admin_promo_batches.show", name=name))


@bp.post("/admin/promos/batches/removal")
@manage_promos
def delete() -> Response:
    """Throw a batch away of which nobody used a code."""
    name = _name(request.form)
    try:
        with shop().database.transaction() as session:
            editing.delete_batch(session, name, actor_id=visitor().id)
    except Conflict as conflict:
        flash(message_for(conflict), "error")
        return see_other(url_for("admin_promo_batches.show", name=name))
    flash(_("The batch is deleted."), "success")
    return see_other(url_for("admin_promos.index", tab="batches"))


def _form_page(
    fields: PromoFields, *, errors: Sequence[FieldError] = (), status: int = 200
) -> Response:
    draft, _unread = read_draft(_batch_fields(fields))
    shelves, products = reports.list_shelves(read()), chosen_products(fields)
    return render(
        "admin/promos/batch_form.html",
        status=status,
        promo=None,
        fields=fields,
        draft=draft and replace(draft, total_limit=1),
        shelves=shelves,
        products=products,
        covered=chosen_of(fields, shelves, products),
        found=found_products(fields),
        errors=errors,
        error_at=dict(reversed(errors)),
        example=draw_code(fields.prefix),
        most_codes=MOST_CODES,
        words=promo_words,
    )


def _batch_fields(fields: PromoFields) -> PromoFields:
    """A batch has no code, and each of its codes is for one use: whatever is sent of these does
    not count."""
    return replace(fields, code="", total_limit="", per_customer_limit="")


def _lines(name: str) -> Iterator[list[str]]:
    now = shop().clock()
    with shop().database.reading() as session:
        for one in reports.walk_batch(session, name, now=now):
            ends_at = one.ends_at and in_shop_zone(one.ends_at).isoformat(timespec="minutes")
            yield [one.code, one.phase.value, str(one.used), ends_at or ""]


def _name(values: MultiDict[str, str]) -> str:
    return values.get("name", "").replace("\0", "").strip()[: LONGEST_BATCH + 1]
