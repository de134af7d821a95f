"""A member's downloads."""

from __future__ import annotations

from flask import Blueprint, Response, request

from storefront.delivery import flow, queries
from storefront.errors import NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("delivery", __name__)


@bp.get("/account/downloads")
@member
def index() -> Response:
    """Everything one owns, with its releases."""
    return render(
        "storefront/delivery/index.html",
        products=queries.list_downloads(read(), visitor().id, now=shop().clock()),
    )


@bp.post("/account/licenses/<license_id>/downloads")
@member
@limiter.limit("30 per minute")
def create_link(license_id: str) -> Response:
    """Record a download and go to its signed, short-lived link.

    Raises NotFound for an unknown licence and for anybody else's, Conflict when the licence or
    the release is not good.
    """
    license_wanted = parse_id(license_id)
    if license_wanted is None:
        raise NotFound("license")
    release_wanted = parse_id(request.form.get("release_id", ""))
    if release_wanted is None:
        raise NotFound("file")
    return see_other(
        flow.create_download_link(
            shop(),
            license_id=license_wanted,
            release_id=release_wanted,
            user_id=visitor().id,
            address=request.remote_addr or "",
        )
    )
