"""Versions of a product: states, and two uploads of one version."""

from __future__ import annotations

from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import RELEASE_MACHINE, ReleaseAction, ReleaseState
from storefront.kit.ids import new_id
from storefront.kit.state import AlreadyDone, Illegal, Moved
from tests.concurrency.racing import race_transactions
from tests.support.factories import Factory


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product()
    return product


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
