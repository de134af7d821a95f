"""Somebody's server that takes webhooks, and a consumer that checks them as the docs say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import select

from jobs.outgoing import fan_out_event
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.outgoing.endpoints import EndpointDraft, create_endpoint
from storefront.outgoing.models import (
    SUBSCRIBABLE,
    OutgoingAttempt,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)
from storefront.outgoing.service import announce
from storefront.sandbox.serve import RunningSandbox


class Receiver:
    """The sandbox's receiver, as a test steers it."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._url = sandbox.url
        self.url = f"{sandbox.url}/receiver"

    def answers(self, **knobs: Any) -> None:
        """How it answers from now on: see ReceiverKnobs."""
        answer = requests.post(f"{self._url}/control/receiver", json=knobs, timeout=5)
        answer.raise_for_status()

    def forget(self) -> None:
        """Nothing ever came."""
        requests.post(f"{self._url}/control/receiver/forget", timeout=5).raise_for_status()

    def messages(self) -> list[dict[str, Any]]:
        """What came, the oldest first."""
        found = requests.get(f"{self._url}/control/receiver/messages", timeout=5).json()
        return list(reversed(found))


def verify(secret: str, headers: Mapping[str, str], body: str, *, now: float | None = None) -> bool:
    """What a consumer does: the ten lines of docs/webhooks-out.md."""
    stamp = headers["webhook-timestamp"]
    if abs((now or time.time()) - int(stamp)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{stamp}.{body}".encode()
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = (one.partition(",") for one in headers["webhook-signature"].split())
    return any(kind == "v1" and hmac.compare_digest(value, wanted) for kind, _, value in given)


def add_endpoint(
    shop: Shop, staff: User, url: str, *, events: tuple[str, ...] = tuple(SUBSCRIBABLE)
) -> UUID:
    """An endpoint that is on."""
    draft = EndpointDraft(url=url, description="", events=events)
    with shop.database.transaction() as session:
        return create_endpoint(
            session, draft, courier=shop.courier, box=shop.secret_box, actor_id=staff.id
        )


def tell(shop: Shop, name: Any, *, subject_id: UUID, fact: str = "", **data: Any) -> list[UUID]:
    """Announce something and fan it out; the ids of the deliveries."""
    with shop.database.transaction() as session:
        announce(session, name, subject_id=subject_id, data=data, fact=fact)
        key = f"{name}:{fact or subject_id}"
        event_id = session.scalars(
            select(OutgoingEvent.id).where(OutgoingEvent.dedupe_key == key)
        ).one()
    fan_out_event(shop, {"event_id": str(event_id)})
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(OutgoingDelivery.id)
                .where(OutgoingDelivery.event_id == event_id)
                .order_by(OutgoingDelivery.id)
            )
        )


def delivery_of(shop: Shop, delivery_id: UUID) -> OutgoingDelivery:
    """A delivery as it is now."""
    with shop.database.reading() as session:
        return session.get_one(OutgoingDelivery, delivery_id)


def endpoint_of(shop: Shop, endpoint_id: UUID) -> OutgoingEndpoint:
    """An endpoint as it is now."""
    with shop.database.reading() as session:
        return session.get_one(OutgoingEndpoint, endpoint_id)


def attempts_of(shop: Shop, delivery_id: UUID) -> list[OutgoingAttempt]:
    """The attempts of a delivery, in their order."""
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(OutgoingAttempt)
                .where(OutgoingAttempt.delivery_id == delivery_id)
                .order_by(OutgoingAttempt.number)
            )
        )
