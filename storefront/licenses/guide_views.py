"""How a script and its key are put onto a game server, and the loader alone to take along.

Public: whoever runs the server is often not the one who bought the script, and nothing here is
secret. A link from a licence names its product, so that lines can be copied as they are.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request

from storefront.errors import NotFound
from storefront.hx import render
from storefront.loader.archives import STANDALONE_FOLDER, loader_archive
from storefront.loader.files import verify_url
from storefront.web import limiter, public, shop

bp = Blueprint("license_guide", __name__)

_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_SLUG: Final = 80


@bp.get("/guide/licenses")
@public
def show() -> Response:
    """The guide; with `?product=` of that product. Raises NotFound for what cannot be one."""
    public_url = shop().settings.public_url
    return render(
        "storefront/licenses/guide.html",
        product=_wanted_product(),
        shop_host=urlsplit(public_url).hostname,
        verify_url=verify_url(public_url),
    )


@bp.get("/guide/licenses/loader.zip")
@public
@limiter.limit("30 per minute")
def download() -> Response:
    """The loader alone with the shop's public keys in it, for `?product=` or for any.

    Raises NotFound for what cannot be a product.
    """
    body = loader_archive(
        product_slug=_wanted_product(),
        verify_url=verify_url(shop().settings.public_url),
        public_keys=shop().signing.public,
    )
    response = current_app.response_class(body, mimetype="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{STANDALONE_FOLDER}.zip"'
    return response


def _wanted_product() -> str:
    """The slug asked for. Whether it is sold is not looked up: a product that is no longer shown
    still runs, and its slug is no secret."""
    slug = request.args.get("product", "")
    if slug and (len(slug) > _LONGEST_SLUG or not _SLUG.fullmatch(slug)):
        raise NotFound("product")
    return slug
