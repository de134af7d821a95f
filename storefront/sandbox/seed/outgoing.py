"""An endpoint at the sandbox's receiver with a few deliveries, and a Discord role for buyers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.discord_roles.models import DiscordRoleRule, Scope
from storefront.discord_roles.service import RuleDraft, create_rule
from storefront.outbox import OutboxMessage
from storefront.outgoing.attempts import claim_attempt, record_attempt
from storefront.outgoing.endpoints import EndpointDraft, create_endpoint
from storefront.outgoing.models import (
    SUBSCRIBABLE,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)
from storefront.outgoing.service import fan_out
from storefront.providers.courier import Answer
from storefront.sandbox.seed.people import OWNER

CUSTOMER_ROLE: Final = "400000000000000001"
SHOWN: Final = 6
_PAST: Final = ("fan_out_outgoing", "send_outgoing", "align_discord_roles")
_TAKEN: Final = Answer(status=204, duration_ms=41)
_BUSY: Final = Answer(status=503, duration_ms=1204, body="Service Unavailable")


def seed_outgoing(shop: Shop, *, now: datetime) -> None:
    """What the owner set up, and what the last facts of the seed became: delivered, one after a
    failure, one that is still tried. Facts before stay untold. Seeding again changes nothing."""
    with shop.database.transaction() as session:
        if session.scalar(select(exists().where(OutgoingEndpoint.id.is_not(None)))):
            return
        owner_id = session.scalars(select(User.id).where(User.discord_id == OWNER.discord_id)).one()
        session.execute(delete(OutboxMessage).where(OutboxMessage.task.in_(_PAST)))
        events = session.scalars(
            select(OutgoingEvent).order_by(OutgoingEvent.id.desc()).limit(SHOWN)
        ).all()
        create_endpoint(
            session,
            EndpointDraft(
                url=_receiver(shop),
                description="บอทดิสคอร์ดของร้าน",
                events=tuple(SUBSCRIBABLE),
            ),
            courier=shop.courier,
            box=shop.secret_box,
            actor_id=owner_id,
        )
        _deliver(session, events, now=now)
        if not session.scalar(select(exists().where(DiscordRoleRule.id.is_not(None)))):
            draft = RuleDraft(scope=Scope.ANY, target_id=None, role_id=CUSTOMER_ROLE, name="ลูกค้า")
            create_rule(session, draft, actor_id=owner_id, now=now)


def _deliver(session: Session, events: Sequence[OutgoingEvent], *, now: datetime) -> None:
    for number, event in enumerate(reversed(events)):
        fan_out(session, event.id, now=now - timedelta(hours=1))
        session.flush()
        delivery_id = session.scalars(
            select(OutgoingDelivery.id).where(OutgoingDelivery.event_id == event.id)
        ).one()
        is_last, is_second = number == len(events) - 1, number == 1
        if is_second or is_last:
            _attempt(session, delivery_id, _BUSY, now=now - timedelta(minutes=50))
        if not is_last:
            _attempt(session, delivery_id, _TAKEN, now=now - timedelta(minutes=40))
    # They were made above; the worker has nothing of them left to do.
    session.execute(delete(OutboxMessage).where(OutboxMessage.task.in_(_PAST)))


def _attempt(session: Session, delivery_id: UUID, answer: Answer, *, now: datetime) -> None:
    parcel = claim_attempt(session, delivery_id, now=now)
    if parcel is not None:
        session.flush()
        record_attempt(session, parcel, answer, now=now)


def _receiver(shop: Shop) -> str:
    """The receiver stands where the sandbox's Discord does."""
    parts = urlsplit(shop.settings.discord_url)
    return f"{parts.scheme}://{parts.netloc}/receiver"
