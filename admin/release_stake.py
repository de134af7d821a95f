"""Whom it concerns when a published version is taken back: said before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from storefront.catalog.models import Release
from storefront.catalog.releases import ReleaseState, list_releases, release_state
from storefront.licenses.queries import count_servers


@dataclass(frozen=True, slots=True)
class Stake:
    """How many servers run the version now, and whether they have another one to go to."""

    servers: int
    has_other: bool


def stake_of(session: Session, release: Release, *, now: datetime) -> Stake:
    """What is at stake with this version; two queries."""
    return Stake(
        servers=count_servers(session, release.product_id, release.version, now=now),
        has_other=any(
            one.id != release.id and release_state(one) is ReleaseState.PUBLISHED
            for one in list_releases(session, release.product_id)
        ),
    )
