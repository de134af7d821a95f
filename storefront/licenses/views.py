"""A member's licences, with keys that are shown one at a time and only when asked for."""

from __future__ import annotations

from flask import Blueprint, Response

from storefront.errors import NotFound
from storefront.hx import render
from storefront.kit.ids import parse_id
from storefront.licenses import queries, service
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("licenses", __name__)


@bp.get("/account/licenses")
@member
def index() -> Response:
    """One's licences, newest first, keys masked."""
    return render("storefront/licenses/index.html", licenses=_mine(), revealed={})


@bp.post("/account/licenses/<license_id>/key")
@member
@limiter.limit("60 per minute")
def reveal(license_id: str) -> Response:
    """The same page, or only that licence, with its key in clear.

    A POST, so that no key ever stands in an address, a history or a log; the answer is never
    stored. Raises NotFound for an unknown licence and for anybody else's.
    """
    wanted = parse_id(license_id)
    if wanted is None:
        raise NotFound("license")
    with shop().database.transaction() as tx:
        key = service.reveal_key(tx, wanted, user_id=visitor().id, vault=shop().vault)
    licenses = _mine()
    response = render(
        "storefront/licenses/index.html",
        partial="storefront/licenses/_license.html",
        licenses=licenses,
        license=next(license for license in licenses if license.id == wanted),
        revealed={wanted: key},
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _mine() -> tuple[queries.LicenseRow, ...]:
    return queries.list_licenses(read(), visitor().id, now=shop().clock())
