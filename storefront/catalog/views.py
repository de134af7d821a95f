"""Pages of the catalogue: home, list, product, suggestions, pictures."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, request, url_for

from storefront.catalog import alerts, queries
from storefront.catalog.counts import CountCache
from storefront.catalog.filters import DELIVERIES, FRAMEWORKS, Sort
from storefront.catalog.forms import DEFAULT_SORT, read_list_request, without_filters
from storefront.catalog.listing import list_products
from storefront.catalog.models import Variant
from storefront.catalog.product_page import ProductPage, get_product_page
from storefront.catalog.search.text import clean_phrase
from storefront.catalog.suggestions import suggest_products
from storefront.errors import Conflict, NotFound
from storefront.hx import is_fragment, render, see_other
from storefront.kit.ids import parse_id
from storefront.licenses.owned import owned_products
from storefront.messages import message_for
from storefront.web import limiter, member, public, read, shop, visitor

bp = Blueprint("catalog", __name__)
list_counts: Final = CountCache()

# Finished sizes only: uploads and releases lie in the same store and stay private.
PICTURES: Final = re.compile(
    r"(?:covers/[a-z0-9-]{1,80}-(?:400|800|1200|1600)\.webp"
    r"|pictures/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-(?:400|800|1200|1600)\.(?:webp|avif))"
)
# What htmx may ask of a product's page, by the id of the part.
_PRODUCT_PARTS: Final = {
    "buy": "storefront/catalog/_buy_swap.html",
    "gallery": "storefront/catalog/_gallery.html",
}
PICTURE_CACHING: Final = "public, max-age=31536000, immutable"


@bp.get("/")
@public
def home() -> Response:
    """What is new, reduced and bought most."""
    session, now = read(), shop().clock()
    lists = queries.get_home_lists(session, now=now)
    return render(
        "storefront/catalog/home.html",
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
    shown = list_products(
        read(),
        wanted.filters,
        wanted.sort,
        cursor=wanted.cursor,
        now=shop().clock(),
        counts=list_counts,
    )
    grows = request.headers.get("HX-Target", "").endswith("#more") and wanted.cursor
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
        shelf=shown.branch(wanted.filters.category),
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
    """One product; `?tier=` chooses a licence tier and `?image=` a picture, so both can be linked
    to. htmx gets the box to buy in or the gallery alone."""
    owned = owned_products()
    page = get_product_page(read(), slug, now=shop().clock(), owned_product_ids=owned)
    chosen = _chosen_tier(page)
    return render(
        "storefront/catalog/product.html",
        partial=_PRODUCT_PARTS.get(request.headers.get("HX-Target", "").rpartition("#")[2]),
        found=page,
        product=page.product,
        chosen=chosen,
        deal=page.deal(chosen, owned) if chosen else None,
        picture=_chosen_picture(page),
        owned=owned,
        frameworks=FRAMEWORKS,
    )


def _chosen_tier(page: ProductPage) -> Variant | None:
    if not page.is_for_sale:
        return None
    tier = parse_id(request.args.get("tier", ""))
    asked = (one for one in page.variants if one.id == tier and not one.is_sold_out)
    return next(asked, None) or page.chosen


def _chosen_picture(page: ProductPage) -> int:
    """Which picture stands in front, counted from 1."""
    wanted = request.args.get("image", default=1, type=int)
    return wanted if 1 <= wanted <= len(page.images) else 1


@bp.post("/products/<slug>/alerts")
@member
@limiter.limit("60 per minute")
def ask_for_alert(slug: str) -> Response:
    """Be told when it, or one tier of it, can be bought; asking twice changes nothing."""
    variant_id = _tier_of_form()
    try:
        with shop().database.transaction() as session:
            alerts.ask_for_alert(
                session, slug, variant_id=variant_id, user_id=visitor().id, now=shop().clock()
            )
    except Conflict as refusal:
        return _alert_answer(slug, variant_id, refusal=refusal)
    return _alert_answer(slug, variant_id)


@bp.post("/products/<slug>/alerts/removal")
@member
@limiter.limit("60 per minute")
def withdraw_alert(slug: str) -> Response:
    """Not be told after all; doing it twice is harmless."""
    variant_id = _tier_of_form()
    with shop().database.transaction() as session:
        alerts.withdraw_alert(session, slug, variant_id=variant_id, user_id=visitor().id)
    if request.form.get("back") == "notifications":
        return see_other(url_for("notifications.index"))
    return _alert_answer(slug, variant_id)


def _tier_of_form() -> UUID | None:
    """The tier an alert is about; None for the whole product. Raises NotFound for nonsense."""
    text = request.form.get("variant_id", "")
    variant_id = parse_id(text)
    if text and variant_id is None:
        raise NotFound("product")
    return variant_id


def _alert_answer(
    slug: str, variant_id: UUID | None, *, refusal: Conflict | None = None
) -> Response:
    """The button in its new state, or without htmx the product's page."""
    if is_fragment():
        return render(
            "storefront/catalog/_alert.html",
            slug=slug,
            variant_id=variant_id,
            is_waiting=refusal is None and request.endpoint == "catalog.ask_for_alert",
            look=request.form.get("look", ""),
            is_soon=request.form.get("is_soon") == "1",
            message=message_for(refusal) if refusal else "",
            status=refusal.http_status if refusal else 200,
        )
    if refusal:
        flash(message_for(refusal), "buy")
    return see_other(url_for("catalog.product", slug=slug, _anchor="buy"))


@bp.app_template_filter("host")
def host_of(address: str) -> str:
    """Where an outside link leads, in a word."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


@bp.get("/products/suggest")
@public
def suggest() -> Response:
    """What the search box shows while somebody types."""
    phrase = clean_phrase(request.args.get("q", ""))
    return render(
        "storefront/catalog/_suggestions.html",
        phrase=phrase,
        found=suggest_products(read(), phrase, now=shop().clock()),
    )


@bp.get("/media/<path:key>")
@public
def media(key: str) -> Response:
    """A public picture out of the file store: covers and finished pictures, nothing else. Its
    type follows from its name, whatever the store says."""
    if not PICTURES.fullmatch(key):
        raise NotFound("file")
    file = shop().files.read(key)
    response = make_response(file.body)
    response.content_type = f"image/{key.rpartition('.')[2]}"
    response.headers["Cache-Control"] = PICTURE_CACHING
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response
