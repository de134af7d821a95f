"""The composition root: the only place that knows the views."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, request
from flask_compress import Compress
from flask_login import LoginManager, current_user
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

import admin.audit
import admin.categories
import admin.discord_roles
import admin.disputes
import admin.flash_sales
import admin.giveaways
import admin.images
import admin.imports
import admin.jobs
import admin.leaks
import admin.ledger
import admin.license_actions
import admin.license_flags
import admin.licenses
import admin.orders
import admin.outgoing
import admin.outgoing_log
import admin.outgoing_removal
import admin.overview
import admin.payments
import admin.product_editor
import admin.products
import admin.promo_batches
import admin.promos
import admin.receipts
import admin.reconciliation
import admin.refunds
import admin.release_uploads
import admin.releases
import admin.search_words
import admin.seller
import admin.tebex
import admin.topup_packages
import admin.wallets
import admin.webhooks
import api.health
import api.licenses
import api.webhooks
import storefront.accounts.views
import storefront.cart.views
import storefront.catalog.views
import storefront.checkout.views
import storefront.delivery.views
import storefront.guests.views
import storefront.licenses.change_views
import storefront.licenses.gift_views
import storefront.licenses.guide_views
import storefront.licenses.views
import storefront.notifications.views
import storefront.orders.views
import storefront.overview
import storefront.receipts.statement_views
import storefront.receipts.views
import storefront.renewals.views
import storefront.seo
import storefront.sharing
import storefront.styleguide
import storefront.tebex.views
import storefront.wallet.views
from api.verify_gate import VerifyGate
from storefront.accounts.queries import Visitor, find_visitor
from storefront.assets import init_assets
from storefront.bootstrap import Shop
from storefront.catalog.alerts import find_waiting_ids
from storefront.config import Settings
from storefront.error_pages import init_error_pages
from storefront.header import cart_count, unread_count, wallet_balance
from storefront.i18n import LanguagePrefix, current_locale, init_languages, locale_url
from storefront.ledger.words import account_name, posting_name
from storefront.licenses.limits import NoLimits
from storefront.licenses.owned import owned_products
from storefront.licenses.shared_limits import SharedLimits
from storefront.markup import render_markdown
from storefront.messages import message_for
from storefront.paths import ROOT
from storefront.proxies import TrustedProxies
from storefront.renewals.offered import key_offers
from storefront.request_log import init_request_logging
from storefront.security import ReadableQuery, init_security
from storefront.web import (
    RequestSessions,
    access_of,
    authorise,
    check_every_route_declares_access,
    header_figure,
    limiter,
    may,
    read,
    visitor,
)
from storefront.web import shop as shop_of_request

_PANELS = (
    admin.overview,
    admin.orders,
    admin.refunds,
    admin.disputes,
    admin.products,
    admin.categories,
    admin.images,
    admin.releases,
    admin.release_uploads,
    admin.flash_sales,
    admin.promos,
    admin.promo_batches,
    admin.search_words,
    admin.wallets,
    admin.topup_packages,
    admin.payments,
    admin.leaks,
    admin.ledger,
    admin.licenses,
    admin.license_actions,
    admin.license_flags,
    admin.giveaways,
    admin.tebex,
    admin.webhooks,
    admin.outgoing,
    admin.outgoing_log,
    admin.outgoing_removal,
    admin.discord_roles,
    admin.jobs,
    admin.receipts,
    admin.seller,
    admin.reconciliation,
    admin.audit,
    admin.imports,
)

LARGEST_FORM_BYTES = 256 * 1024
GUEST_LIFETIME = timedelta(days=30)


def create_app(shop: Shop) -> Flask:
    """Build the web face over a booted shop. Raises RuntimeError when a route declares no
    access."""
    app = Flask("storefront", template_folder=str(ROOT / "templates"), static_folder=None)
    app.extensions["shop"] = shop
    # A doubled slash would be answered with a redirect, after which game servers send no body.
    app.url_map.merge_slashes = False
    _configure(app, shop)
    init_request_logging(app)
    init_security(app, shop.settings)
    init_languages(app)
    _init_extensions(app, shop)
    _init_templates(app, shop)
    _register_pages(app, shop)
    init_error_pages(app)
    app.before_request(authorise)
    check_every_route_declares_access(app)
    _wrap(app, shop)
    return app


def _configure(app: Flask, shop: Shop) -> None:
    settings = shop.settings
    host = urlsplit(settings.public_url).hostname or ""
    local = [] if settings.is_production else ["localhost", "127.0.0.1"]
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM_BYTES,
        PERMANENT_SESSION_LIFETIME=GUEST_LIFETIME,
        SESSION_COOKIE_NAME=_cookie_name(settings),
        SESSION_COOKIE_SECURE=settings.is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        TRUSTED_HOSTS=[host, *local],
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_ENABLED=True,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_HEADERS=["X-CSRF-Token"],
        RATELIMIT_STORAGE_URI=settings.redis_url,
        RATELIMIT_STORAGE_OPTIONS={"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        RATELIMIT_KEY_PREFIX="limits",
        RATELIMIT_ENABLED=settings.environment != "test",
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=4,
        COMPRESS_MIMETYPES=["text/html", "application/json", "application/xml"],
    )


def _cookie_name(settings: Settings) -> str:
    # Browsers share cookies between ports, so two demos side by side need two names.
    if settings.is_secure:
        return "__Host-shop"
    return f"shop-{urlsplit(settings.public_url).port or 80}"


def _init_extensions(app: Flask, shop: Shop) -> None:
    sessions = RequestSessions(shop)
    sessions.init_app(app)
    shop.database.before_transaction = sessions.give_back_connection
    Migrate(app, sessions, directory=str(ROOT / "migrations"))
    Htmx(app)
    Compress(app)
    limiter.init_app(app)
    csrf = CSRFProtect(app)

    @app.before_request
    def check_csrf() -> None:
        view = app.view_functions.get(request.endpoint or "")
        access = access_of(view) if view else None
        if access is not None and access.csrf and app.config["WTF_CSRF_ENABLED"]:
            csrf.protect()

    logins = LoginManager(app)
    logins.session_protection = None
    logins.user_loader(_load_visitor)


def _load_visitor(token: str) -> Visitor | None:
    return find_visitor(read(), token, now=shop_of_request().clock())


def _init_templates(app: Flask, shop: Shop) -> None:
    app.jinja_env.filters["markdown"] = render_markdown
    app.jinja_env.globals.update(
        shop={
            "name": shop.settings.shop_name,
            "discord_invite_url": shop.settings.discord_invite_url,
            "public_url": shop.settings.public_url,
            "is_production": shop.settings.is_production,
            "sells_on_tebex": bool(shop.settings.tebex_webhook_secrets),
        },
        locale_url=locale_url,
        message_for=message_for,
        account_name=account_name,
        posting_name=posting_name,
        may=may,
        clock=shop.clock,
        cart_count=cart_count,
        wallet_balance=wallet_balance,
        unread_count=unread_count,
        owned_products=owned_products,
        key_offers=key_offers,
        waiting_ids=header_figure(_waiting_ids, otherwise=frozenset[UUID]()),
    )

    @app.context_processor
    def add_language() -> dict[str, Any]:
        return {"locale": current_locale()}


def _register_pages(app: Flask, shop: Shop) -> None:
    for module in (
        storefront.catalog.views,
        storefront.accounts.views,
        storefront.overview,
        storefront.cart.views,
        storefront.checkout.views,
        storefront.guests.views,
        storefront.tebex.views,
        storefront.orders.views,
        storefront.licenses.views,
        storefront.licenses.change_views,
        storefront.licenses.gift_views,
        storefront.licenses.guide_views,
        storefront.renewals.views,
        storefront.delivery.views,
        storefront.wallet.views,
        storefront.receipts.views,
        storefront.receipts.statement_views,
        storefront.notifications.views,
        storefront.seo,
        storefront.sharing,
    ):
        app.register_blueprint(module.bp)
    for panel in _PANELS:
        app.register_blueprint(panel.bp)
    app.register_blueprint(api.health.bp)
    app.register_blueprint(api.licenses.bp)
    app.register_blueprint(api.webhooks.bp)
    if not shop.settings.is_production:
        app.register_blueprint(storefront.styleguide.bp)


def _wrap(app: Flask, shop: Shop) -> None:
    app.wsgi_app = LanguagePrefix(ReadableQuery(app.wsgi_app))  # type: ignore[method-assign]
    init_assets(app)
    _put_verify_gate_before(app, shop)
    if shop.settings.trusted_proxies or shop.settings.cloudflare:
        app.wsgi_app = TrustedProxies(  # type: ignore[method-assign]
            app.wsgi_app, shop.settings.trusted_proxies, cloudflare=shop.settings.cloudflare
        )


def _put_verify_gate_before(app: Flask, shop: Shop) -> None:
    """Everything that costs a game server time stands behind it."""
    is_limited = app.config["RATELIMIT_ENABLED"]
    limits = SharedLimits(shop.settings.redis_url) if is_limited else NoLimits()
    gate = VerifyGate(app.wsgi_app, shop, limits=limits)
    app.extensions[api.licenses.GATE] = gate
    app.wsgi_app = gate  # type: ignore[method-assign]


def _waiting_ids() -> frozenset[UUID]:
    return find_waiting_ids(read(), visitor().id) if current_user.is_authenticated else frozenset()
