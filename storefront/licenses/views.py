"""A member's licences: the list, and the page of each, with a key that is shown only when asked for
and only after a fresh sign-in."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from storefront.accounts.rules import is_recent
from storefront.errors import NotFound
from storefront.hx import render
from storefront.kit.ids import parse_id
from storefront.licenses import page, queries, service
from storefront.licenses.gift_queries import list_gifts_for
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("licenses", __name__)


@bp.get("/account/licenses")
@member
def index() -> Response:
    """One's licences, newest first, keys masked, and what others want to give."""
    now = shop().clock()
    return render(
        "storefront/licenses/index.html",
        licenses=queries.list_licenses(read(), visitor().id, now=now),
        gifts=list_gifts_for(read(), visitor().id, now=now),
    )


@bp.get("/account/licenses/<license_id>")
@member
def show(license_id: str) -> Response:
    """One licence: its key, masked, its servers, what they asked, and what can be done."""
    return _page(_wanted(license_id))


@bp.post("/account/licenses/<license_id>/key")
@member
@limiter.limit("30 per minute")
def reveal(license_id: str) -> Response:
    """The same page, or only the key, in clear.

    A POST, so that no key ever stands in an address, a history or a log; the answer is never
    stored. Who signed in longer ago than 30 minutes is led through the sign-in once more. Raises
    NotFound for an unknown licence and for anybody else's.
    """
    wanted = _wanted(license_id)
    if not is_recent(visitor().signed_in_at, now=shop().clock()):
        return _page(wanted, status=403, asks_again=True)
    with shop().database.transaction() as tx:
        key = service.reveal_key(tx, wanted, user_id=visitor().id, vault=shop().vault)
    return _page(wanted, key=key)


def _page(
    license_id: UUID, *, status: int = 200, key: str | None = None, asks_again: bool = False
) -> Response:
    found = page.open_page(read(), license_id, user_id=visitor().id, now=shop().clock())
    response = render(
        "storefront/licenses/show.html",
        partial="storefront/licenses/_key.html",
        status=status,
        dossier=found,
        license=found.row,
        key=key,
        asks_again=asks_again,
        address_text=page.address_text,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _wanted(license_id: str) -> UUID:
    """The id in the address; whose licence that is, says whoever reads it. Raises NotFound for
    what is no id."""
    wanted = parse_id(license_id)
    if wanted is None:
        raise NotFound("license")
    return wanted
