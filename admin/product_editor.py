"""One product for staff: writing it, saving it, showing it, copying it, throwing it away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from flask import Response, flash, request, url_for
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from admin.audit_words import in_words
from admin.category_tree import branches
from admin.guards import manage_catalog, wanted_id
from admin.product_dossier import ProductDossier, find_by_slugs, list_offered_parts, open_product
from admin.product_form import (
    FieldError,
    ProductFields,
    errors_of,
    fields_of,
    read_draft,
    read_fields,
)
from admin.product_words import STATUS_NAMES, sentence_of
from admin.products import bp
from storefront.accounts.audit import AuditRow
from storefront.catalog import editing
from storefront.catalog.editing import DraftRefused, ProductDraft
from storefront.catalog.editing.rules import LONGEST, problems_before_showing
from storefront.catalog.filters import DELIVERIES, FRAMEWORKS
from storefront.catalog.models import Category, ProductStatus
from storefront.catalog.product_page import load_product_page
from storefront.errors import Conflict, DomainError, Unavailable
from storefront.hx import render, see_other
from storefront.messages import message_for
from storefront.web import read, shop, visitor

Save = Callable[[Session, ProductDraft], UUID]
RENDERED: Final = "admin/products/_rendered.html"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the form is shown again: at which controls, or one sentence on top of it, or what
    others did meanwhile."""

    status: int = 200
    errors: Sequence[FieldError] = ()
    problem: str = ""
    newer: Sequence[AuditRow] = ()


NONE: Final = Trouble()


@bp.get("/admin/products/new")
@manage_catalog
def new() -> Response:
    """An empty form."""
    return _form_page(ProductFields())


@bp.post("/admin/products")
@manage_catalog
def create() -> Response:
    """Write a new product down, as a draft or straight onto the shelf."""
    return _save(
        read_fields(request.form),
        None,
        lambda session, draft: editing.create_product(session, draft, **_who()),
    )


@bp.post("/admin/products/draft")
@manage_catalog
def redraw() -> Response:
    """The form again with another row, or its Markdown as shoppers will see it. Saves nothing:
    what makes the form work without JavaScript."""
    fields = read_fields(request.form)
    add = request.form.get("add")
    if add == "tier":
        fields = fields.with_tier()
    elif add == "part":
        fields = fields.with_part()
    text = request.form.get("product_id")
    dossier = open_product(read(), wanted_id(text, "product")) if text else None
    partial = RENDERED if request.form.get("show") == "text" else None
    return _form_page(fields, dossier, partial=partial, is_dirty=True)


@bp.get("/admin/products/<product_id>")
@manage_catalog
def edit(product_id: str) -> Response:
    """One product: its form, what it cost, what was done to it."""
    dossier = _open(product_id)
    return _form_page(_fields(dossier), dossier)


@bp.post("/admin/products/<product_id>")
@manage_catalog
def change(product_id: str) -> Response:
    """Save the form; told apart from changes somebody else made meanwhile."""
    dossier = _open(product_id)
    fields = read_fields(request.form)
    revision = int(fields.revision) if fields.revision.isdecimal() else 0

    def save(session: Session, draft: ProductDraft) -> UUID:
        wanted = dossier.product.id
        editing.update_product(session, wanted, draft, revision=revision, **_who())
        return wanted

    return _save(fields, dossier, save)


@bp.post("/admin/products/<product_id>/status")
@manage_catalog
def set_status(product_id: str) -> Response:
    """Show, announce, hide or archive it."""
    dossier = _open(product_id)
    status = request.form.get("status", "")
    if status not in list(ProductStatus):
        return see_other(_edit_url(dossier.product.id))
    try:
        with shop().database.transaction() as session:
            editing.set_status(session, dossier.product.id, ProductStatus(status), **_who())
    except DraftRefused as refusal:
        fields = _fields(dossier)
        errors = errors_of(refusal.problems, fields)
        return _form_page(fields, dossier, Trouble(422, errors))
    name = str(STATUS_NAMES[ProductStatus(status)])
    flash(_("The product is now: %(status)s.", status=name), "success")
    return see_other(_edit_url(dossier.product.id))


@bp.post("/admin/products/<product_id>/copies")
@manage_catalog
def duplicate(product_id: str) -> Response:
    """A draft with the same texts and tiers, opened at once."""
    with shop().database.transaction() as session:
        copy_id = editing.duplicate_product(session, wanted_id(product_id, "product"), **_who())
    flash(_("This is the copy. Pictures and versions stayed with the original."), "success")
    return see_other(_edit_url(copy_id))


