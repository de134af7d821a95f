"""The category tree for staff: one page with a form per category."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from admin.category_tree import below, branches
from admin.guards import manage_catalog, wanted_id
from storefront.catalog import categories
from storefront.catalog.categories import CategoryDraft
from storefront.errors import DomainError, Kind
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.web import read, shop, visitor

bp = Blueprint("admin_categories", __name__)

LONGEST_TEXT: Final = 200
NEW: Final = "new"


@bp.get("/admin/categories")
@manage_catalog
def index() -> Response:
    """The tree with its counts, and a form for one more."""
    return _page()


@bp.post("/admin/categories")
@manage_catalog
def create() -> Response:
    """One more category, the last among its neighbours."""
    return _do(
        NEW,
        _("The category is there."),
        lambda session, who: categories.create_category(session, _draft(), actor_id=who),
    )


@bp.post("/admin/categories/<category_id>")
@manage_catalog
def change(category_id: str) -> Response:
    """Rename it, or put it inside another."""
    wanted = wanted_id(category_id, "category")
    return _do(
        str(wanted),
        _("The category is saved."),
        lambda session, who: categories.change_category(session, wanted, _draft(), actor_id=who),
    )


@bp.post("/admin/categories/<category_id>/place")
@manage_catalog
def move(category_id: str) -> Response:
    """One place up or down among its neighbours."""
    wanted = wanted_id(category_id, "category")
    step = categories.move_up if request.form.get("step") == "up" else categories.move_down
    return _do(str(wanted), "", lambda session, who: step(session, wanted, actor_id=who))


@bp.post("/admin/categories/<category_id>/deletion")
@manage_catalog
def delete(category_id: str) -> Response:
    """Delete it when nothing stands in it."""
    wanted = wanted_id(category_id, "category")
    return _do(
        str(wanted),
        _("The category was deleted."),
        lambda session, who: categories.delete_category(session, wanted, actor_id=who),
    )


def _do(place: str, done: str, change: Callable[[Session, UUID], object]) -> Response:
    """Do it and show the tree; or show what was wrong beside the category it is about."""
    try:
        with shop().database.transaction() as session:
            change(session, visitor().id)
    except DomainError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        return _page(place=place, problem=message_for(error), status=error.http_status)
    if done:
        flash(done, "success")
    return see_other(url_for("admin_categories.index", _anchor=f"category-{place}"))


def _page(*, place: str = "", problem: str = "", status: int = 200) -> Response:
    tree = branches(read())
    return render(
        "admin/categories/index.html",
        status=status,
        tree=tree,
        inside={branch.id: below(tree, branch.id) for branch in tree},
        place=place,
        problem=problem,
        typed=_draft(),
        is_typed=request.method == "POST" and "name_th" in request.form,
    )


def _draft() -> CategoryDraft:
    def text(name: str) -> str:
        return request.form.get(name, "").replace("\0", "").strip()[:LONGEST_TEXT]

    return CategoryDraft(
        name_th=text("name_th"),
        name_en=text("name_en"),
        slug=text("slug"),
        parent_id=parse_id(text("parent_id")),
    )
