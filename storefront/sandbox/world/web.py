"""The sandbox's web app: every stand-in but S3 and SMTP, behind one strict policy."""

from flask import Flask, Response

from storefront.sandbox.world.controls import register_controls
from storefront.sandbox.world.dashboard import register_dashboard
from storefront.sandbox.world.discord import register_discord
from storefront.sandbox.world.discord_roles import register_discord_roles
from storefront.sandbox.world.inbox import register_inbox
from storefront.sandbox.world.receiver import register_receiver
from storefront.sandbox.world.state import World
from storefront.sandbox.world.stripe_http import register_stripe_api
from storefront.sandbox.world.stripe_pages import register_stripe_pages
from storefront.sandbox.world.tebex import register_tebex

# No form-action: after a payment the browser follows the form's redirect to the shop.
PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self';"
    " base-uri 'none'; frame-ancestors 'self'"
)
LARGEST_REQUEST_BYTES = 1024 * 1024


def create_web(world: World) -> Flask:
    app = Flask(__name__, static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    # A hang-up asked for by a control must reach the server, which then drops the connection.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    register_dashboard(app, world)
    register_stripe_api(app, world)
    register_stripe_pages(app, world)
    register_discord(app, world)
    register_discord_roles(app, world)
    register_receiver(app, world)
    register_inbox(app, world)
    register_tebex(app, world)
    register_controls(app, world)
    app.after_request(_harden)
    return app


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", PAGE_CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if response.mimetype != "text/css":
        response.headers["Cache-Control"] = "no-store"
    return response
