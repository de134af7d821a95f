"""The shop's own words for staff: what the search must know that no dictionary does."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.guards import manage_catalog, wanted_id
from storefront.catalog.search import service
from storefront.errors import Conflict, Invalid
from storefront.hx import render, see_other
from storefront.messages import message_for
from storefront.web import read, shop, visitor

bp = Blueprint("admin_search_words", __name__)

LONGEST_FIELD = 80


@bp.get("/admin/search-words")
@manage_catalog
def index() -> Response:
    """The words, and a form for one more."""
    return _page()


@bp.post("/admin/search-words")
@manage_catalog
def add() -> Response:
    """Teach the shop a word; its products are read again by the worker."""
    word = request.form.get("word", "")[:LONGEST_FIELD]
    same_as = request.form.get("same_as", "")[:LONGEST_FIELD]
    try:
        with shop().database.transaction() as session:
            service.add_word(session, word, same_as=same_as, actor_id=visitor().id)
    except (Invalid, Conflict) as refusal:
        return _page(word=word, same_as=same_as, error=message_for(refusal), status=422)
    flash(_("The word is known. Its products are found by it in a moment."), "success")
    return see_other(url_for("admin_search_words.index"))


@bp.post("/admin/search-words/<word_id>/remove")
@manage_catalog
def remove(word_id: str) -> Response:
    """Make the shop forget a word."""
    with shop().database.transaction() as session:
        service.remove_word(session, wanted_id(word_id, "search_word"), actor_id=visitor().id)
    flash(_("The word is forgotten."), "success")
    return see_other(url_for("admin_search_words.index"))


def _page(word: str = "", same_as: str = "", error: str = "", status: int = 200) -> Response:
    return render(
        "admin/search_words/index.html",
        words=service.list_words(read()),
        word=word,
        same_as=same_as,
        error=error,
        status=status,
    )
