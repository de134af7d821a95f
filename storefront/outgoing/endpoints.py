"""What staff do with endpoints: every change under the row's lock, with an audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.outgoing.attempts import switch_off
from storefront.outgoing.models import (
    OPEN_STATES,
    SUBSCRIBABLE,
    EventName,
    OffReason,
    OutgoingDelivery,
    OutgoingEndpoint,
    OutgoingEvent,
)
from storefront.outgoing.rules import OVERLAP
from storefront.outgoing.service import add_delivery
from storefront.outgoing.signing import SecretBox, make_secret
from storefront.providers.courier import Courier

MOST_ENDPOINTS: Final = 50
LONGEST_DESCRIPTION: Final = 200
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(7307120)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDraft:
    """An endpoint as staff wrote it."""

    url: str
    description: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedEndpoint:
    """What went with an endpoint: deliveries in all, and how many of them still waited."""

    cancelled: int
    deliveries: int


class EndpointRefused(Invalid):
    """An endpoint that cannot be; `field` is where to look."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code, f"{code} at {field}")
        self.field = field


def create_endpoint(
    session: Session, draft: EndpointDraft, *, courier: Courier, box: SecretBox, actor_id: UUID
) -> UUID:
    """Add an endpoint that is on, with a new secret that can be shown once; its id. Raises
    EndpointRefused, Conflict `too_many_endpoints` past 50."""
    check_draft(draft, courier)
    session.execute(_ONE_AT_A_TIME)
    if session.scalar(select(func.count()).select_from(OutgoingEndpoint)) == MOST_ENDPOINTS:
        raise Conflict("too_many_endpoints")
    endpoint = OutgoingEndpoint(
        id=new_id(),
        url=draft.url,
        description=draft.description,
        events=list(draft.events),
        secret_sealed=box.seal(make_secret()),
        created_by=actor_id,
    )
    session.add(endpoint)
    session.flush()
    _record(session, "create_endpoint", endpoint, actor_id=actor_id, detail=_picture(endpoint))
    return endpoint.id


def change_endpoint(
    session: Session,
    endpoint_id: UUID,
    draft: EndpointDraft,
    *,
    revision: int,
    courier: Courier,
    actor_id: UUID,
) -> None:
    """Change where it is and what it hears; what waits goes to the new address. Raises NotFound
    `endpoint`, EndpointRefused, Conflict `edited_elsewhere`."""
    check_draft(draft, courier)
    endpoint = lock_endpoint(session, endpoint_id)
    if endpoint.revision != revision:
        raise Conflict("edited_elsewhere", f"endpoint {endpoint_id} is at {endpoint.revision}")
    before = _picture(endpoint)
    endpoint.url, endpoint.description = draft.url, draft.description
    endpoint.events = list(draft.events)
    endpoint.revision += 1
    detail = {"before": before, "after": _picture(endpoint)}
    _record(session, "change_endpoint", endpoint, actor_id=actor_id, detail=detail)


def rotate_secret(
    session: Session, endpoint_id: UUID, *, box: SecretBox, actor_id: UUID, now: datetime
) -> None:
    """A new secret that can be shown once. For 24 hours messages carry a signature of the one
    before, too. Raises NotFound `endpoint`."""
    endpoint = lock_endpoint(session, endpoint_id)
    endpoint.old_secret_sealed = endpoint.secret_sealed
    endpoint.old_secret_until = now + OVERLAP
    endpoint.secret_sealed = box.seal(make_secret())
    endpoint.secret_shown_at = None
    _record(session, "rotate_endpoint_secret", endpoint, actor_id=actor_id)


def show_secret(
    session: Session, endpoint_id: UUID, *, box: SecretBox, actor_id: UUID, now: datetime
) -> str:
    """The secret, once: of two who ask at the same moment one gets it. Raises NotFound `endpoint`,
    Conflict `secret_shown`."""
    endpoint = lock_endpoint(session, endpoint_id)
    if endpoint.secret_shown_at is not None:
        raise Conflict("secret_shown")
    endpoint.secret_shown_at = now
    _record(session, "show_endpoint_secret", endpoint, actor_id=actor_id)
    return box.open(endpoint.secret_sealed)


