"""The catalogue as CSV for staff: writing it out, checking a file, importing it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flask import Blueprint, Response, flash, request, stream_with_context, url_for
from flask_babel import gettext as _

from admin.guards import manage_catalog, wanted_id
from admin.import_words import GUIDE, findings_in_words
from admin.uploads import allowing
from storefront.catalog.csv_files import queries
from storefront.catalog.csv_files.export import EXAMPLE, export_rows
from storefront.catalog.csv_files.planning import Step, plan_import
from storefront.catalog.csv_files.rules import (
    COLUMNS,
    MOST_BYTES,
    MOST_CHANGED,
    MOST_FINDINGS,
    MOST_ROWS,
    ImportRefused,
)
from storefront.catalog.csv_files.service import get_file, import_file, keep_file
from storefront.catalog.models import CatalogImport, ProductStatus
from storefront.catalog.queries import list_shelves
from storefront.errors import Conflict
from storefront.hx import render, see_other
from storefront.kit.clock import in_shop_zone
from storefront.kit.csv_text import MIMETYPE, csv_lines
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.web import read, shop, visitor

bp = Blueprint("admin_imports", __name__)
bp.url_value_preprocessor(allowing({"admin_imports.check": MOST_BYTES}))

MOST_PLANNED: Final = 200


@bp.get("/admin/imports")
@manage_catalog
def index() -> Response:
    """Export, template, upload, the guide to the columns, and the latest imports."""
    return _index_page()


@bp.get("/admin/imports/products.csv")
@manage_catalog
def export() -> Response:
    """The products of a status and a category, or all, as a file that can be imported again."""
    status = request.args.get("status", "")
    category_id = parse_id(request.args.get("category", ""))

    def rows() -> Iterable[list[str]]:
        with shop().database.reading() as session:
            known = status if status in list(ProductStatus) else ""
            yield from export_rows(session, status=known, category_id=category_id)

    day = in_shop_zone(shop().clock()).date().isoformat()
    return _file(f"products-{day}.csv", rows())


@bp.get("/admin/imports/template.csv")
@manage_catalog
def template() -> Response:
    """A file with the header and one example."""
    return _file("products-template.csv", [list(EXAMPLE)])


@bp.post("/admin/imports")
@manage_catalog
def check() -> Response:
    """The dry run: says everything that is wrong, or keeps the file and shows what it would do."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return _index_page(problem=_("Choose a file first."), status=422)
    body = upload.read(MOST_BYTES + 1)
    now = shop().clock()
    try:
        plan_import(read(), body, now=now)
    except ImportRefused as refusal:
        return _index_page(refusal=refusal, file_name=upload.filename, status=422)
    with shop().database.transaction() as session:
        kept = keep_file(session, body, file_name=upload.filename, actor_id=visitor().id, now=now)
    return see_other(url_for("admin_imports.show", import_id=kept))


@bp.get("/admin/imports/<import_id>")
@manage_catalog
def show(import_id: str) -> Response:
    """What a kept file would do, or what it did."""
    return _plan_page(get_file(read(), wanted_id(import_id, "catalog_import")))


@bp.post("/admin/imports/<import_id>/execution")
@manage_catalog
def execute(import_id: str) -> Response:
    """Import a file that was checked: all of it, or nothing and a report why."""
    wanted = wanted_id(import_id, "catalog_import")
    try:
        with shop().database.transaction() as session:
            outcome = import_file(session, wanted, actor_id=visitor().id, now=shop().clock())
    except ImportRefused as refusal:
        return _plan_page(get_file(read(), wanted), refusal=refusal, status=409)
    except Conflict as conflict:
        return _plan_page(get_file(read(), wanted), problem=message_for(conflict), status=409)
    flash(
        _(
            "Imported: %(created)s created, %(changed)s changed, %(same)s unchanged.",
            created=outcome.created,
            changed=outcome.changed,
            same=outcome.unchanged,
        ),
        "success",
    )
    return see_other(url_for("admin_imports.show", import_id=wanted))


def _index_page(
    *,
    refusal: ImportRefused | None = None,
    file_name: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    findings = refusal.findings if refusal else ()
    return render(
        "admin/imports/index.html",
        status=status,
        findings=findings_in_words(findings[:MOST_FINDINGS]),
        more_findings=max(0, len(findings) - MOST_FINDINGS),
        file_name=file_name[:100],
        problem=problem,
        shelves=list_shelves(read()),
        statuses=ProductStatus,
        imports=queries.list_imports(read()),
        guide=GUIDE,
        most_rows=MOST_ROWS,
        most_changed=MOST_CHANGED,
        most_megabytes=MOST_BYTES // (1024 * 1024),
    )


def _plan_page(
    kept: CatalogImport,
    *,
    refusal: ImportRefused | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    plan = None
    if kept.applied_at is None and refusal is None:
        try:
            plan = plan_import(read(), kept.body, now=shop().clock())
        except ImportRefused as found:
            refusal = found
    findings = refusal.findings if refusal else ()
    changing = [*plan.of(Step.CREATE), *plan.of(Step.CHANGE)] if plan else []
    return render(
        "admin/imports/show.html",
        status=status,
        kept=kept,
        plan=plan,
        steps=Step,
        planned=sorted(changing, key=lambda one: one.source.line)[:MOST_PLANNED],
        more_planned=max(0, len(changing) - MOST_PLANNED),
        findings=findings_in_words(findings[:MOST_FINDINGS]),
        more_findings=max(0, len(findings) - MOST_FINDINGS),
        outcome=queries.find_outcome(read(), kept.id) if kept.applied_at else None,
        problem=problem,
    )


def _file(name: str, rows: Iterable[list[str]]) -> Response:
    response = Response(stream_with_context(csv_lines(COLUMNS, rows)), mimetype=MIMETYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
