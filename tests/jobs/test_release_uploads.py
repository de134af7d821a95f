"""From the last byte to the draft: the check, a worker killed at each step, what is left over."""

from __future__ import annotations

import os
import zipfile
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from jobs import release_uploads
from jobs.archive_checking import check_apart
from jobs.outbox import sweep_outbox
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import list_releases
from storefront.catalog.uploads import service as release_uploads_service
from storefront.catalog.uploads.models import ReleaseUpload, UploadState
from storefront.catalog.uploads.rules import PART_BYTES
from storefront.outbox import OutboxMessage
from storefront.providers.files import FilesUnavailable
from storefront.sandbox.serve import RunningSandbox
from tests.support.archives import GOOD_FILES, archive, nested
from tests.support.factories import Factory
from tests.support.uploads import Uploader

NOW = timedelta(0)
GOOD = archive()
KILLED = RuntimeError("kill -9")


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product(slug="qr-garage")
    return product


@pytest.fixture
def staff(shop: Shop, make: Factory, product: Product) -> Uploader:
    return Uploader(shop, product, make.user(role="admin").id)


def drafts(shop: Shop, product: Product) -> list[Release]:
    with shop.database.reading() as session:
        return [one for one in list_releases(session, product.id) if one.version != "1.0.0"]


def let_time_pass(shop: Shop, time: timedelta) -> None:
    with shop.database.transaction() as session:
        session.execute(
            update(OutboxMessage).values(available_at=OutboxMessage.available_at - time)
        )
        session.execute(update(ReleaseUpload).values(created_at=ReleaseUpload.created_at - time))


def refuses(shop: Shop, staff: Uploader, body: bytes) -> str | None:
    upload = staff.upload(body)
    sweep_outbox(shop, overdue=NOW)
    ended = staff.find(upload)
    assert ended.state == UploadState.REFUSED
    assert drafts(shop, staff.product) == []
    assert not shop.files.has(upload.file_key)
    return ended.refusal


def test_a_good_archive_becomes_a_draft(shop: Shop, staff: Uploader) -> None:
    body = archive({**GOOD_FILES, "stream/car.ytd": os.urandom(PART_BYTES + 1_000)})

    upload = staff.upload(body)
    sweep_outbox(shop, overdue=NOW)

    ended = staff.find(upload)
    [draft] = drafts(shop, staff.product)
    assert (ended.state, ended.release_id) == (UploadState.READY, draft.id)
    assert ended.sha256 == draft.sha256 == sha256(body).hexdigest()
    assert (draft.size_bytes, draft.published_at) == (len(body), None)
    assert shop.files.read(draft.file_key).body == body
    assert (draft.changelog_en, draft.channel) == ("New", "stable")


def test_findings_stand_beside_the_draft(shop: Shop, staff: Uploader) -> None:
    upload = staff.upload(archive({"a/tool.exe": b"MZ" + b"\0" * 99}))
    sweep_outbox(shop, overdue=NOW)

    ended = staff.find(upload)
    assert ended.findings == [
        {"kind": "no_manifest", "path": ""},
        {"kind": "program", "path": "a/tool.exe"},
    ]
    assert ended.confirmed_at is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>no archive</html>", "archive_wrong_type"),
        (GOOD[:-8], "archive_broken"),
        (archive({"../../etc/passwd": b"x"}), "archive_bad_path"),
        (nested(5), "archive_bomb"),
        (archive({"a.lua": b"1", "A.lua": b"2"}), "archive_same_names"),
    ],
    ids=["html", "cut off", "traversal", "too deep", "case"],
)
def test_a_bad_archive_is_refused_and_thrown_away(
    shop: Shop, staff: Uploader, body: bytes, reason: str
) -> None:
    assert refuses(shop, staff, body) == reason


def test_a_version_that_came_in_between_is_refused(shop: Shop, staff: Uploader) -> None:
    first, second = staff.upload(GOOD), staff.upload(archive({"fxmanifest.lua": b"x"}))
    sweep_outbox(shop, overdue=NOW)

    assert staff.find(first).state == UploadState.READY
    assert staff.find(second).refusal == "version_exists"
    assert len(drafts(shop, staff.product)) == 1
    assert not shop.files.has(second.file_key)


