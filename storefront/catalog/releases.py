"""Versions of a product: drafted, published, taken back. A file that was published never changes:
every upload has a key of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.archive_findings import from_json
from storefront.catalog.archives import ArchiveFacts
from storefront.catalog.models import Product, Release
from storefront.catalog.uploads.models import ReleaseUpload
from storefront.catalog.versions import version_key
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.state import AlreadyDone, Illegal, Machine
from storefront.outbox import enqueue
from storefront.outgoing.models import EventName
from storefront.outgoing.service import announce

CHANNELS: Final = ("stable", "beta")
LONGEST_CHANGELOG: Final = 20_000
LONGEST_REASON: Final = 300

_WORDS: Final = ("channel", "changelog_th", "changelog_en")
_LONGEST_NAME: Final = 120
# A webhook is to stay small; the page has the rest.
_LONGEST_TOLD: Final = 2_000
_KEPT_UNUSED: Final = timedelta(hours=1)


# By the name of what changed: before and after.
Changes = Mapping[str, list[str | None]]


class ReleaseState(StrEnum):
    """Where a version stands; owners can download what is published."""

    DRAFT = "draft"
    PUBLISHED = "published"
    YANKED = "yanked"


class ReleaseAction(StrEnum):
    """What staff can do with a version."""

    PUBLISH = "publish"
    YANK = "yank"
    RESTORE = "restore"


RELEASE_MACHINE: Final = Machine(
    {
        ReleaseAction.PUBLISH: {ReleaseState.DRAFT: ReleaseState.PUBLISHED},
        ReleaseAction.YANK: {ReleaseState.PUBLISHED: ReleaseState.YANKED},
        ReleaseAction.RESTORE: {ReleaseState.YANKED: ReleaseState.PUBLISHED},
    }
)


@dataclass(frozen=True, slots=True)
class ReleaseText:
    """What is said of a version; the changelogs are Markdown."""

    channel: str
    changelog_th: str
    changelog_en: str


def release_state(release: Release) -> ReleaseState:
    """Where a version stands, by its two times."""
    if release.published_at is None:
        return ReleaseState.DRAFT
    return ReleaseState.PUBLISHED if release.yanked_at is None else ReleaseState.YANKED


def archive_key(product_slug: str, upload_id: UUID) -> str:
    """Where an upload lies: never twice the same, so that a second upload of a version cannot
    replace what was sold."""
    return f"releases/{product_slug}/{upload_id}.zip"


def archive_name(product_slug: str, version: str) -> str:
    """What the file is called on the buyer's computer."""
    ending = f"-{version}.zip"
    return product_slug[: _LONGEST_NAME - len(ending)] + ending


def list_releases(session: Session, product_id: UUID) -> Sequence[Release]:
    """All versions of a product, the highest first, whatever their state: for staff."""
    return session.scalars(
        select(Release).where(Release.product_id == product_id).order_by(Release.version_key.desc())
    ).all()


def get_release(session: Session, product_id: UUID, release_id: UUID) -> Release:
    """One version of this product. Raises NotFound `release`."""
    release = session.get(Release, release_id)
    if release is None or release.product_id != product_id:
        raise NotFound("release")
    return release


def check_release(session: Session, product_id: UUID, version: str, words: ReleaseText) -> Product:
    """What can be known before a file is stored; the product it is for. Raises NotFound `product`,
    Invalid `bad_version`, `bad_channel` or `changelog_too_long`, Conflict `version_exists`."""
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound("product")
    version_key(version)
    _check_words(words)
    _refuse_second(session, product_id, version)
    return product


def plan_archive(session: Session, file_key: str, *, now: datetime) -> None:
    """Before an archive is stored: should its release never come, the file goes again."""
    _forget_later(session, file_key, now=now)


def add_release(
    session: Session,
    product_id: UUID,
    *,
    file_key: str,
    version: str,
    words: ReleaseText,
    facts: ArchiveFacts,
    actor_id: UUID,
) -> Release:
    """Write a draft for an archive that is stored under `file_key`. Locks the product: of two
    drafts of one version at once the second is refused. Raises like `check_release`."""
    product = session.scalar(
        select(Product).where(Product.id == product_id).with_for_update(key_share=True)
    )
    if product is None:
        raise NotFound("product")
    check_release(session, product_id, version, words)
    release = Release(
        product_id=product.id,
        version=version,
        channel=words.channel,
        changelog_th=words.changelog_th,
        changelog_en=words.changelog_en,
        file_key=file_key,
        file_name=archive_name(product.slug, version),
        size_bytes=facts.size_bytes,
        sha256=facts.sha256,
    )
    session.add(release)
    session.flush()
    _record(session, "add_release", release, {"state": [None, "draft"]}, actor_id=actor_id)
    return release


def describe_release(
    session: Session,
    product_id: UUID,
    release_id: UUID,
    *,
    words: ReleaseText,
    actor_id: UUID,
) -> None:
    """Change channel and changelogs, of a published version too: only its file is fixed. Raises
    NotFound `release`, Invalid `bad_channel` or `changelog_too_long`."""
    _check_words(words)
    release = _lock(session, product_id, release_id)
    before = ReleaseText(release.channel, release.changelog_th, release.changelog_en)
    if before == words:
        return
    release.channel = words.channel
    release.changelog_th, release.changelog_en = words.changelog_th, words.changelog_en
    changes = {name: [getattr(before, name), getattr(words, name)] for name in _WORDS}
    changed = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    _record(session, "describe_release", release, changed, actor_id=actor_id)


