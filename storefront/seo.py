"""What search engines and feed readers are told: robots.txt, the sitemap, the feed of releases, and
the structured data of a product's page. Nothing here belongs to one visitor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from storefront.catalog.cards import is_shown
from storefront.catalog.models import Product, ProductStatus, Release, Variant
from storefront.catalog.product_page import ProductPage
from storefront.catalog.queries import list_shelves
from storefront.i18n import ENGLISH_PREFIX, current_locale
from storefront.kit.money import MINOR_UNITS, Money
from storefront.language import text_of
from storefront.markup import render_markdown
from storefront.security import PRIVATE_PREFIXES
from storefront.web import public, read, shop

bp = Blueprint("seo", __name__)

CACHING: Final = "public, max-age=600"
PREFIXES: Final = {"th": "", "en": ENGLISH_PREFIX}
# A sitemap holds at most 50,000 addresses (sitemaps.org), and every page has two of them. Home,
# list and categories take some; the newest products come first, so the oldest would be missing.
MOST_PAGES: Final = 50_000 // len(PREFIXES)
NEWEST_RELEASES: Final = 50
SCHEMA: Final = "https://schema.org"

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page by its address without a language, and when it last changed, where that is known."""

    path: str
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A release in the feed, in one language. `html` is clean HTML of the changelog."""

    id: str
    title: str
    path: str
    html: str
    published: str


@bp.get("/robots.txt")
@public
def robots() -> Response:
    """What crawlers leave alone, and where the sitemap is."""
    closed = [prefix + path for path in PRIVATE_PREFIXES for prefix in PREFIXES.values()]
    return _shared(render_template("seo/robots.txt", closed=closed), "text/plain")


@bp.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """Every public page in both languages (sitemaps.org 0.9 with hreflang links): 2 queries."""
    pages = list_pages(read(), now=shop().clock())
    body = render_template("seo/sitemap.xml", pages=pages, prefixes=PREFIXES)
    return _shared(body, "application/xml")


@bp.get("/releases.xml")
@public
def releases() -> Response:
    """The newest stable releases in the language of the address, as RSS 2.0."""
    locale = current_locale()
    found = list_newest_releases(read(), now=shop().clock())
    body = render_template(
        "seo/releases.xml",
        items=[_feed_item(release, locale) for release in found],
        prefix=PREFIXES[locale],
    )
    return _shared(body, "application/rss+xml")


def list_pages(reading: Session, *, now: datetime) -> list[SitePage]:
    """Home, list, guide, shelves with something on them, and every shown product, newest first."""
    shelves = [shelf.slug for shelf in list_shelves(reading) if shelf.products]
    latest = func.max(Release.published_at)
    rows = reading.execute(
        select(Product.slug, func.least(now, func.greatest(Product.published_at, latest)))
        .outerjoin(
            Release,
            (Release.product_id == Product.id)
            & (Release.published_at <= now)
            & Release.yanked_at.is_(None),
        )
        .where(is_shown())
        .group_by(Product.id)
        .order_by(Product.published_at.desc(), Product.id.desc())
        .limit(MOST_PAGES - 3 - len(shelves))
    ).all()
    newest = max((changed_at for _slug, changed_at in rows), default=None)
    return [
        SitePage(_path("catalog.home"), newest),
        SitePage(_path("catalog.products"), newest),
        SitePage(_path("license_guide.show"), None),
        *(SitePage(_path("catalog.products", category=slug)) for slug in shelves),
        *(SitePage(_path("catalog.product", slug=slug), changed_at) for slug, changed_at in rows),
    ]


def list_newest_releases(reading: Session, *, now: datetime) -> list[Release]:
    """Stable releases of shown products that are out and not taken back, with their products."""
    return list(
        reading.scalars(
            select(Release)
            .join(Release.product)
            .where(
                is_shown(),
                Release.channel == "stable",
                Release.published_at <= now,
                Release.yanked_at.is_(None),
            )
            .options(joinedload(Release.product))
            .order_by(Release.published_at.desc(), Release.id.desc())
            .limit(NEWEST_RELEASES)
        )
    )


@bp.app_template_filter("decimal")
def decimal_text(amount: Money) -> str:
    """1290.50 for machines; the amount is never negative here."""
    return f"{amount.satang // MINOR_UNITS}.{amount.satang % MINOR_UNITS:02d}"


@bp.app_template_global()
def product_data(found: ProductPage) -> dict[str, Any]:
    """schema.org Product of a product's page. For `tojson`, which keeps it inside its element."""
    product, locale = found.product, current_locale()
    data: dict[str, Any] = {
        "@context": SCHEMA,
        "@type": "Product",
        "name": text_of(product, "name", locale),
        "description": text_of(product, "summary", locale),
        "category": text_of(found.category, "name", locale),
        "sku": product.slug,
        "url": _here("catalog.product", slug=product.slug),
        "brand": {"@type": "Brand", "name": shop().settings.shop_name},
    }
    stems = [image.stem for image in found.images] or [product.cover]
    if pictures := [_here("catalog.media", key=f"{stem}-1200.webp") for stem in stems if stem]:
        data["image"] = pictures
    if product.rating_count:
        data["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": f"{product.rating_sum / product.rating_count:.1f}",
            "ratingCount": product.rating_count,
        }
    if offers := _offers(found, data["url"]):
        data["offers"] = offers
    return data


