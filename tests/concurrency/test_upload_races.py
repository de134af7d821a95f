"""Two who complete one upload, and one who stops it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jobs.outbox import sweep_outbox
from jobs.release_uploads import check_release_upload
from storefront.bootstrap import Shop
from storefront.catalog.models import Release
from storefront.catalog.releases import list_releases
from storefront.catalog.uploads.models import ReleaseUpload, UploadState
from storefront.catalog.uploads.service import abandon_upload
from storefront.outbox import OutboxMessage
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.archives import archive
from tests.support.factories import Factory
from tests.support.uploads import Uploader

NOW = timedelta(0)
GOOD = archive()


@pytest.fixture
def staff(shop: Shop, make: Factory) -> Uploader:
    return Uploader(shop, make.product(), make.user(role="admin").id)


def sent(staff: Uploader) -> ReleaseUpload:
    upload = staff.begin(GOOD)
    staff.send(upload, GOOD)
    return upload


def checks_of(shop: Shop) -> int:
    with shop.database.reading() as session:
        return (
            session.scalar(select(func.count()).where(OutboxMessage.task == "check_release_upload"))
            or 0
        )


def drafts_of(staff: Uploader) -> list[Release]:
    with staff.shop.database.reading() as session:
        found = list_releases(session, staff.product.id)
        return [one for one in found if one.version != "1.0.0"]


def stopping(staff: Uploader, upload: ReleaseUpload) -> Callable[[], ReleaseUpload]:
    def stop() -> ReleaseUpload:
        with staff.shop.database.transaction() as session:
            return abandon_upload(
                session,
                staff.product.id,
                upload.id,
                actor_id=staff.actor_id,
                now=staff.shop.clock(),
            )

    return stop


def test_eight_who_complete_one_upload_at_once_have_it_checked_once(
    shop: Shop, staff: Uploader
) -> None:
    upload = sent(staff)

    outcomes = race([lambda: staff.complete(upload)] * 8)

    assert codes_of(outcomes) == []
    assert {one.id for one in successes_in(outcomes)} == {upload.id}
    assert checks_of(shop) == 1
    sweep_outbox(shop, overdue=NOW)
    assert len(drafts_of(staff)) == 1


def test_an_upload_stopped_while_it_is_completed_is_either_checked_or_gone(
    shop: Shop, staff: Uploader
) -> None:
    for _ in range(6):
        upload = sent(staff)

        race([lambda: staff.complete(upload), stopping(staff, upload)] * 2)  # noqa: B023

        sweep_outbox(shop, overdue=NOW)
        # Whoever came first: stopping an upload that is complete is legal, so it always ends so.
        assert staff.find(upload).state == UploadState.ABANDONED
        assert not shop.files.has(upload.file_key)
    assert drafts_of(staff) == []


def test_two_workers_at_once_make_one_draft(shop: Shop, staff: Uploader) -> None:
    upload = staff.upload(GOOD)
    payload = {"upload_id": str(upload.id)}

    race([lambda: check_release_upload(shop, payload)] * 3)

    [draft] = drafts_of(staff)
    assert staff.find(upload).release_id == draft.id


def test_a_check_and_a_stop_at_once_agree(shop: Shop, staff: Uploader) -> None:
    upload = staff.upload(GOOD)
    payload = {"upload_id": str(upload.id)}

    def check() -> None:
        check_release_upload(shop, payload)

    race([check, stopping(staff, upload)])

    ended = staff.find(upload)
    assert ended.state in (UploadState.ABANDONED, UploadState.READY)
    assert len(drafts_of(staff)) == (ended.state == UploadState.READY)


def test_of_uploads_of_one_version_checked_at_once_one_becomes_a_draft(
    shop: Shop, staff: Uploader
) -> None:
    uploads = [staff.upload(archive({"fxmanifest.lua": b"x", str(n): b"y"})) for n in range(3)]

    race(
        [
            lambda upload=upload: check_release_upload(shop, {"upload_id": str(upload.id)})  # type: ignore[misc]
            for upload in uploads
        ]
    )

    states = sorted(str(staff.find(upload).state) for upload in uploads)
    assert states == ["ready", "refused", "refused"]
    [draft] = drafts_of(staff)
    assert shop.files.has(draft.file_key)


def test_control_without_the_lock_two_complete_an_upload(shop: Shop, staff: Uploader) -> None:
    upload = staff.begin(GOOD)
    moved: list[bool] = []

    def complete(session: Session, everybody_has_read: Barrier) -> None:
        state = session.scalar(select(ReleaseUpload.state).where(ReleaseUpload.id == upload.id))
        everybody_has_read.wait()
        if state == UploadState.UPLOADING:
            session.execute(
                text("UPDATE release_uploads SET state = 'uploaded' WHERE id = :id"),
                {"id": upload.id},
            )
            moved.append(True)

    race_transactions(shop.database, complete, runners=2)

    assert len(moved) == 2
