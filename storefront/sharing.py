"""The pictures shown beside a link to the shop, and their addresses."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, request, url_for

from storefront.assets import asset_url
from storefront.catalog.models import Product
from storefront.catalog.share_cards import (
    SHOP_PICTURE,
    card_facts,
    carries,
    find_card_facts,
    shop_card_digest,
    shop_card_key,
)
from storefront.errors import NotFound
from storefront.i18n import current_locale
from storefront.providers.files import StoredFile
from storefront.web import public, read, shop

bp = Blueprint("sharing", __name__)

# The address names the digest of what is drawn, so a picture under it never changes.
CACHING: Final = "public, max-age=31536000, immutable"


@bp.get("/share/shop.jpg")
@public
def shop_card() -> Response:
    """The general card; the picture of the home page until it is drawn."""
    digest = shop_card_digest(shop().settings.shop_name)
    return _card(shop_card_key(current_locale()), digest, otherwise=None)


@bp.get("/share/<uuid:product_id>.jpg")
@public
def product_card(product_id: UUID) -> Response:
    """The card of a product in the language of the address; its cover until it is drawn."""
    facts = find_card_facts(read(), product_id, shop_name=shop().settings.shop_name)
    if facts is None:
        raise NotFound("product")
    return _card(facts.key(current_locale()), facts.digest, otherwise=facts.picture)


@bp.app_template_global()
def shop_card_url() -> str:
    """The public address of the general card."""
    digest = shop_card_digest(shop().settings.shop_name)
    return _public(url_for("sharing.shop_card", v=digest))


@bp.app_template_global()
def product_card_url(product: Product) -> str:
    """The public address of a product's card."""
    facts = card_facts(product, shop_name=shop().settings.shop_name)
    return _public(url_for("sharing.product_card", product_id=product.id, v=facts.digest))


def _card(key: str, digest: str, *, otherwise: str | None) -> Response:
    file = _find(key)
    if file is None or not carries(file.body, digest):
        # Whoever asks again finds the card: this answer must not be kept.
        picture = url_for("catalog.media", key=otherwise) if otherwise else asset_url(SHOP_PICTURE)
        response = make_response(redirect(picture, code=302))
        response.headers["Cache-Control"] = "no-store"
        return response
    response = make_response(file.body)
    response.content_type = "image/jpeg"
    response.headers["Cache-Control"] = CACHING
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response


def _find(key: str) -> StoredFile | None:
    try:
        return shop().files.read(key)
    except NotFound:
        return None


def _public(path: str) -> str:
    return shop().settings.public_url + path
