"""A member's licences: masked, shown when asked for, and nobody else's business."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Release
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.queries import count_licenses, list_licenses
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.support.factories import Factory, SignIn

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def keys_of(shop: Shop, user: User) -> dict[UUID, str]:
    """The real keys, straight from the vault."""
    with shop.database.reading() as session:
        return {
            license.id: shop.vault.open(license.key_encrypted)
            for license in session.scalars(select(License).where(License.user_id == user.id))
        }


def set_license(shop: Shop, license_id: UUID, **values: object) -> None:
    """Put a licence into another state."""
    with shop.database.transaction() as session:
        session.execute(update(License).where(License.id == license_id).values(**values))


def test_the_list_never_holds_a_key(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 2))
    sign_in(client, buyer)

    page = client.get("/en/account/licenses").text

    keys = keys_of(shop, buyer).values()
    assert len(keys) == 2
    for key in keys:
        assert f"{key[:4]}-••••-••••-••••" in page
        assert key not in page
        assert key[5:] not in page


def test_the_owner_is_shown_one_key_and_the_others_stay_masked(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 2))
    sign_in(client, buyer)
    (wanted, key), (_, other) = keys_of(shop, buyer).items()

    answer = client.post(f"/en/account/licenses/{wanted}/key")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'data-copy="{key}"' in answer.text
    assert other not in answer.text
    assert not re.search(rf'(href|action)="[^"]*{key}', answer.text)


def test_htmx_gets_the_key_alone(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 1))
    sign_in(client, buyer)
    [(wanted, key)] = keys_of(shop, buyer).items()

    answer = client.post(f"/en/account/licenses/{wanted}/key", headers=HTMX)

    assert answer.text.lstrip().startswith('<div id="license-key"')
    assert "<html" not in answer.text
    assert key in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_key_is_not_logged_when_it_is_shown(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    capsys: pytest.CaptureFixture[str],
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 1))
    sign_in(client, buyer)
    [(wanted, key)] = keys_of(shop, buyer).items()

    client.post(f"/account/licenses/{wanted}/key")

    logged = capsys.readouterr()
    assert key not in logged.out + logged.err


def test_a_key_is_not_shown_by_a_plain_visit(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 1))
    sign_in(client, buyer)
    [(wanted, _)] = keys_of(shop, buyer).items()

    assert client.get(f"/account/licenses/{wanted}/key").status_code == 405


def test_somebody_elses_licence_is_not_found_even_for_staff(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    owner = make.user()
    buy(shop, make, owner, (make.product(), 1))
    [(foreign, key)] = keys_of(shop, owner).items()

    for stranger in (make.user(), make.user(role="admin")):
        sign_in(client, stranger)
        answer = client.post(f"/account/licenses/{foreign}/key")
        assert answer.status_code == 404
        assert key not in answer.text
        assert key[:4] not in client.get("/account/licenses").text


@pytest.mark.parametrize("license_id", ["1", "abc", "0" * 300, "%00", "ABCD-EFGH-JKMN-PQRS"])
def test_a_malformed_licence_id_is_not_found(
    client: FlaskClient, make: Factory, sign_in: SignIn, license_id: str
) -> None:
    sign_in(client, make.user())

    assert client.post(f"/account/licenses/{license_id}/key").status_code == 404
    assert client.post(f"/account/licenses/{new_id()}/key").status_code == 404


def test_a_guest_is_asked_to_sign_in_before_a_key_is_shown(client: FlaskClient) -> None:
    answer = client.post(f"/account/licenses/{new_id()}/key")

    assert answer.status_code == 303
    assert "/sign-in" in answer.location


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "active"}, "Active"),
        ({"status": "suspended"}, "Suspended"),
        ({"status": "revoked"}, "Revoked"),
        ({"status": "expired"}, "Expired"),
    ],
)
def test_each_status_is_named(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    values: dict[str, str],
    words: str,
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(), 1))
    [(wanted, _)] = keys_of(shop, buyer).items()
    set_license(shop, wanted, **values)
    sign_in(client, buyer)

    assert f"</svg>{words}</span>" in client.get("/en/account/licenses").text


def test_a_licence_past_its_end_is_shown_as_expired_before_any_job_marks_it(
    shop: Shop, make: Factory
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(duration_days=30), 1))
    later = shop.clock() + timedelta(days=31)

    with shop.database.reading() as session:
        (before,) = list_licenses(session, buyer.id, now=shop.clock())
        (after,) = list_licenses(session, buyer.id, now=later)
        counted = count_licenses(session, buyer.id, now=later)

    assert before.status is LicenseStatus.ACTIVE
    assert after.status is LicenseStatus.EXPIRED
    assert (counted.active, counted.all) == (0, 1)


def test_a_row_names_its_order_servers_and_newest_release(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(slots=3), 1))
    sign_in(client, buyer)

    page = client.get("/en/account/licenses").text

    for words in (order.reference, "3 servers", "no end date", "Download version 1.0.0"):
        assert words in page


def test_an_account_without_licences_is_shown_the_way_to_the_shop(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user())

    assert "No licences yet" in client.get("/en/account/licenses").text
    assert client.get("/account/licenses").status_code == 200


def test_many_licences_take_no_more_queries(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    buy(shop, make, buyer, *[(make.product(price=baht(10)), 3) for _ in range(3)])
    sign_in(client, buyer)

    with counted_queries(shop.database.engine) as queries:
        assert client.get("/account/licenses").status_code == 200

    assert 0 < len(queries) <= MEMBER_CEILING


def test_a_beta_is_offered_only_where_there_is_nothing_else(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer, product = make.user(), make.product()
    buy(shop, make, buyer, (product, 1))
    with shop.database.transaction() as session:
        stable = session.scalars(select(Release).where(Release.product_id == product.id)).one()
        beta = Release(
            id=new_id(),
            product_id=product.id,
            version="2.0.0-beta.1",
            channel="beta",
            changelog_th="",
            changelog_en="",
            file_key="releases/beta.zip",
            file_name="beta.zip",
            size_bytes=1,
            sha256="0" * 64,
            published_at=stable.published_at,
        )
        session.add(beta)
        stable_id = stable.id
    sign_in(client, buyer)

    assert "Download version 1.0.0" in client.get("/en/account/licenses").text
    with shop.database.transaction() as session:
        session.get_one(Release, stable_id).yanked_at = datetime.now(UTC)
    assert "Download version 2.0.0-beta.1" in client.get("/en/account/licenses").text