def switch_endpoint(
    session: Session, endpoint_id: UUID, *, enabled: bool, actor_id: UUID, now: datetime
) -> None:
    """On, with its failures forgotten; or off, and what waits is given up. Idempotent. Raises
    NotFound `endpoint`."""
    endpoint = lock_endpoint(session, endpoint_id)
    if endpoint.enabled == enabled:
        return
    if enabled:
        endpoint.enabled, endpoint.off_reason, endpoint.off_at = True, None, None
        endpoint.failures, endpoint.failing_since = 0, None
        endpoint.revision += 1
    else:
        switch_off(session, endpoint, OffReason.STAFF, now=now)
    detail = {"changes": {"enabled": [not enabled, enabled]}}
    _record(session, "switch_endpoint", endpoint, actor_id=actor_id, detail=detail)


def delete_endpoint(
    session: Session, endpoint_id: UUID, *, revision: int, actor_id: UUID
) -> DeletedEndpoint:
    """Delete an endpoint with its secret and its log: what waits for it is cancelled. The audit
    log keeps its address and how much that was. An attempt that is under way may still arrive and
    is not made again. Locks the endpoint, then its deliveries. Raises NotFound `endpoint`,
    Conflict `edited_elsewhere`."""
    endpoint = lock_endpoint(session, endpoint_id, for_deletion=True)
    if endpoint.revision != revision:
        raise Conflict("edited_elsewhere", f"endpoint {endpoint_id} is at {endpoint.revision}")
    states = session.scalars(
        delete(OutgoingDelivery)
        .where(OutgoingDelivery.endpoint_id == endpoint_id)
        .returning(OutgoingDelivery.state)
        .execution_options(synchronize_session=False)
    ).all()
    gone = DeletedEndpoint(
        cancelled=sum(state in OPEN_STATES for state in states), deliveries=len(states)
    )
    detail = {**_picture(endpoint), "cancelled": gone.cancelled, "deliveries": gone.deliveries}
    _record(session, "delete_endpoint", endpoint, actor_id=actor_id, detail=detail)
    session.delete(endpoint)
    session.flush()
    return gone


def ping_endpoint(session: Session, endpoint_id: UUID, *, actor_id: UUID, now: datetime) -> UUID:
    """Send it a test event; the id of the delivery. Raises NotFound `endpoint`, Conflict
    `endpoint_off`."""
    endpoint = lock_endpoint(session, endpoint_id)
    if not endpoint.enabled:
        raise Conflict("endpoint_off")
    event_id = new_id()
    session.add(
        OutgoingEvent(
            id=event_id,
            name=EventName.PING,
            subject_id=endpoint.id,
            dedupe_key=f"{EventName.PING}:{event_id}",
            data={"endpoint_id": str(endpoint.id)},
            is_fanned_out=True,
            occurred_at=now,
        )
    )
    session.flush()
    _record(session, "ping_endpoint", endpoint, actor_id=actor_id)
    return add_delivery(session, endpoint, event_id, now=now)


def lock_endpoint(
    session: Session, endpoint_id: UUID, *, for_deletion: bool = False
) -> OutgoingEndpoint:
    """One endpoint under its lock; `for_deletion` waits for whoever is adding deliveries to it,
    too. Raises NotFound."""
    endpoint = session.scalar(
        select(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == endpoint_id)
        .with_for_update(key_share=not for_deletion)
        .execution_options(populate_existing=True)
    )
    if endpoint is None:
        raise NotFound("endpoint")
    return endpoint


def check_draft(draft: EndpointDraft, courier: Courier) -> None:
    """Raises EndpointRefused at the first field that cannot be."""
    try:
        courier.check(draft.url)
    except Invalid as refusal:
        raise EndpointRefused(refusal.code, "url") from refusal
    if len(draft.description) > LONGEST_DESCRIPTION:
        raise EndpointRefused("description_too_long", "description")
    if not draft.events or not set(draft.events) <= set(SUBSCRIBABLE):
        raise EndpointRefused("no_event_chosen", "events")


def _picture(endpoint: OutgoingEndpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "events": ", ".join(endpoint.events),
    }


def _record(
    session: Session,
    action: str,
    endpoint: OutgoingEndpoint,
    *,
    actor_id: UUID,
    detail: Mapping[str, Any] | None = None,
) -> None:
    session.flush()
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("endpoint", endpoint.id),
        detail={"name": endpoint.url, **(detail or {})},
    )
