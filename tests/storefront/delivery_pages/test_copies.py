"""The copy of a release that is made for one licence: asked for, made, fetched, let go."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import select, update

from jobs.copies import purge
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.delivery.copies import MOST_PER_DAY
from storefront.delivery.models import CopyState, Download, DownloadMark
from storefront.licenses.models import License
from storefront.providers.files import FilesUnavailable
from tests.storefront.orders.purchases import buy
from tests.support.downloads import ask, download, license_of, script_archive, store_archive, work
from tests.support.factories import Factory, SignIn


@pytest.fixture
def bought(shop: Shop, make: Factory, client: FlaskClient, sign_in: SignIn) -> tuple[UUID, Release]:
    """A licence and its release; its owner is signed in."""
    buyer, product = make.user(), make.product()
    store_archive(shop, product.releases[0])
    buy(shop, make, buyer, (product, 1))
    sign_in(client, buyer)
    return license_of(shop, buyer), product.releases[0]


def the_copy(shop: Shop) -> DownloadMark:
    with shop.database.reading() as session:
        return session.scalars(select(DownloadMark)).one()


def change_copy(shop: Shop, **values: object) -> None:
    with shop.database.transaction() as session:
        session.execute(update(DownloadMark).values(**values))


def downloads(shop: Shop) -> list[Download]:
    with shop.database.reading() as session:
        return list(session.scalars(select(Download).order_by(Download.id)))


def test_the_first_click_prepares_a_copy_and_the_second_fetches_it(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    page = ask(client, *bought)
    waiting = client.get(page).text
    assert downloads(shop) == []
    work(shop)
    ready = client.get(f"/en{page}").text
    link = ask(client, *bought)

    assert 'hx-trigger="every 2s"' in waiting
    assert '<noscript><meta http-equiv="refresh"' in waiting
    assert "Your copy is ready" in ready
    assert urlsplit(link).netloc == urlsplit(shop.settings.s3_endpoint_url or "").netloc
    body = requests.get(link, timeout=10).content
    assert sha256(body).hexdigest() in ready
    [recorded] = downloads(shop)
    assert recorded.sha256 == sha256(body).hexdigest()
    assert recorded.mark_id == the_copy(shop).id


def test_the_copy_holds_the_same_files_as_the_release(shop: Shop, make: Factory) -> None:
    buyer, product = make.user(), make.product()
    store_archive(shop, product.releases[0])
    buy(shop, make, buyer, (product, 1))

    copy = zipfile.ZipFile(io.BytesIO(download(shop, buyer, product.releases[0])))

    original = zipfile.ZipFile(io.BytesIO(script_archive()))
    assert copy.namelist() == original.namelist()
    assert copy.testzip() is None
    for name in copy.namelist():
        assert b"".join(copy.read(name).split()).startswith(
            b"".join(original.read(name).split())
        ), name


def test_each_licence_gets_another_copy_and_always_the_same_one(shop: Shop, make: Factory) -> None:
    product = make.product()
    store_archive(shop, product.releases[0])
    one, other = make.user(), make.user()
    for buyer in (one, other):
        buy(shop, make, buyer, (product, 1))

    first, foreign = (download(shop, who, product.releases[0]) for who in (one, other))
    change_copy(shop, expires_at=shop.clock() - timedelta(days=1))
    purge(shop)
    again = download(shop, one, product.releases[0])

    assert first != foreign
    assert again == first


def test_the_poll_is_empty_until_something_changes(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    page = ask(client, *bought)
    htmx = {"HX-Request": "true"}

    before = client.get(f"{page}?seen=preparing", headers=htmx)
    work(shop)
    after = client.get(f"{page}?seen=preparing", headers=htmx)

    assert before.status_code == 204
    assert after.status_code == 200
    assert after.text.lstrip().startswith('<div id="copy"')


def test_without_a_worker_the_page_says_that_it_takes_longer(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    page = ask(client, *bought)
    change_copy(shop, ordered_at=shop.clock() - timedelta(minutes=2))

    assert "takes longer than usual" in client.get(f"/en{page}").text


def test_a_copy_whose_worker_never_came_is_ordered_again(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    ask(client, *bought)
    first = the_copy(shop).file_key
    change_copy(shop, ordered_at=shop.clock() - timedelta(hours=1))
    ask(client, *bought)

    assert the_copy(shop).file_key != first
    work(shop)
    assert the_copy(shop).state == CopyState.READY
    assert "X-Amz-Signature" in ask(client, *bought)


@pytest.mark.parametrize("body", [b"no archive", b""], ids=["broken", "missing"])
def test_a_release_that_cannot_be_read_fails_the_copy_and_says_so(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release], body: bytes
) -> None:
    license_id, release = bought
    if body:
        store_archive(shop, release, body)
    else:
        shop.files.delete(release.file_key)
    page = ask(client, *bought)
    work(shop)

    assert "could not be made" in client.get(f"/en{page}").text
    store_archive(shop, release)
    ask(client, license_id, release)
    work(shop)
    assert "Your copy is ready" in client.get(f"/en{page}").text


def test_a_store_that_is_away_delays_the_copy_and_loses_nothing(
    client: FlaskClient,
    shop: Shop,
    bought: tuple[UUID, Release],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = ask(client, *bought)

    def away(*_args: object, **_more: object) -> int:
        raise FilesUnavailable("down")

    with monkeypatch.context() as patched:
        patched.setattr(type(shop.files), "fetch", away)
        work(shop)
    assert the_copy(shop).state == CopyState.PREPARING
    assert "Preparing your copy" in client.get(f"/en{page}").text


def test_a_copy_whose_file_was_lost_is_made_again(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    ask(client, *bought)
    work(shop)
    shop.files.delete(the_copy(shop).file_key or "")

    page = ask(client, *bought)
    work(shop)

    assert "/copies/" in page
    assert requests.get(ask(client, *bought), timeout=10).status_code == 200


def test_old_copies_are_let_go_with_their_files(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    page = ask(client, *bought)
    work(shop)
    key = the_copy(shop).file_key or ""
    change_copy(shop, expires_at=shop.clock())

    assert purge(shop) == 1
    work(shop)

    assert not shop.files.has(key)
    assert the_copy(shop).state == CopyState.GONE
    assert "No copy is waiting" in client.get(f"/en{page}").text


def test_a_licence_has_so_many_downloads_a_day(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    license_id, release = bought
    ask(client, *bought)
    work(shop)
    for _ in range(MOST_PER_DAY):
        ask(client, *bought)

    answer = client.post(
        f"/en/account/licenses/{license_id}/downloads", data={"release_id": str(release.id)}
    )

    assert answer.status_code == 429
    assert "20 downloads" in answer.text
    assert len(downloads(shop)) == MOST_PER_DAY
    with shop.database.transaction() as session:
        session.execute(update(Download).values(created_at=shop.clock() - timedelta(hours=25)))
    assert "X-Amz-Signature" in ask(client, *bought)


@pytest.mark.parametrize("status", ["suspended", "revoked", "expired"])
def test_a_licence_that_ends_closes_a_copy_that_is_ready(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release], status: str
) -> None:
    license_id, release = bought
    page = ask(client, *bought)
    work(shop)
    with shop.database.transaction() as session:
        session.execute(update(License).values(status=status))

    answer = client.post(
        f"/account/licenses/{license_id}/downloads", data={"release_id": str(release.id)}
    )

    assert answer.status_code == 409
    assert "This file is closed" in client.get(f"/en{page}").text
    assert downloads(shop) == []


def test_somebody_elses_copy_does_not_exist(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    bought: tuple[UUID, Release],
) -> None:
    page = ask(client, *bought)
    for stranger in (make.user(), make.user(role="admin")):
        sign_in(client, stranger)
        assert client.get(page).status_code == 404


def with_versions(shop: Shop, make: Factory, *versions: tuple[str, str]) -> tuple[User, Product]:
    buyer, product = make.user(), make.product()
    with shop.database.transaction() as session:
        for version, channel in versions:
            session.add(
                Release(
                    product_id=product.id,
                    version=version,
                    channel=channel,
                    changelog_th=f"ใหม่ใน {version}",
                    changelog_en=f"New in {version}",
                    file_key=f"releases/{product.slug}/{version}.zip",
                    file_name=f"{product.slug}-{version}.zip",
                    size_bytes=1000,
                    sha256="0" * 64,
                    published_at=shop.clock() - timedelta(hours=1),
                )
            )
    buy(shop, make, buyer, (product, 1))
    return buyer, product


def bind_server(shop: Shop, license_id: UUID, version: str, *, seen: datetime) -> None:
    from ipaddress import ip_network

    from storefront.licenses.usage_models import LicenseSlot

    with shop.database.transaction() as session:
        session.add(
            LicenseSlot(
                license_id=license_id,
                position=1,
                network=ip_network("192.0.2.1/32"),
                version=version,
                bound_at=seen,
                last_seen_at=seen,
            )
        )


def test_what_is_new_counts_from_the_version_the_server_runs(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, _ = with_versions(
        shop, make, ("1.1.0", "stable"), ("1.2.0", "stable"), ("2.0.0-beta.1", "beta")
    )
    bind_server(shop, license_of(shop, buyer), "1.1.0", seen=shop.clock())
    sign_in(client, buyer)

    page = client.get("/en/account/downloads").text

    assert "New since version 1.1.0, which your server runs" in page
    assert "Update available" in page
    news = page[page.index("New since version") : page.index("Version 1.2.0</strong>")]
    assert "New in 1.2.0" in news
    assert "New in 1.1.0" not in news
    assert "2.0.0-beta.1" not in news
    assert "1 beta version" in page


def test_a_beta_is_no_update_and_not_the_first_button(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, _ = with_versions(shop, make, ("2.0.0-beta.1", "beta"))
    bind_server(shop, license_of(shop, buyer), "1.0.0", seen=shop.clock())
    sign_in(client, buyer)

    page = client.get("/en/account/downloads").text

    assert "Update available" not in page
    assert page.index("Version 1.0.0</strong>") < page.index("Version 2.0.0-beta.1</strong>")


def test_a_server_that_names_no_real_version_is_not_believed(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, _ = with_versions(shop, make, ("1.1.0", "stable"))
    bind_server(shop, license_of(shop, buyer), "latest!", seen=shop.clock())
    sign_in(client, buyer)

    page = client.get("/en/account/downloads")

    assert page.status_code == 200
    assert "New since version" not in page.text


def test_the_page_lists_what_one_downloaded(
    client: FlaskClient, shop: Shop, bought: tuple[UUID, Release]
) -> None:
    ask(client, *bought)
    work(shop)
    ask(client, *bought)

    page = client.get("/en/account/downloads").text

    assert "What you downloaded" in page
    assert (the_copy(shop).sha256 or "")[:12] + "…" in page
