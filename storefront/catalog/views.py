"""Pages of the catalogue: home, list, product, suggestions, pictures."""

from __future__ import annotations

import re
from typing import Any, Final

from flask import Blueprint, Response, make_response, request, url_for

from storefront.catalog import queries
from storefront.catalog.forms import DEFAULT_SORT, read_list_request, without_filters
from storefront.catalog.listing import DELIVERIES, FRAMEWORKS, Sort, list_products
from storefront.catalog.search import clean_phrase
from storefront.errors import NotFound
from storefront.hx import is_fragment, render
from storefront.kit.ids import parse_id
from storefront.web import public, read, shop

bp = Blueprint("catalog", __name__)

HERO: Final = "covers/hero"
PICTURES: Final = re.compile(r"covers/[a-z0-9-]+-(?:400|800|1200|1600)\.webp")
PICTURE_CACHING: Final = "public, max-age=31536000, immutable"


@bp.get("/")
@public
def home() -> Response:
    """What is new, reduced and bought most."""
    session, now = read(), shop().clock()
    lists = queries.get_home_lists(session, now=now)
    return render(
        "storefront/catalog/home.html",
        hero=HERO,
        on_sale=lists.on_sale,
        best_sellers=lists.best_sellers,
        newest=lists.newest,
        coming_soon=lists.coming_soon,
        shelves=[shelf for shelf in queries.list_shelves(session) if shelf.products],
    )


@bp.get("/products")
@public
def products() -> Response:
    """The list; htmx gets the results alone, or only the next cards."""
    wanted = read_list_request(request.args)
    session = read()
    shown = list_products(
        session, wanted.filters, wanted.sort, cursor=wanted.cursor, now=shop().clock()
    )
    grows = request.headers.get("HX-Target", "").endswith("#more") and wanted.cursor
    shelves = queries.list_shelves(session)
    response = render(
        "storefront/catalog/products.html",
        partial="storefront/catalog/_more.html" if grows else "storefront/catalog/_results.html",
        shown=shown,
        wanted=wanted,
        cleared=without_filters(wanted),
        sorts=tuple(Sort),
        default_sort=DEFAULT_SORT,
        frameworks=FRAMEWORKS,
        deliveries=DELIVERIES,
        shelves=[shelf for shelf in shelves if shelf.products],
        shelf=next((one for one in shelves if one.slug == wanted.filters.category), None),
        is_fragment=is_fragment(),
    )
    if is_fragment() and not grows:
        # The address a person would share, without the empty fields of the form.
        arguments: dict[str, Any] = dict(wanted.query())
        response.headers["HX-Push-Url"] = url_for("catalog.products", **arguments)
    return response


@bp.get("/products/<slug>")
@public
def product(slug: str) -> Response:
    """One product; `?tier=` chooses a licence tier, so a tier can be linked to."""
    page = queries.get_product_page(read(), slug, now=shop().clock())
    tier = parse_id(request.args.get("tier", ""))
    asked = (one for one in page.variants if one.id == tier and not one.is_sold_out)
    return render(
        "storefront/catalog/product.html",
        found=page,
        product=page.product,
        chosen=next(asked, None) or page.chosen if page.is_for_sale else None,
        frameworks=FRAMEWORKS,
    )


@bp.get("/products/suggest")
@public
def suggest() -> Response:
    """What the search box shows while somebody types."""
    phrase = clean_phrase(request.args.get("q", ""))
    return render(
        "storefront/catalog/_suggestions.html",
        phrase=phrase,
        found=queries.list_suggestions(read(), phrase, now=shop().clock()),
    )


@bp.get("/media/<path:key>")
@public
def media(key: str) -> Response:
    """A public picture out of the file store. Nothing but covers: everything else there is
    private."""
    if not PICTURES.fullmatch(key):
        raise NotFound("file")
    file = shop().files.read(key)
    response = make_response(file.body)
    response.content_type = "image/webp"
    response.headers["Cache-Control"] = PICTURE_CACHING
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response
