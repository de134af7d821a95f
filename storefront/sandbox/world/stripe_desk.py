"""The desk every endpoint, page and control works at: load, save, emit, all in one transaction."""

import random
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from storefront.sandbox.world.state import World
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_errors import StripeError, no_such

API_VERSION = "2026-10-28.endive"
ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(length))}"


def public(document: JsonObject) -> JsonObject:
    """The object as the API shows it: fields with a leading underscore are the stand-in's own."""
    return {key: value for key, value in document.items() if not key.startswith("_")}


@dataclass(frozen=True)
class Desk:
    """`request_id` and `idempotency_key` are None when a page or a timer acts, not the API."""

    world: World
    request_id: str | None = None
    idempotency_key: str | None = None
    api_version: str = API_VERSION

    @property
    def now(self) -> int:
        return int(self.world.clock())

    def save(self, document: JsonObject) -> JsonObject:
        self.world.store.save(document)
        return document

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> JsonObject:
        """Load one object or refuse as Stripe does ("No such refund: ...")."""
        found = self.world.store.find(object_id, kind)
        if found is None:
            raise no_such(kind, object_id, param=param, status=status)
        return found

    def url(self, path: str) -> str:
        return f"{self.world.base_url}/stripe/{path}"

    def emit(
        self, event_type: str, subject: JsonObject, changed: JsonObject | None = None
    ) -> JsonObject:
        """Record an event with a snapshot of `subject` and put its deliveries in the queue."""
        data: JsonObject = {"object": public(subject)}
        if changed is not None:
            data["previous_attributes"] = changed
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": event_type,
        }
        self.save(event)
        knobs = self.world.stripe.webhooks
        if not any(fnmatchcase(event_type, glob) for glob in knobs.drop):
            for _ in range(1 + knobs.duplicate):
                self.queue_delivery(str(event["id"]), event_type)
        return event

    def queue_delivery(self, event_id: str, event_type: str) -> None:
        knobs = self.world.stripe.webhooks
        wait_ms = knobs.delay_ms + random.uniform(0, knobs.jitter_ms)
        wait_ms += sum(ms for glob, ms in knobs.delays.items() if fnmatchcase(event_type, glob))
        due_at = self.world.clock() + wait_ms / 1000
        self.world.store.run(
            "INSERT INTO stripe_deliveries (event_id, created, due_at) VALUES (?, ?, ?)",
            event_id,
            self.world.clock(),
            due_at,
        )
        self.world.wake.set()


def work(world: World, action: Callable[[], JsonObject]) -> JsonObject:
    """Run one action in one transaction.

    A refusal rolls everything back, unless it says that its effects stay (a decline does).
    """
    refusal: StripeError
    with world.store.transaction():
        try:
            return action()
        except StripeError as error:
            if not error.keep_effects:
                raise
            refusal = error
    raise refusal
