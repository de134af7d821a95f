"""The overview of the sandbox and of its Stripe, with buttons for what a bank would do."""

import re

from flask import Blueprint, Flask, render_template

from storefront.sandbox.world.discord_roles import members
from storefront.sandbox.world.receiver import received
from storefront.sandbox.world.state import World
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk
from storefront.sandbox.world.stripe_sessions import expire_due_sessions

SHOWN = 50


def register_dashboard(app: Flask, world: World) -> None:
    blueprint = Blueprint("dashboard", __name__)

    @blueprint.get("/")
    def home() -> str:
        count = world.store.row("SELECT count(*) AS mails FROM mails")
        return render_template(
            "home.html",
            mails=count["mails"] if count else 0,
            sessions=len(world.store.newest_first("checkout.session")),
            webhook_url=world.webhook_url,
            received=received(world, limit=10),
            members=members(world),
        )

    @blueprint.get("/stripe")
    def stripe() -> str:
        with world.store.transaction():
            expire_due_sessions(Desk(world))
        return render_template(
            "stripe_dashboard.html",
            sessions=_latest(world, "checkout.session"),
            intents=_latest(world, "payment_intent"),
            refunds=_latest(world, "refund"),
            disputes=_latest(world, "dispute"),
            movements=_latest(world, "balance_transaction"),
            balance=_balance(world),
            events=_events(world),
            webhook_url=world.webhook_url,
            knobs=world.stripe,
        )

    app.register_blueprint(blueprint)
    app.jinja_env.filters["baht"] = baht
    app.jinja_env.filters["short"] = short


def baht(satang: int) -> str:
    return f"฿{satang / 100:,.2f}"


def short(object_id: str) -> str:
    """cs_test_a1b2…wxyz: enough to tell objects apart on a narrow screen."""
    return re.sub(r"^(.{12}).{4,}(.{4})$", r"\1…\2", object_id)


def _latest(world: World, kind: str) -> list[JsonObject]:
    return world.store.newest_first(kind)[:SHOWN]


def _balance(world: World) -> int:
    """What Stripe holds for the shop, in satang."""
    return sum(one["net"] for one in world.store.newest_first("balance_transaction"))


def _events(world: World) -> list[JsonObject]:
    rows = world.store.rows(
        "SELECT event_id, max(attempts) AS attempts, min(state) AS state,"
        " max(last_status) AS last_status FROM stripe_deliveries GROUP BY event_id"
    )
    sent = {row["event_id"]: dict(row) for row in rows}
    return [{**event, "delivery": sent.get(event["id"])} for event in _latest(world, "event")]
