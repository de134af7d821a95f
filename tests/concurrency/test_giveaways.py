"""One form that gives a licence away, sent many times in the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.licenses.giveaways import Giveaway, give_away
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from tests.concurrency.racing import codes_of, insert_unless_there, race, successes_in
from tests.support.factories import Factory

RUNNERS = 8


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


def give(shop: Shop, staff: User, receiver: User, product: Product) -> Sequence[UUID]:
    wanted = Giveaway(
        variant_id=product.variants[0].id, user_id=receiver.id, reason="a test", form_key="one-form"
    )
    with shop.database.transaction() as session:
        return give_away(session, wanted, actor_id=staff.id, vault=shop.vault, now=shop.clock())


def licenses(shop: Shop) -> Sequence[License]:
    with shop.database.reading() as session:
        return session.scalars(select(License)).all()


def test_a_form_sent_many_times_at_once_gives_once_and_everybody_is_led_to_it(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver, product = make.user(), make.bundle(make.product(), make.product())

    outcomes = race([partial(give, shop, staff, receiver, product)] * RUNNERS)

    assert codes_of(outcomes) == []
    assert len({tuple(sorted(ids)) for ids in successes_in(outcomes)}) == 1
    assert len(licenses(shop)) == 2
    with shop.database.reading() as session:
        assert len(session.scalars(select(Notification)).all()) == 1


def test_a_form_that_is_changed_while_it_is_sent_gives_one_thing_alone(
    shop: Shop, staff: User, make: Factory
) -> None:
    product, receivers = make.product(), [make.user() for _ in range(RUNNERS)]

    outcomes = race([partial(give, shop, staff, person, product) for person in receivers])

    assert codes_of(outcomes) == ["giveaway_form_used"] * (RUNNERS - 1)
    assert len(licenses(shop)) == 1


def test_without_the_unique_key_every_click_would_give(
    shop: Shop, staff: User, make: Factory
) -> None:
    assert insert_unless_there(shop.database, "licenses", runners=RUNNERS) == RUNNERS
