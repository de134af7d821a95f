"""One catalogue file imported by two people at once."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.catalog.csv_files.service import Outcome, import_file, keep_file
from storefront.catalog.models import Product
from tests.admin.csv_uploads import file_of, row
from tests.concurrency.racing import codes_of, race, successes_in
from tests.support.factories import Factory


def keep(shop: Shop, actor_id: UUID, body: bytes) -> UUID:
    with shop.database.transaction() as session:
        return keep_file(session, body, file_name="a.csv", actor_id=actor_id, now=shop.clock())


def run(shop: Shop, actor_id: UUID, import_id: UUID) -> Outcome:
    with shop.database.transaction() as session:
        return import_file(session, import_id, actor_id=actor_id, now=shop.clock())


def test_of_six_people_who_import_a_file_at_once_one_does(shop: Shop, make: Factory) -> None:
    make.category("scripts")
    actor = make.user(role="admin").id
    kept = keep(shop, actor, file_of(row(), row(slug="other")))

    outcomes = race([partial(run, shop, actor, kept)] * 6)

    assert successes_in(outcomes) == [Outcome(created=2, changed=0, unchanged=0)]
    assert codes_of(outcomes) == ["import_done"] * 5


def test_of_two_files_with_the_same_product_at_once_one_is_refused_as_a_whole(
    shop: Shop, make: Factory
) -> None:
    make.category("scripts")
    actor = make.user(role="admin").id
    run(shop, actor, keep(shop, actor, file_of(row())))
    files = [
        keep(shop, actor, file_of(row(slug=f"new-{n}"), row(name_en=f"Name {n}"))) for n in (1, 2)
    ]

    outcomes = race([partial(run, shop, actor, kept) for kept in files])

    assert codes_of(outcomes) == ["import_refused"]
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == 2
