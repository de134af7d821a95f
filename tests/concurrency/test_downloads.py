"""Downloads of one licence at once: no more than a day's, and none after a revocation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from jobs.copies import purge
from storefront.bootstrap import Shop
from storefront.catalog.models import Release
from storefront.db import Database
from storefront.delivery import copies, flow
from storefront.delivery.copies import MOST_PER_DAY
from storefront.delivery.flow import Wanted
from storefront.delivery.models import CopyState, Download, DownloadMark
from storefront.licenses.models import License
from storefront.outbox import OutboxMessage
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.storefront.orders.purchases import buy
from tests.support.downloads import license_of, store_archive, work
from tests.support.factories import Factory


@pytest.fixture
def wanted(shop: Shop, make: Factory) -> Wanted:
    """A release that somebody bought; no copy of it yet."""
    buyer, product = make.user(), make.product()
    release: Release = product.releases[0]
    store_archive(shop, release)
    buy(shop, make, buyer, (product, 1))
    return Wanted(license_of(shop, buyer), release.id, buyer.id)


def get_link(shop: Shop, wanted: Wanted) -> str | None:
    return flow.create_download_link(shop, wanted, address="127.0.0.1")


def count(database: Database, table: type[Download] | type[DownloadMark]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_fifty_clicks_at_once_get_a_days_links_and_not_one_more(shop: Shop, wanted: Wanted) -> None:
    get_link(shop, wanted)
    work(shop)

    outcomes = race([partial(get_link, shop, wanted)] * 50)

    assert len(successes_in(outcomes)) == MOST_PER_DAY
    assert codes_of(outcomes) == ["too_many_downloads"] * (50 - MOST_PER_DAY)
    assert count(shop.database, Download) == MOST_PER_DAY


def test_control_without_the_licences_lock_the_cap_is_passed(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE loose_downloads (license int)"))

    def take(session: Session, everybody_has_counted: Barrier) -> None:
        taken = session.scalar(text("SELECT count(*) FROM loose_downloads"))
        everybody_has_counted.wait()
        if taken < 3:
            session.execute(text("INSERT INTO loose_downloads VALUES (1)"))

    race_transactions(database, take, runners=8)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM loose_downloads")) == 8


def test_control_the_real_cap_without_its_lock_is_passed(
    shop: Shop, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_link(shop, wanted)
    work(shop)
    everybody_is_here = Barrier(8, timeout=30)
    monkeypatch.setattr(copies, "MOST_PER_DAY", 3)
    counted = copies._count_recent

    def count_then_wait(session: Session, license_id: UUID, now: object) -> int:
        found = counted(session, license_id, now)  # type: ignore[arg-type]
        everybody_is_here.wait()
        return found

    monkeypatch.setattr(copies, "_lock_license", lambda *_: None)
    monkeypatch.setattr(copies, "_count_recent", count_then_wait)
    race([partial(get_link, shop, wanted)] * 8)

    assert count(shop.database, Download) == 8


def test_first_clicks_at_once_draw_one_mark_and_order_one_copy(shop: Shop, wanted: Wanted) -> None:
    assert race([partial(get_link, shop, wanted)] * 20) == [None] * 20

    assert count(shop.database, DownloadMark) == 1
    with shop.database.reading() as session:
        ordered = session.scalar(select(func.count()).where(OutboxMessage.task == "prepare_copy"))
    assert ordered == 1


def test_a_copy_that_two_workers_make_is_made_once_and_stays(shop: Shop, wanted: Wanted) -> None:
    get_link(shop, wanted)
    with shop.database.reading() as session:
        key = session.scalars(select(DownloadMark.file_key)).one() or ""

    race([partial(flow.prepare_copy, shop, key)] * 6)

    assert shop.files.has(key)
    assert get_link(shop, wanted) is not None


def test_a_copy_that_is_let_go_while_it_is_fetched_is_handed_out_or_made_again(
    shop: Shop, wanted: Wanted
) -> None:
    get_link(shop, wanted)
    work(shop)
    with shop.database.transaction() as session:
        session.execute(update(DownloadMark).values(expires_at=shop.clock()))

    calls: list[Callable[[], object]] = [partial(get_link, shop, wanted), partial(purge, shop)]
    race(calls * 5)
    work(shop)

    with shop.database.reading() as session:
        copy = session.scalars(select(DownloadMark)).one()
    assert copy.state == CopyState.READY
    assert shop.files.has(copy.file_key or "")


def test_no_link_is_given_after_a_revocation(shop: Shop, wanted: Wanted) -> None:
    get_link(shop, wanted)
    work(shop)

    def revoke() -> None:
        with shop.database.transaction() as session:
            session.execute(
                update(License).where(License.id == wanted.license_id).values(status="revoked")
            )

    calls: list[Callable[[], object]] = [revoke, *[partial(get_link, shop, wanted)] * 10]
    race(calls)

    before = count(shop.database, Download)
    assert codes_of(race([partial(get_link, shop, wanted)] * 3)) == ["license_not_active"] * 3
    assert count(shop.database, Download) == before
