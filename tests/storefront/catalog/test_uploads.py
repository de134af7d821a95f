"""Uploads: every state meets every action, and what the database holds them to."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from storefront.bootstrap import Shop
from storefront.catalog.archives import MOST_BYTES
from storefront.catalog.uploads.models import (
    OPEN_STATES,
    UPLOAD_MACHINE,
    ReleaseUpload,
    UploadAction,
    UploadState,
)
from storefront.kit.state import AlreadyDone, Illegal, Moved
from tests.support.archives import archive
from tests.support.factories import Factory
from tests.support.uploads import Uploader

S, A = UploadState, UploadAction
LEADS_TO = {
    A.COMPLETE: S.UPLOADED,
    A.CHECK: S.CHECKING,
    A.ACCEPT: S.READY,
    A.REFUSE: S.REFUSED,
    A.ABANDON: S.ABANDONED,
}
STARTS = {
    A.COMPLETE: {S.UPLOADING},
    A.CHECK: {S.UPLOADED},
    A.ACCEPT: {S.CHECKING},
    A.REFUSE: set(OPEN_STATES),
    A.ABANDON: set(OPEN_STATES),
}


@pytest.mark.parametrize("state", UploadState)
@pytest.mark.parametrize("action", UploadAction)
def test_every_state_meets_every_action(state: UploadState, action: UploadAction) -> None:
    outcome = UPLOAD_MACHINE.next_state(state, action)

    if state in STARTS[action]:
        assert outcome == Moved(LEADS_TO[action])
    elif state is LEADS_TO[action]:
        assert outcome == AlreadyDone(state)
    else:
        assert outcome == Illegal(state, action)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"state": "lost"}, "ck_release_uploads_state"),
        ({"channel": "nightly"}, "ck_release_uploads_channel"),
        ({"size_bytes": 0}, "ck_release_uploads_size"),
        ({"size_bytes": MOST_BYTES + 1}, "ck_release_uploads_size"),
        ({"sha256": "0" * 63}, "ck_release_uploads_(sha256|ready_has_release)"),
        ({"state": "ready", "ended_at": text("now()")}, "ck_release_uploads_ready_has_release"),
        ({"sha256": "0" * 64}, "ck_release_uploads_ready_has_release"),
        ({"state": "refused", "ended_at": text("now()")}, "ck_release_uploads_refusal"),
        ({"refusal": "archive_bomb"}, "ck_release_uploads_refusal"),
        ({"state": "abandoned"}, "ck_release_uploads_ended"),
        ({"ended_at": text("now()")}, "ck_release_uploads_ended"),
        ({"confirmed_at": text("now()")}, "ck_release_uploads_confirmed"),
    ],
)
def test_the_database_takes_no_upload_that_cannot_be(
    shop: Shop, make: Factory, values: dict[str, Any], constraint: str
) -> None:
    upload = Uploader(shop, make.product(), make.user(role="admin").id).begin(archive())

    with pytest.raises(IntegrityError, match=constraint), shop.database.transaction() as session:
        session.execute(update(ReleaseUpload).where(ReleaseUpload.id == upload.id).values(**values))
