"""Sending one delivery: claim, carry, record."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from storefront.db import Database
from storefront.kit.clock import Clock
from storefront.outgoing.attempts import Parcel, claim_attempt, record_attempt
from storefront.outgoing.signing import SecretBox, sign_headers
from storefront.providers.courier import Courier

log = structlog.get_logger()

AGENT = "Storefront-Webhooks/1.0"
CONTENT_TYPE = "application/json; charset=utf-8"


def send_delivery(
    database: Database, courier: Courier, box: SecretBox, delivery_id: UUID, *, clock: Clock
) -> None:
    """Make the attempt that is due; nothing when there is none. A process that dies after the
    receiver has it and before that is recorded sends it again, under the same webhook-id."""
    with database.transaction() as session:
        parcel = claim_attempt(session, delivery_id, now=clock())
    if parcel is None:
        return
    answer = courier.send(parcel.url, headers=headers_of(parcel, box, at=clock()), body=parcel.body)
    with database.transaction() as session:
        record_attempt(session, parcel, answer, now=clock())
    log.info(
        "webhook_sent",
        delivery=str(delivery_id),
        attempt=parcel.attempt,
        status=answer.status,
        error=answer.error,
        ms=answer.duration_ms,
    )


def headers_of(parcel: Parcel, box: SecretBox, *, at: datetime) -> dict[str, str]:
    """Everything that is sent beside the body."""
    signatures = sign_headers(
        [box.open(sealed) for sealed in parcel.sealed_secrets],
        message_id=parcel.message_id,
        at=at,
        body=parcel.body,
    )
    return {"Content-Type": CONTENT_TYPE, "User-Agent": AGENT, **signatures}
