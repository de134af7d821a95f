"""Telling people about their licences: a notice in the app and a mail, once per event of the diary.

The event's id names both, so whatever happens twice is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.catalog.models import Product
from storefront.licenses.models import License
from storefront.notifications.service import notify, queue_mail

MAIL: Final = "license_news"
NOTICE_PREFIX: Final = "license:"


def notice_key(event_id: UUID) -> str:
    """The notice about an event of the diary: the mail is written from it."""
    return f"{NOTICE_PREFIX}{event_id}"


def license_path(license_id: UUID) -> str:
    """The page of a licence, without a language."""
    return f"/account/licenses/{license_id}"


def tell_person(
    session: Session,
    license: License,
    event: str,
    *,
    event_id: UUID,
    now: datetime | None,
    to: UUID | None = None,
    path: str | None = None,
    context: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Put a notice into the list of the licence's owner, or of `to`, and queue the mail about it.
    Idempotent by the event."""
    names = session.execute(
        select(Product.name_th, Product.name_en).where(Product.id == license.product_id)
    ).one()
    notify(
        session,
        to or license.user_id,
        type="system",
        event=event,
        context={"name_th": names.name_th, "name_en": names.name_en, **context},
        path=path or license_path(license.id),
        dedupe_key=notice_key(event_id),
        now=now,
    )
    queue_mail(session, event=MAIL, subject_id=event_id)
