"""A member's downloads: what is offered, to whom, and why not."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.delivery.models import Download
from storefront.delivery.queries import list_downloads
from storefront.kit.ids import new_id
from storefront.licenses.models import License
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.support.downloads import license_of, store_archive
from tests.support.factories import Factory, SignIn


def set_license(shop: Shop, license_id: UUID, **values: object) -> None:
    """Put a licence into another state."""
    with shop.database.transaction() as session:
        session.execute(update(License).where(License.id == license_id).values(**values))


def publish(shop: Shop, product: Product, version: str, **values: object) -> Release:
    """Another release of a product, out since an hour unless said otherwise."""
    release = Release(
        **{
            "id": new_id(),
            "product_id": product.id,
            "version": version,
            "changelog_th": f"แก้ไข {version}",
            "changelog_en": f"Changes of **{version}**",
            "file_key": f"releases/{product.slug}/{version}.zip",
            "file_name": f"{product.slug}-{version}.zip",
            "size_bytes": 2_500_000,
            "sha256": "a" * 64,
            "published_at": shop.clock() - timedelta(hours=1),
            **values,
        }
    )
    with shop.database.transaction() as session:
        session.add(release)
    return release


def count_downloads(shop: Shop) -> int:
    """How many downloads were recorded."""
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Download)) or 0


def test_releases_are_listed_newest_first_with_what_one_needs_to_know(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, product = make.user(), make.product(dependencies=["ox_lib", "oxmysql"])
    publish(shop, product, "1.1.0")
    buy(shop, make, buyer, (product, 1))
    sign_in(client, buyer)

    page = client.get("/en/account/downloads").text

    assert page.index("Version 1.1.0") < page.index("Version 1.0.0")
    for words in ("2.5 MB", "<strong>1.1.0</strong>", "Needs ox_lib, oxmysql"):
        assert words in page


def test_a_late_fix_of_an_old_line_does_not_stand_above_the_highest_version(
    shop: Shop, make: Factory
) -> None:
    buyer, product = make.user(), make.product()
    publish(shop, product, "1.10.0", published_at=shop.clock() - timedelta(days=2))
    publish(shop, product, "1.10.0-beta.1", published_at=shop.clock() - timedelta(hours=2))
    publish(shop, product, "1.9.1")
    buy(shop, make, buyer, (product, 1))

    with shop.database.reading() as session:
        [owned] = list_downloads(session, buyer.id, now=shop.clock())

    versions = [release.version for release in owned.releases]
    assert versions == ["1.10.0", "1.10.0-beta.1", "1.9.1", "1.0.0"]


def test_yanked_and_unpublished_releases_are_not_offered(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, product = make.user(), make.product()
    publish(shop, product, "2.0.0", yanked_at=shop.clock())
    publish(shop, product, "3.0.0", published_at=None)
    publish(shop, product, "4.0.0", published_at=shop.clock() + timedelta(days=1))
    buy(shop, make, buyer, (product, 1))
    sign_in(client, buyer)

    page = client.get("/en/account/downloads").text

    assert "Version 1.0.0" in page
    for version in ("2.0.0", "3.0.0", "4.0.0"):
        assert version not in page


def test_an_update_since_the_last_download_is_announced(shop: Shop, make: Factory) -> None:
    buyer, product = make.user(), make.product()
    buy(shop, make, buyer, (product, 1))
    with shop.database.transaction() as session:
        session.add(
            Download(
                license_id=license_of(shop, buyer),
                release_id=product.releases[0].id,
                user_id=buyer.id,
                address="127.0.0.1",
            )
        )
    with shop.database.reading() as session:
        (before,) = list_downloads(session, buyer.id, now=shop.clock())
    publish(shop, product, "1.1.0")
    with shop.database.reading() as session:
        (after,) = list_downloads(session, buyer.id, now=shop.clock())

    assert not before.has_update
    assert after.has_update


def test_somebody_elses_licence_opens_no_file(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    owner, product = make.user(), make.product()
    release = product.releases[0]
    store_archive(shop, release)
    buy(shop, make, owner, (product, 1))

    for stranger in (make.user(), make.user(role="admin")):
        sign_in(client, stranger)
        answer = client.post(
            f"/account/licenses/{license_of(shop, owner)}/downloads",
            data={"release_id": str(release.id)},
        )
        assert answer.status_code == 404
    assert count_downloads(shop) == 0


def test_a_licence_opens_no_file_of_another_product(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, product, other = make.user(), make.product(), make.product()
    buy(shop, make, buyer, (product, 1))
    sign_in(client, buyer)

    answer = client.post(
        f"/account/licenses/{license_of(shop, buyer)}/downloads",
        data={"release_id": str(other.releases[0].id)},
    )

    assert answer.status_code == 404


@pytest.mark.parametrize("release_id", ["", "1", "0" * 300, "../../etc/passwd", "\x00"])
def test_a_malformed_release_id_is_not_found(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, release_id: str
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 1))
    sign_in(client, buyer)
    license_id = license_of(shop, buyer)

    for path in (f"/account/licenses/{license_id}/downloads", "/account/licenses/abc/downloads"):
        assert client.post(path, data={"release_id": release_id}).status_code == 404


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "suspended"}, "This licence is paused"),
        ({"status": "revoked"}, "This licence was withdrawn"),
        ({"status": "expired"}, "This licence has reached its end date"),
    ],
)
def test_a_bad_licence_says_why_and_offers_no_button(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    values: dict[str, str],
    words: str,
) -> None:
    buyer, product = make.user(), make.product()
    buy(shop, make, buyer, (product, 1))
    license_id = license_of(shop, buyer)
    set_license(shop, license_id, **values)
    store_archive(shop, product.releases[0])
    sign_in(client, buyer)

    page = client.get("/en/account/downloads").text
    answer = client.post(
        f"/account/licenses/{license_id}/downloads",
        data={"release_id": str(product.releases[0].id)},
    )

    assert words in page
    assert f"/licenses/{license_id}/downloads" not in page
    assert answer.status_code == 409
    assert count_downloads(shop) == 0


def test_a_good_licence_counts_although_another_for_the_product_is_revoked(
    shop: Shop, make: Factory
) -> None:
    buyer, product = make.user(), make.product()
    buy(shop, make, buyer, (product, 2))
    set_license(shop, license_of(shop, buyer), status="revoked")

    with shop.database.reading() as session:
        (owned,) = list_downloads(session, buyer.id, now=shop.clock())

    assert owned.is_available
    assert owned.license_id != license_of(shop, buyer)


def test_a_bundle_offers_the_files_of_every_product_in_it(shop: Shop, make: Factory) -> None:
    buyer = make.user()
    products = [make.product(), make.product()]
    buy(shop, make, buyer, (make.bundle(*products), 1))

    with shop.database.reading() as session:
        owned = list_downloads(session, buyer.id, now=shop.clock())

    assert {entry.slug for entry in owned} == {product.slug for product in products}


def test_the_page_is_for_members_and_reads_in_both_languages(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    assert client.get("/account/downloads").status_code == 303

    sign_in(client, make.user())

    assert "Nothing to download yet" in client.get("/en/account/downloads").text
    assert '<html lang="th"' in client.get("/account/downloads").text


def test_many_products_take_no_more_queries(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, *[(make.product(), 2) for _ in range(4)])
    sign_in(client, buyer)

    with counted_queries(shop.database.engine) as queries:
        assert client.get("/account/downloads").status_code == 200

    assert 0 < len(queries) <= MEMBER_CEILING