@bp.app_template_global()
def breadcrumb_data(found: ProductPage) -> dict[str, Any]:
    """schema.org BreadcrumbList: the same path the page shows."""
    locale, shelf, product = current_locale(), found.category, found.product
    steps = (
        (_("All products"), _here("catalog.products")),
        (text_of(shelf, "name", locale), _here("catalog.products", category=shelf.slug)),
        (text_of(product, "name", locale), _here("catalog.product", slug=product.slug)),
    )
    return {
        "@context": SCHEMA,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": address}
            for position, (name, address) in enumerate(steps, start=1)
        ],
    }


def _offers(found: ProductPage, address: str) -> dict[str, Any] | None:
    """What it costs now: a single tier as it is, several as a range over those that can be had, or
    else over all. What is only announced has no price yet on its page, so it has none here."""
    if found.product.status == ProductStatus.COMING_SOON:
        return {"@type": "Offer", "availability": f"{SCHEMA}/PreOrder", "url": address}
    if not found.variants:
        return None
    if len(found.variants) == 1:
        return {**_offer(found, found.variants[0]), "url": address}
    tiers = [one for one in found.variants if not one.is_sold_out] or found.variants
    prices = [found.prices[one.id].amount for one in tiers]
    return {
        "@type": "AggregateOffer",
        "priceCurrency": prices[0].currency,
        "lowPrice": decimal_text(min(prices)),
        "highPrice": decimal_text(max(prices)),
        "offerCount": len(prices),
        "availability": _availability(found.is_for_sale),
        "url": address,
        "offers": [{**_offer(found, one), "url": f"{address}?tier={one.id}"} for one in tiers],
    }


def _offer(found: ProductPage, tier: Variant) -> dict[str, Any]:
    price = found.prices[tier.id]
    offer = {
        "@type": "Offer",
        "name": text_of(tier, "name", current_locale()),
        "price": decimal_text(price.amount),
        "priceCurrency": price.amount.currency,
        "availability": _availability(found.is_for_sale and not tier.is_sold_out),
    }
    if price.ends_at is not None:
        offer["priceValidUntil"] = price.ends_at.isoformat()
    return offer


def _availability(is_for_sale: bool) -> str:
    return f"{SCHEMA}/{'InStock' if is_for_sale else 'OutOfStock'}"


def _feed_item(release: Release, locale: str) -> FeedItem:
    name = text_of(release.product, "name", locale)
    published_at = release.published_at or datetime.fromtimestamp(0, UTC)
    return FeedItem(
        id=f"urn:uuid:{release.id}",
        title=_xml_text(f"{name} {release.version}"),
        path=_path("catalog.product", slug=release.product.slug),
        html=_xml_text(str(render_markdown(text_of(release, "changelog", locale)))),
        published=format_datetime(published_at.astimezone(UTC), usegmt=True),
    )


def _xml_text(text: str) -> str:
    """Without the characters XML 1.0 cannot carry, not even escaped."""
    return _NOT_XML.sub("", text)


def _path(endpoint: str, **values: Any) -> str:
    """The address of a page without its language, whatever the language of this request."""
    return url_for(endpoint, **values).removeprefix(request.script_root)


def _here(endpoint: str, **values: Any) -> str:
    """The public address of a page in the language of this request."""
    return shop().settings.public_url + url_for(endpoint, **values)


def _shared(body: str, mimetype: str) -> Response:
    """An answer that is the same for everybody and that shared caches may keep."""
    response = make_response(body)
    response.mimetype = mimetype
    response.headers["Cache-Control"] = CACHING
    if session.permanent:
        # Flask renews the cookie of a permanent session with every answer; a shared cache would
        # hand this one to strangers. Unsaved, the browser's own cookie stays as it is.
        session.permanent = False
    session.modified = False
    return response