def publish_release(
    session: Session, product_id: UUID, release_id: UUID, *, actor_id: UUID, now: datetime
) -> None:
    """Let owners download a draft from now on; they are told by a task. Idempotent. Raises NotFound
    `release`, Conflict `release_not_draft` for one that was taken back, `findings_unconfirmed`
    while nobody has said that what the check found belongs in there."""
    release = _lock(session, product_id, release_id)
    if _moves(release, ReleaseAction.PUBLISH, otherwise="release_not_draft"):
        _refuse_unconfirmed(session, release)
        release.published_at = now
        payload = {"release_id": str(release.id)}
        enqueue(session, "announce_release", payload, dedupe_key=f"announce_release:{release.id}")
        changes: Changes = {"state": ["draft", "published"]}
        _record(session, "publish_release", release, changes, actor_id=actor_id)
        _announce(session, release, now=now)


def yank_release(
    session: Session,
    product_id: UUID,
    release_id: UUID,
    *,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Take a published version back: nobody can download it any more. Idempotent. Raises NotFound
    `release`, Invalid `reason_missing`, Conflict `release_not_published` for a draft."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid("reason_missing")
    release = _lock(session, product_id, release_id)
    if _moves(release, ReleaseAction.YANK, otherwise="release_not_published"):
        release.yanked_at = now
        changes: Changes = {"state": ["published", "yanked"]}
        facts = {"reason": reason.strip()}
        _record(session, "yank_release", release, changes, actor_id=actor_id, facts=facts)


def restore_release(
    session: Session, product_id: UUID, release_id: UUID, *, actor_id: UUID
) -> None:
    """Undo taking it back; the date of publication stays. Idempotent. Raises NotFound `release`,
    Conflict `release_not_yanked` for a draft."""
    release = _lock(session, product_id, release_id)
    if _moves(release, ReleaseAction.RESTORE, otherwise="release_not_yanked"):
        release.yanked_at = None
        changes: Changes = {"state": ["yanked", "published"]}
        _record(session, "restore_release", release, changes, actor_id=actor_id)


def remove_draft(
    session: Session, product_id: UUID, release_id: UUID, *, actor_id: UUID, now: datetime
) -> None:
    """Throw a draft and its file away. Raises NotFound `release`, Conflict `release_not_draft`."""
    release = _lock(session, product_id, release_id)
    if release_state(release) is not ReleaseState.DRAFT:
        raise Conflict("release_not_draft", release.version)
    _record(session, "remove_draft", release, {"state": ["draft", None]}, actor_id=actor_id)
    session.delete(release)
    session.flush()
    _forget_later(session, release.file_key, now=now)


def is_archive_needed(session: Session, file_key: str) -> bool:
    """Whether a release points to this file."""
    return bool(session.scalar(select(exists().where(Release.file_key == file_key))))


def _refuse_unconfirmed(session: Session, release: Release) -> None:
    upload = session.scalar(select(ReleaseUpload).where(ReleaseUpload.release_id == release.id))
    if upload is None or upload.confirmed_at is not None:
        return
    if any(finding.is_warning for finding in from_json(upload.findings)):
        raise Conflict("findings_unconfirmed", release.version)


def _forget_later(session: Session, file_key: str, *, now: datetime) -> None:
    enqueue(session, "forget_archive", {"file_key": file_key}, not_before=now + _KEPT_UNUSED)


def _lock(session: Session, product_id: UUID, release_id: UUID) -> Release:
    release = session.scalar(
        select(Release)
        .where(Release.id == release_id, Release.product_id == product_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if release is None:
        raise NotFound("release")
    return release


def _moves(release: Release, action: ReleaseAction, *, otherwise: str) -> bool:
    """Whether there is something to do. Raises Conflict `otherwise`."""
    outcome = RELEASE_MACHINE.next_state(release_state(release), action)
    if isinstance(outcome, Illegal):
        raise Conflict(otherwise, release.version)
    return not isinstance(outcome, AlreadyDone)


def _check_words(words: ReleaseText) -> None:
    if words.channel not in CHANNELS:
        raise Invalid("bad_channel", words.channel[:20])
    if max(len(words.changelog_th), len(words.changelog_en)) > LONGEST_CHANGELOG:
        raise Invalid("changelog_too_long")


def _refuse_second(session: Session, product_id: UUID, version: str) -> None:
    if session.scalar(
        select(exists().where(Release.product_id == product_id, Release.version == version))
    ):
        raise Conflict("version_exists", version)


def _record(
    session: Session,
    action: str,
    release: Release,
    changes: Changes,
    *,
    actor_id: UUID,
    facts: Mapping[str, str] = MappingProxyType({}),
) -> None:
    file = {"version": release.version, "sha256": release.sha256}
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("product", release.product_id),
        detail={**file, **facts, "changes": dict(changes)},
    )


def _announce(session: Session, release: Release, *, now: datetime) -> None:
    slug = session.scalar(select(Product.slug).where(Product.id == release.product_id))
    facts = {
        "id": str(release.id),
        "product": slug,
        "version": release.version,
        "channel": release.channel,
        "changelog_th": release.changelog_th[:_LONGEST_TOLD],
        "changelog_en": release.changelog_en[:_LONGEST_TOLD],
        "size_bytes": release.size_bytes,
        "sha256": release.sha256,
        "published_at": now.isoformat(),
    }
    data = {"release": facts}
    announce(session, EventName.RELEASE_PUBLISHED, subject_id=release.id, data=data)
