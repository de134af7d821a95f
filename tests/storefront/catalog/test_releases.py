"""Versions of a product: states, and two uploads of one version."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.flow import upload_release
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import RELEASE_MACHINE, ReleaseAction, ReleaseState, ReleaseText
from storefront.kit.ids import new_id
from storefront.kit.state import AlreadyDone, Illegal, Moved
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.archives import archive
from tests.support.factories import Factory

GOOD = archive()
OTHER = archive({"other.lua": b"return 2"})


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product()
    return product


def test_of_two_uploads_of_one_version_at_once_one_wins_with_its_own_file(
    shop: Shop, product: Product, make: Factory
) -> None:
    staff = make.user(role="admin")

    def add(body: bytes) -> Release:
        return upload_release(
            shop.database,
            shop.files,
            product.id,
            version="3.0.0",
            words=ReleaseText("stable", "", ""),
            body=BytesIO(body),
            actor_id=staff.id,
            now=shop.clock(),
        )

    outcomes = race([lambda: add(GOOD), lambda: add(OTHER)] * 3)

    assert codes_of(outcomes) == ["version_exists"] * 5
    [winner] = successes_in(outcomes)
    stored = shop.files.read(winner.file_key).body
    assert sha256(stored).hexdigest() == winner.sha256


def test_control_without_the_lock_only_the_unique_key_stands_between(
    shop: Shop, product: Product
) -> None:
    def add(session: Session, everybody_has_read: Barrier) -> None:
        there = session.scalars(select(Release.version)).all()
        everybody_has_read.wait()
        assert "3.0.0" not in there
        session.add(
            Release(
                product_id=product.id,
                version="3.0.0",
                changelog_th="",
                changelog_en="",
                file_key=str(new_id()),
                file_name="a.zip",
                size_bytes=1,
                sha256="0" * 64,
            )
        )

    with pytest.raises(IntegrityError):
        race_transactions(shop.database, add, runners=2)


@pytest.mark.parametrize("state", ReleaseState)
@pytest.mark.parametrize("action", ReleaseAction)
def test_every_state_meets_every_action(state: ReleaseState, action: ReleaseAction) -> None:
    starts, leads_to = {
        ReleaseAction.PUBLISH: (ReleaseState.DRAFT, ReleaseState.PUBLISHED),
        ReleaseAction.YANK: (ReleaseState.PUBLISHED, ReleaseState.YANKED),
        ReleaseAction.RESTORE: (ReleaseState.YANKED, ReleaseState.PUBLISHED),
    }[action]

    outcome = RELEASE_MACHINE.next_state(state, action)

    if state is starts:
        assert outcome == Moved(leads_to)
    elif state is leads_to:
        assert outcome == AlreadyDone(state)
    else:
        assert outcome == Illegal(state, action)
