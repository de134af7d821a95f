"""What has changed since the version somebody runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlalchemy.orm import Session

from storefront.catalog.models import Release
from storefront.catalog.versions import version_key
from storefront.errors import Invalid

MOST_CHANGES: Final = 50


@dataclass(frozen=True, slots=True)
class ReleaseChanges:
    """One version and what it brought; the changelogs are Markdown."""

    version: str
    channel: str
    published_at: datetime
    changelog_th: str
    changelog_en: str


def changes_since(
    session: Session, product_id: UUID, version: str, *, now: datetime
) -> Sequence[ReleaseChanges]:
    """What came out of this product after `version`, the highest version first, at most fifty.

    Beta versions count for those alone who run one: a prerelease, or one published as beta.
    Nothing for a text that is no version: game servers report what they like. The version need not
    be one that was ever published. One query.
    """
    try:
        since = version_key(version)
    except Invalid:
        return ()
    found = session.execute(
        select(
            Release.version,
            Release.channel,
            Release.published_at,
            Release.changelog_th,
            Release.changelog_en,
        )
        .where(
            Release.product_id == product_id,
            Release.version_key > since,
            Release.published_at <= now,
            Release.yanked_at.is_(None),
            or_(Release.channel == "stable", _runs_beta(product_id, version)),
        )
        .order_by(Release.version_key.desc())
        .limit(MOST_CHANGES)
    )
    return [
        ReleaseChanges(
            row.version,
            row.channel,
            row.published_at or now,
            row.changelog_th,
            row.changelog_en,
        )
        for row in found
    ]


def _runs_beta(product_id: UUID, version: str) -> ColumnElement[bool]:
    if "-" in version:
        return true()
    # A table of its own: inside the query about later versions this one is another.
    run = Release.__table__.alias("run")
    return exists().where(
        run.c.product_id == product_id, run.c.version == version, run.c.channel == "beta"
    )
