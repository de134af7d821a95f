"""Products for staff: the list, and changes of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.category_tree import Branch, below, branches
from admin.guards import manage_catalog
from admin.product_list import (
    ListSort,
    StaffProduct,
    Wanted,
    count_staff_products,
    find_staff_products,
    list_staff_products,
)
from admin.product_words import STATUS_NAMES, reasons_of
from storefront.catalog import editing
from storefront.catalog.models import ProductStatus
from storefront.errors import Invalid
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.web import read, shop, visitor

bp = Blueprint("admin_products", __name__)

LONGEST_SEARCH: Final = 100
MOVE: Final = "move"


@bp.get("/admin/products")
@manage_catalog
def index() -> Response:
    """Every product; tab, search, category, order and page stand in the address."""
    session, cursor = read(), request.args.get("cursor")
    tree = branches(session)
    slug = request.args.get("category", "")
    chosen = next((branch for branch in tree if branch.slug == slug), None)
    wanted = Wanted(
        status=_status(request.args.get("status", "")),
        search=request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        category_ids=below(tree, chosen.id) if chosen else (),
        sort=_sort(request.args.get("sort", "")),
    )
    counts = count_staff_products(session, wanted)
    return render(
        "admin/products/index.html",
        found=list_staff_products(session, wanted, cursor=cursor),
        wanted=wanted,
        counts=counts,
        total=sum(counts.values()),
        tree=tree,
        category=chosen,
        statuses=ProductStatus,
        status_names=STATUS_NAMES,
        sorts=ListSort,
        is_first_page=not cursor,
        is_filtered=bool(wanted.search or chosen),
        query=_query(wanted, chosen),
    )


@bp.post("/admin/products/changes")
@manage_catalog
def change_many() -> Response:
    """Publish, archive or move the chosen products: first said, then done, then told what was
    refused and why."""
    product_ids = [one for one in map(parse_id, request.form.getlist("product")) if one]
    product_ids = product_ids[: editing.MOST_AT_ONCE]
    tree = branches(read())
    status = _status(request.form.get("change", ""))
    category_id = parse_id(request.form.get("category_id", ""))
    category = next((branch for branch in tree if branch.id == category_id), None)
    if status is None and (request.form.get("change") != MOVE or category is None):
        flash(_("Choose what is to be done with the products."), "warning")
        return see_other(url_for("admin_products.index"))
    if not product_ids:
        flash(_("Choose at least one product first."), "warning")
        return see_other(url_for("admin_products.index"))
    if request.form.get("confirmed") != "1":
        return _confirm(product_ids, status, category)
    outcome = _do(product_ids, status, category)
    if outcome.refused:
        return _outcome_page(outcome, status, category)
    flash(
        ngettext("%(num)d product was changed.", "%(num)d products were changed.", outcome.changed),
        "success",
    )
    return see_other(url_for("admin_products.index"))


def _do(
    product_ids: Sequence[UUID], status: ProductStatus | None, category: Branch | None
) -> editing.BulkOutcome:
    who: dict[str, Any] = {"actor_id": visitor().id, "now": shop().clock()}
    with shop().database.transaction() as session:
        if status is not None:
            return editing.set_statuses(session, product_ids, status, **who)
        if category is None:
            raise Invalid("bad_request")
        return editing.move_products(session, product_ids, category.id, **who)


def _confirm(
    product_ids: Sequence[UUID], status: ProductStatus | None, category: Branch | None
) -> Response:
    products: Sequence[StaffProduct] = find_staff_products(read(), product_ids)
    return render(
        "admin/products/confirm.html",
        products=products,
        to_status=status,
        category=category,
        status_names=STATUS_NAMES,
    )


def _outcome_page(
    outcome: editing.BulkOutcome, status: ProductStatus | None, category: Branch | None
) -> Response:
    return render(
        "admin/products/outcome.html",
        outcome=outcome,
        reasons={one.product_id: reasons_of(one.error) for one in outcome.refused},
        to_status=status,
        category=category,
        status_names=STATUS_NAMES,
    )


def _query(wanted: Wanted, category: Branch | None) -> Mapping[str, str | None]:
    """The filters as they stand in an address; None leaves a name out."""
    default = replace(wanted, sort=ListSort.UPDATED)
    return {
        "status": wanted.status.value if wanted.status else None,
        "q": wanted.search or None,
        "category": category.slug if category else None,
        "sort": None if wanted == default else wanted.sort.value,
    }


def _status(text: str) -> ProductStatus | None:
    return ProductStatus(text) if text in list(ProductStatus) else None


def _sort(text: str) -> ListSort:
    return ListSort(text) if text in list(ListSort) else ListSort.UPDATED
