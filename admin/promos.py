"""Promo codes for staff: the list, the form of a code, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin import promo_words
from admin.flash_sale_form import FieldError
from admin.guards import manage_promos, wanted_id
from admin.promo_form import (
    PromoFields,
    copy_of,
    errors_of,
    fields_of,
    read_draft,
    read_fields,
)
from storefront.errors import Conflict, Invalid
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.orders.promo_usage import count_usage, list_days, list_promo_uses
from storefront.promos import editing, reports
from storefront.promos.drafting import MOST_CODES, DraftRefused, draw_code
from storefront.promos.reports import Phase
from storefront.web import read, shop, visitor

bp = Blueprint("admin_promos", __name__)

BATCHES: Final = "batches"
LONGEST_SEARCH: Final = 100
Errors = Sequence[FieldError]


@bp.get("/admin/promos")
@manage_promos
def index() -> Response:
    """Codes by phase, and batches; tab, search and page stand in the address."""
    search = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    cursor, now = request.args.get("cursor"), shop().clock()
    counts = reports.count_promos(read(), search=search, now=now)
    batches = reports.count_batches(read(), search=search)
    tab = _tab(request.args.get("tab", ""), counts, batches)
    is_batches = tab == BATCHES
    return render(
        "admin/promos/index.html",
        tab=tab,
        search=search,
        counts=counts,
        batch_count=batches,
        promos=None
        if is_batches
        else reports.list_promos(read(), Phase(tab), search=search, now=now, cursor=cursor),
        batches=reports.list_batches(read(), search=search, now=now, cursor=cursor)
        if is_batches
        else None,
        is_first_page=not cursor,
        phases=Phase,
        words=promo_words,
    )


@bp.get("/admin/promos/new")
@manage_promos
def new() -> Response:
    """An empty form, or with `?from=` the terms of another code."""
    source = request.args.get("from")
    return form_page(copy_of(_promo(source)) if source else PromoFields())


@bp.post("/admin/promos")
@manage_promos
def create() -> Response:
    """Write a new code down."""
    fields = read_fields(request.form)
    draft, errors = read_draft(fields)
    if draft is None:
        return form_page(fields, errors=errors, status=422)
    try:
        with shop().database.transaction() as session:
            promo_id = editing.create_promo(
                session, draft, actor_id=visitor().id, now=shop().clock()
            )
    except DraftRefused as refusal:
        return form_page(fields, errors=errors_of(refusal.problems), status=422)
    flash(_("The code is saved."), "success")
    return see_other(url_for("admin_promos.show", promo_id=promo_id))


@bp.post("/admin/promos/draft")
@manage_promos
def redraw() -> Response:
    """The form again with a code made up, a product more or less, or a fresh preview. Saves
    nothing: what makes the form work without JavaScript."""
    promo = _promo(request.form["promo_id"]) if request.form.get("promo_id") else None
    fields = changed_fields()
    return form_page(fields, promo=promo)


@bp.get("/admin/promos/<promo_id>")
@manage_promos
def show(promo_id: str) -> Response:
    """The form of one code."""
    promo = _promo(promo_id)
    return form_page(fields_of(promo), promo=promo)


@bp.post("/admin/promos/<promo_id>")
@manage_promos
def change(promo_id: str) -> Response:
    """Save the form of a code; told apart from changes somebody else made meanwhile."""
    promo = _promo(promo_id)
    fields = read_fields(request.form)
    draft, errors = read_draft(fields, promo=promo)
    if draft is None:
        return form_page(fields, promo=promo, errors=errors, status=422)
    revision = int(fields.revision) if fields.revision.isdecimal() else 0
    try:
        with shop().database.transaction() as session:
            editing.change_promo(
                session,
                promo.id,
                draft,
                revision=revision,
                actor_id=visitor().id,
                now=shop().clock(),
            )
    except DraftRefused as refusal:
        return form_page(fields, promo=promo, errors=errors_of(refusal.problems), status=422)
    except Conflict as conflict:
        return form_page(fields, promo=promo, problem=message_for(conflict), status=409)
    flash(_("The code is saved."), "success")
    return see_other(url_for("admin_promos.show", promo_id=promo.id))


@bp.post("/admin/promos/<promo_id>/state")
@manage_promos
def switch(promo_id: str) -> Response:
    """Switch a code on or off."""
    wanted, active = wanted_id(promo_id, "promo"), wanted_state()
    with shop().database.transaction() as session:
        editing.switch_promo(session, wanted, active=active, actor_id=visitor().id)
    flash(_("The code is switched on.") if active else _("The code is switched off."), "success")
    return see_other(url_for("admin_promos.show", promo_id=wanted))


@bp.post("/admin/promos/<promo_id>/removal")
@manage_promos
def delete(promo_id: str) -> Response:
    """Throw a code away that nobody used."""
    wanted = wanted_id(promo_id, "promo")
    try:
        with shop().database.transaction() as session:
            editing.delete_promo(session, wanted, actor_id=visitor().id)
    except Conflict as conflict:
        flash(message_for(conflict), "error")
        return see_other(url_for("admin_promos.show", promo_id=wanted))
    flash(_("The code is deleted."), "success")
    return see_other(url_for("admin_promos.index"))


@bp.get("/admin/promos/<promo_id>/report")
@manage_promos
def report(promo_id: str) -> Response:
    """What a code did: uses, discount, revenue, by day and one by one."""
    promo = _promo(promo_id)
    cursor = request.args.get("cursor")
    return render(
        "admin/promos/report.html",
        promo=promo,
        usage=count_usage(read(), promo.id),
        days=list_days(read(), promo.id),
        uses=list_promo_uses(read(), promo.id, cursor=cursor),
        is_first_page=not cursor,
        words=promo_words,
    )


def changed_fields() -> PromoFields:
    """The form as the button that was pressed changes it."""
    fields = read_fields(request.form)
    if "add" in request.form:
        fields = fields.with_product(parse_id(request.form["add"]))
    if "remove" in request.form:
        fields = fields.without_product(parse_id(request.form["remove"]))
    if "make_up" in request.form:
        fields = fields.with_code(draw_code())
    return fields


def wanted_state() -> bool:
    """Which way to switch. Raises Invalid `promo_bad_state`."""
    state = request.form.get("state")
    if state not in ("on", "off"):
        raise Invalid("promo_bad_state")
    return state == "on"


def form_page(
    fields: PromoFields,
    *,
    promo: reports.PromoRow | None = None,
    errors: Errors = (),
    problem: str = "",
    status: int = 200,
) -> Response:
    """The form of a code with what was typed, what is wrong, and the rule in words."""
    draft, _unread = read_draft(fields, promo=promo)
    shelves, products = reports.list_shelves(read()), chosen_products(fields)
    return render(
        "admin/promos/form.html",
        status=status,
        promo=promo,
        fields=fields,
        draft=draft,
        shelves=shelves,
        products=products,
        covered=chosen_of(fields, shelves, products),
        found=found_products(fields),
        errors=errors,
        error_at=dict(reversed(errors)),
        problem=problem,
        phases=Phase,
        words=promo_words,
        most_codes=MOST_CODES,
    )


def chosen_products(fields: PromoFields) -> list[reports.Covered]:
    """The products that are chosen."""
    return reports.find_products(read(), fields.products)


def chosen_of(
    fields: PromoFields, shelves: list[reports.Covered], products: list[reports.Covered]
) -> list[reports.Covered]:
    """Everything that is chosen, categories first."""
    return [*(shelf for shelf in shelves if shelf.id in fields.shelves), *products]


def found_products(fields: PromoFields) -> list[reports.Covered]:
    """What the search in the form finds, without what is chosen already."""
    if not fields.find:
        return []
    found = reports.search_products(read(), fields.find)
    return [one for one in found if one.id not in fields.products]


def _promo(text: str) -> reports.PromoRow:
    wanted: UUID = wanted_id(text, "promo")
    return reports.get_promo_row(read(), wanted, now=shop().clock())


def _tab(asked: str, counts: dict[Phase, int], batches: int) -> str:
    """The tab that was asked for; else the first that holds something, so that a search lands
    where its matches are."""
    if asked == BATCHES or asked in list(Phase):
        return asked
    filled = [phase.value for phase in Phase if counts[phase]]
    return filled[0] if filled else (BATCHES if batches else Phase.ACTIVE.value)
