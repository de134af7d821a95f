"""The courier: signed webhooks, sent until the shop answers 2xx, as Stripe sends them."""

import hashlib
import hmac
import json
import random
import sqlite3
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from storefront.sandbox.world.state import World
from storefront.sandbox.world.stripe_desk import Desk
from storefront.sandbox.world.stripe_sessions import expire_due_sessions

FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0
GIVE_UP_AFTER_S = 3 * 24 * 3600
ANSWER_WITHIN_S = 10.0
TICK_S = 0.25

# A proxy set in the environment must not see, or break, traffic on the loopback.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Outcome:
    status: int | None
    error: str | None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def run_courier(world: World) -> None:
    """Deliver what is due and expire old sessions until `world.stopping` is set."""
    while not world.stopping.is_set():
        world.wake.wait(TICK_S)
        world.wake.clear()
        if world.stopping.is_set():
            return
        with world.store.transaction():
            expire_due_sessions(Desk(world))
        for row in due_deliveries(world):
            if world.stopping.is_set() or world.stripe.webhooks.paused:
                break
            deliver(world, row)


def hurry(world: World) -> None:
    """Make every waiting delivery due now: a new address or a fresh start deserves a new try."""
    sql = "UPDATE stripe_deliveries SET due_at = ? WHERE state = 'pending'"
    world.store.run(sql, world.clock())
    world.wake.set()


def due_deliveries(world: World) -> list[sqlite3.Row]:
    knobs = world.stripe.webhooks
    if knobs.paused or world.webhook_url is None:
        return []
    rows = world.store.rows(
        "SELECT * FROM stripe_deliveries WHERE state = 'pending' AND due_at <= ?"
        " ORDER BY due_at, id LIMIT 100",
        world.clock(),
    )
    if knobs.shuffle:
        random.shuffle(rows)
    return rows


def deliver(world: World, row: sqlite3.Row) -> None:
    event = world.store.find(row["event_id"], "event")
    if event is None or world.webhook_url is None:
        return
    payload = json.dumps(event, indent=2).encode()
    outcome = post(world.webhook_url, payload, sign(payload, world.webhook_secret))
    record(world, row, outcome)


def sign(payload: bytes, secret: str, at: int | None = None) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over "t.payload" (https://docs.stripe.com/webhooks).

    The time is the real one even when the sandbox's clock is moved: the shop checks its age.
    """
    stamp = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), b"%d.%b" % (stamp, payload), hashlib.sha256)
    return f"t={stamp},v1={digest.hexdigest()}"


def post(url: str, payload: bytes, signature: str) -> Outcome:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    try:
        request = urllib.request.Request(url, payload, headers)  # noqa: S310 - the operator's URL
        with OPENER.open(request, timeout=ANSWER_WITHIN_S) as answer:
            return Outcome(answer.status, None)
    except urllib.error.HTTPError as error:
        error.close()
        return Outcome(error.code, None)
    except (OSError, ValueError) as error:
        return Outcome(None, str(error))
    except Exception as error:  # a half-spoken HTTP answer raises many kinds; all mean "try again"
        return Outcome(None, repr(error))


def record(world: World, row: sqlite3.Row, outcome: Outcome) -> None:
    """Note how one attempt went; at shutdown nothing is noted and it is sent again."""
    if world.stopping.is_set():
        return
    attempts = row["attempts"] + 1
    state, due_at = "delivered", row["due_at"]
    if not outcome.is_delivered:
        is_hopeless = world.clock() - row["created"] > GIVE_UP_AFTER_S
        state = "failed" if is_hopeless else "pending"
        due_at = world.clock() + min(FIRST_RETRY_S * 2 ** min(attempts - 1, 10), LONGEST_RETRY_S)
    with world.store.transaction():
        world.store.run(
            "UPDATE stripe_deliveries SET state = ?, attempts = ?, due_at = ?, last_status = ?,"
            " last_error = ? WHERE id = ?",
            state,
            attempts,
            due_at,
            outcome.status,
            outcome.error,
            row["id"],
        )
        event = world.store.find(row["event_id"], "event")
        if event is not None and state == "delivered":
            world.store.save({**event, "pending_webhooks": 0})