@bp.post("/admin/products/<product_id>/deletion")
@manage_catalog
def delete(product_id: str) -> Response:
    """Delete a draft that was never sold, when its address was typed to be sure."""
    dossier = _open(product_id)
    if request.form.get("confirmation", "").strip() != dossier.product.slug:
        errors = [("field-confirmation", _("Type the address of the product to delete it."))]
        return _form_page(_fields(dossier), dossier, Trouble(422, errors))
    try:
        with shop().database.transaction() as session:
            editing.delete_draft(session, dossier.product.id, actor_id=visitor().id)
    except Conflict as conflict:
        trouble = Trouble(conflict.http_status, problem=message_for(conflict))
        return _form_page(_fields(dossier), dossier, trouble)
    flash(_("The draft was deleted."), "success")
    return see_other(url_for("admin_products.index"))


@bp.get("/admin/products/<product_id>/preview")
@manage_catalog
def preview(product_id: str) -> Response:
    """The page of the product as shoppers will see it, whatever its status."""
    product = _open(product_id).product
    category = read().get_one(Category, product.category_id)
    page = load_product_page(read(), product, category, now=shop().clock())
    return render(
        "admin/products/preview.html",
        found=page,
        product=product,
        chosen=page.chosen,
        deal=None,
        picture=1,
        owned=frozenset(),
        frameworks=FRAMEWORKS,
        status_name=STATUS_NAMES[ProductStatus(product.status)],
    )


def _save(fields: ProductFields, dossier: ProductDossier | None, save: Save) -> Response:
    """Check, store, and go on to the product; or show the form again with what was typed."""
    draft, errors = read_draft(fields, products=find_by_slugs(read(), fields.contents))
    if draft is None:
        return _form_page(fields, dossier, Trouble(422, errors), is_dirty=True)
    try:
        with shop().database.transaction() as session:
            product_id = save(session, draft)
            if request.form.get("then") == ProductStatus.PUBLISHED:
                editing.set_status(session, product_id, ProductStatus.PUBLISHED, **_who())
    except DraftRefused as refusal:
        trouble = Trouble(422, errors_of(refusal.problems, fields))
        return _form_page(fields, dossier, trouble, is_dirty=True)
    except Conflict as conflict:
        return _edited_elsewhere(fields, conflict)
    except OperationalError:
        # Two who lock the same rows: one has to try again, and keeps what was typed.
        away: DomainError = Unavailable("database_unavailable")
        trouble = Trouble(away.http_status, problem=message_for(away))
        return _form_page(fields, dossier, trouble, is_dirty=True)
    flash(_("The product is saved."), "success")
    return see_other(_edit_url(product_id))


def _edited_elsewhere(fields: ProductFields, conflict: Conflict) -> Response:
    """What others did since, and the form with a revision by which it can be saved all the same."""
    dossier = _open(str(request.view_args["product_id"]) if request.view_args else "")
    seen = int(fields.revision) if fields.revision.isdecimal() else 0
    newer = [row for row in dossier.audit if int(row.detail.get("revision", 0)) > seen]
    fields = replace(fields, revision=str(dossier.product.revision))
    trouble = Trouble(409, problem=message_for(conflict), newer=newer or dossier.audit[:1])
    return _form_page(fields, dossier, trouble, is_dirty=True)


def _form_page(
    fields: ProductFields,
    dossier: ProductDossier | None = None,
    trouble: Trouble = NONE,
    *,
    partial: str | None = None,
    is_dirty: bool = False,
) -> Response:
    session = read()
    return render(
        "admin/products/form.html",
        partial=partial,
        status=trouble.status,
        fields=fields,
        dossier=dossier,
        product=dossier.product if dossier else None,
        tiers_by_id={str(tier.id): tier for tier in dossier.rows.tiers} if dossier else {},
        errors=trouble.errors,
        error_at=dict(trouble.errors),
        problem=trouble.problem,
        newer=in_words(session, trouble.newer),
        audit=in_words(session, dossier.audit) if dossier else (),
        missing=_missing(dossier),
        tree=branches(session),
        offered=list_offered_parts(session),
        frameworks=FRAMEWORKS,
        deliveries=DELIVERIES,
        longest=LONGEST,
        status_names=STATUS_NAMES,
        is_dirty=is_dirty,
        shows_text=request.form.get("show") == "text",
    )


def _missing(dossier: ProductDossier | None) -> Sequence[str]:
    """What stands between a product and the shelf."""
    if dossier is None:
        return ()
    problems = problems_before_showing(dossier.rows.draft, ProductStatus.PUBLISHED)
    return [sentence_of(problem) for problem in problems]


def _fields(dossier: ProductDossier) -> ProductFields:
    return fields_of(dossier.rows.draft, slugs=dossier.slugs, revision=dossier.product.revision)


def _open(product_id: str) -> ProductDossier:
    return open_product(read(), wanted_id(product_id, "product"))


def _edit_url(product_id: UUID) -> str:
    return url_for("admin_products.edit", product_id=product_id)


def _who() -> Mapping[str, Any]:
    return {"actor_id": visitor().id, "now": shop().clock()}