def test_a_protected_product_gets_its_loader_and_the_bare_archive_goes(
    shop: Shop, make: Factory
) -> None:
    product = make.product(slug="qr-safe", delivery="protected")
    staff = Uploader(shop, product, make.user(role="admin").id)

    upload = staff.upload(GOOD)
    sweep_outbox(shop, overdue=NOW)
    sweep_outbox(shop, overdue=NOW)

    [draft] = drafts(shop, product)
    body = shop.files.read(draft.file_key).body
    assert (draft.size_bytes, draft.sha256) == (len(body), sha256(body).hexdigest())
    assert staff.find(upload).sha256 == sha256(GOOD).hexdigest()
    with zipfile.ZipFile(BytesIO(body)) as made:
        config = made.read("qr-garage/license/config.lua").decode()
        assert made.read("qr-garage/a.lua") == GOOD_FILES["qr-garage/a.lua"]
    assert "qr-safe" in config
    assert "http://localhost/api/licenses/verify" in config
    assert shop.signing.public[0].kid in config
    assert draft.file_key != upload.file_key
    assert not shop.files.has(upload.file_key)


def test_a_protected_product_needs_a_manifest(shop: Shop, make: Factory) -> None:
    product = make.product(delivery="protected")
    staff = Uploader(shop, product, make.user(role="admin").id)

    assert refuses(shop, staff, archive({"a.lua": b"x = 1"})) == "no_manifest"


def killing(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, *, after: bool) -> None:
    """The worker dies at this step, once: before it, or when it is done."""
    real = getattr(where, name)

    def die(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(where, name, real)
        if after:
            real(*args, **kwargs)
        raise KILLED

    monkeypatch.setattr(where, name, die)


@pytest.mark.parametrize(
    ("delivery", "step", "after"),
    [
        ("open_source", "begin_check", True),
        ("open_source", "check_apart", True),
        ("open_source", "accept_upload", False),
        ("open_source", "accept_upload", True),
        ("protected", "_finish", False),
        ("protected", "_finish", True),
        ("protected", "accept_upload", True),
    ],
)
def test_a_worker_killed_at_any_step_leaves_one_draft(
    shop: Shop,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
    delivery: str,
    step: str,
    after: bool,
) -> None:
    product = make.product(delivery=delivery)
    staff = Uploader(shop, product, make.user(role="admin").id)
    upload = staff.upload(GOOD)
    payload = {"upload_id": str(upload.id)}
    killing(monkeypatch, release_uploads, step, after=after)

    with pytest.raises(RuntimeError, match="kill -9"):
        release_uploads.check_release_upload(shop, payload)
    for _ in range(2):
        release_uploads.check_release_upload(shop, payload)

    [draft] = drafts(shop, product)
    assert staff.find(upload).release_id == draft.id
    let_time_pass(shop, timedelta(hours=2))
    sweep_outbox(shop, overdue=NOW)
    assert sha256(shop.files.read(draft.file_key).body).hexdigest() == draft.sha256
    assert stored_under(shop, product) == {draft.file_key}


def stored_under(shop: Shop, product: Product) -> set[str]:
    """What lies in the store of this product, by every key that was ever written down."""
    with shop.database.reading() as session:
        payloads = session.scalars(select(OutboxMessage.payload)).all()
        keys = set(session.scalars(select(ReleaseUpload.file_key)))
    keys |= {str(payload["file_key"]) for payload in payloads if "file_key" in payload}
    return {
        key for key in keys if key.startswith(f"releases/{product.slug}/") and shop.files.has(key)
    }


def test_what_was_stopped_is_not_checked(shop: Shop, staff: Uploader) -> None:
    upload = staff.upload(GOOD)
    stop(staff, upload)
    sweep_outbox(shop, overdue=NOW)

    release_uploads.check_release_upload(shop, {"upload_id": str(upload.id)})

    assert staff.find(upload).state == UploadState.ABANDONED
    assert drafts(shop, staff.product) == []
    assert not shop.files.has(upload.file_key)


def test_a_check_that_is_stopped_while_it_runs_makes_no_draft(
    shop: Shop, staff: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = staff.upload(GOOD)

    def check_and_stop(path: Path) -> Any:
        report = check_apart(path)
        stop(staff, upload)
        return report

    monkeypatch.setattr(release_uploads, "check_apart", check_and_stop)
    sweep_outbox(shop, overdue=NOW)

    assert staff.find(upload).state == UploadState.ABANDONED
    assert drafts(shop, staff.product) == []
    assert not shop.files.has(upload.file_key)


def stop(staff: Uploader, upload: ReleaseUpload) -> None:
    with staff.shop.database.transaction() as session:
        release_uploads_service.abandon_upload(
            session,
            staff.product.id,
            upload.id,
            actor_id=staff.actor_id,
            now=staff.shop.clock(),
        )


def test_a_store_that_is_away_makes_the_check_wait(
    shop: Shop, staff: Uploader, sandbox: RunningSandbox
) -> None:
    upload = staff.upload(GOOD)
    requests.post(f"{sandbox.url}/control/s3", json={"down": True}, timeout=10)
    try:
        with pytest.raises(FilesUnavailable):
            release_uploads.check_release_upload(shop, {"upload_id": str(upload.id)})
    finally:
        requests.post(f"{sandbox.url}/control/s3", json={"down": False}, timeout=10)

    assert staff.find(upload).state == UploadState.CHECKING
    release_uploads.check_release_upload(shop, {"upload_id": str(upload.id)})
    assert staff.find(upload).state == UploadState.READY


def test_a_file_that_is_gone_is_refused(shop: Shop, staff: Uploader) -> None:
    upload = staff.upload(GOOD)
    shop.files.delete(upload.file_key)
    sweep_outbox(shop, overdue=NOW)

    assert staff.find(upload).refusal == "archive_lost"


def test_what_nobody_finished_goes_after_a_day(shop: Shop, staff: Uploader) -> None:
    of_others = open_keys(shop, staff)
    begun = staff.begin(GOOD)
    staff.send(begun, GOOD)
    unchecked = staff.upload(GOOD, version="3.0.0")
    let_time_pass(shop, timedelta(hours=25))
    fresh = staff.begin(GOOD, version="4.0.0")

    release_uploads.sweep(shop)
    release_uploads.sweep(shop)

    assert staff.find(begun).state == UploadState.ABANDONED
    assert staff.find(unchecked).refusal == "archive_unchecked"
    assert staff.find(fresh).state == UploadState.UPLOADING
    sweep_outbox(shop, overdue=NOW)
    assert open_keys(shop, staff) - of_others == {fresh.file_key}
    assert not shop.files.has(unchecked.file_key)


def open_keys(shop: Shop, staff: Uploader) -> set[str]:
    """What was begun and not finished; the store is everybody's who tests in this process."""
    began_before = shop.clock() + timedelta(minutes=1)
    prefix = f"releases/{staff.product.slug}/"
    return {one.key for one in shop.files.parts.list_open(prefix, began_before=began_before)}


def test_parts_that_no_upload_knows_of_are_thrown_away_after_two_days(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "releases/nobody/0.zip"
    shop.files.parts.start(key, content_type="application/zip")

    def is_open() -> bool:
        later = shop.clock() + timedelta(minutes=1)
        return any(one.key == key for one in shop.files.parts.list_open(key, began_before=later))

    release_uploads.sweep(shop)
    assert is_open()
    monkeypatch.setattr(release_uploads, "LONGEST_UPLOAD", -timedelta(minutes=1))
    release_uploads.sweep(shop)
    assert not is_open()


def test_a_deleted_draft_of_a_product_takes_its_uploads_along(shop: Shop, staff: Uploader) -> None:
    upload = staff.upload(GOOD)
    with shop.database.transaction() as session:
        release_uploads_service.forget_uploads_of(session, staff.product.id)
        session.delete(session.get_one(ReleaseUpload, upload.id))
    sweep_outbox(shop, overdue=NOW)

    assert not shop.files.has(upload.file_key)
