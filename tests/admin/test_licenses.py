"""The panel of licences: found by what staff know, changed only after it was said what happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from structlog.testing import capture_logs

from admin.license_list import Wanted, list_staff_licenses
from storefront.bootstrap import Shop
from storefront.licenses.models import License
from storefront.orders.models import Order
from tests.admin.licensing import asks, binds, bought, flags, key_of, now_in
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

LIST = "/en/admin/licenses"


def found(client: FlaskClient, **query: Any) -> str:
    page = client.get(LIST, query_string=query)
    assert page.status_code == 200
    return text_of_page(page)


def searched(client: FlaskClient, words: str) -> str:
    """The page that the search form leads to."""
    answer = submit(client, client.get(LIST), "/admin/licenses/searches", q=words)
    assert answer.status_code == 303
    return answer.location


class TestFinding:
    """By everything a buyer or a server owner writes in a chat."""

    def test_the_whole_key_leads_to_its_licence_and_stands_nowhere(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        key = key_of(shop, license)

        with capture_logs() as logs:
            for written in (key, key.lower(), key.replace("-", ""), f"  {key} "):
                assert searched(staff, written) == f"{LIST}/{license.id}"

        assert key not in str(logs)
        assert key.replace("-", "") not in str(logs)

    def test_an_unknown_key_comes_into_no_address(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        bought(shop, make)
        unknown = shop.vault.make_key()

        assert searched(staff, unknown) == LIST
        assert "No licence has this key" in staff.get(LIST).text
        assert staff.get(LIST, query_string={"q": unknown}).location == LIST

    @pytest.mark.parametrize("shape", ["{}", "{}-", "{}-••••-••••-••••"])
    def test_the_first_four_symbols_find_it(
        self, shop: Shop, staff: FlaskClient, make: Factory, shape: str
    ) -> None:
        license, other = bought(shop, make), bought(shop, make)

        words = found(staff, q=shape.format(license.key_hint.lower()))

        assert license.key_hint in words
        assert other.key_hint == license.key_hint or other.key_hint not in words

    def test_the_buyer_is_found_by_name_discord_id_or_address(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(
            shop,
            make,
            username="pim_fivem",
            display_name="Pim Dee",
            email="pim@example.com",
            discord_id="400000000000000004",
        )
        bought(shop, make)

        for words in (
            "pim_fivem",
            "@PIM_FIVEM",
            "pim d",
            "PIM@example.com",
            "400000000000000004",
            str(license.user_id),
            str(license.id),
        ):
            assert ids(shop, words) == [license.id], words
        assert ids(shop, "%") == []
        assert ids(shop, "_im") == []

    def test_the_order_is_found_by_its_number(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        first, _second = bought(shop, make), bought(shop, make)
        with shop.database.reading() as session:
            reference = session.scalars(select(Order).order_by(Order.id)).all()[0].reference

        assert ids(shop, reference) == ids(shop, reference.lower()) == [first.id]
        assert ids(shop, "QR-99999999999999999999") == []

    def test_an_address_finds_who_ran_or_asked_from_there(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        runs, asked, elsewhere = (bought(shop, make) for _ in range(3))
        binds(shop, runs, "203.0.113.7/32")
        asks(shop, asked, "203.0.113.9", code="IP_SLOTS_FULL")
        binds(shop, elsewhere, "198.51.100.1/32")
        binds(shop, elsewhere, "2001:db8:1:2::/64", position=2)

        assert ids(shop, "203.0.113.7") == [runs.id]
        assert ids(shop, "203.0.113.9") == [asked.id]
        assert ids(shop, "203.0.113.0/24") == [asked.id, runs.id]
        assert ids(shop, "::ffff:203.0.113.7") == [runs.id]
        assert ids(shop, "2001:db8:1:2::55") == [elsewhere.id]
        assert ids(shop, "203.0.113.77") == []
        # A block as wide as this is no question.
        assert ids(shop, "0.0.0.0/0") == []

    def test_what_is_typed_survives_whatever_it_is(self, staff: FlaskClient) -> None:
        for words in ("'", "%", "\0", "\\", "é" * 200, "1.2.3", "::::", "QR-", "....", "a/b"):
            assert "No licence matches" in found(staff, q=words) or words == "\0", words


def ids(shop: Shop, words: str) -> list[object]:
    with shop.database.reading() as session:
        page = list_staff_licenses(session, Wanted(search=words), now=shop.clock())
    return [row.id for row in page.items]


def test_the_tabs_divide_the_list(shop: Shop, staff: FlaskClient, make: Factory) -> None:
    now = shop.clock()
    kinds: dict[str, dict[str, Any]] = {
        "active": {"expires_at": now + timedelta(days=40)},
        "expiring": {"expires_at": now + timedelta(days=3)},
        "expired": {"expires_at": now - timedelta(days=1)},
        "suspended": {"status": "suspended"},
        "revoked": {"status": "revoked"},
        "flagged": {"expires_at": None},
    }
    made = {}
    for name, values in kinds.items():
        made[name] = bought(shop, make, display_name=f"Owner of {name}")
        with shop.database.transaction() as session:
            session.execute(update(License).where(License.id == made[name].id).values(**values))
    flags(shop, made["flagged"], "many_networks", {})

    for name in kinds:
        words = found(staff, state=name)
        assert f"Owner of {name}" in words
        others = {one for one in kinds if f"Owner of {one}" in words} - {name}
        assert others == ({"expiring", "flagged"} if name == "active" else set()), name
    only = found(staff, product=made["active"].product_id)
    assert "Owner of active" in only
    assert "Owner of revoked" not in only


def test_pages_follow_each_other_without_gap_and_with_one_query(shop: Shop, make: Factory) -> None:
    product, owner = make.product(), make.user()
    buy(shop, make, owner, (product, 7))
    seen: list[object] = []
    cursor = None

    with shop.database.reading() as session:
        for _page in range(4):
            with counted_queries(shop.database.engine) as queries:
                page = list_staff_licenses(
                    session, Wanted(), now=shop.clock(), cursor=cursor, limit=2
                )
            assert len(queries) <= 1
            seen += [row.id for row in page.items]
            cursor = page.next_cursor

    assert cursor is None
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, key=str, reverse=True)


def test_the_list_and_the_page_keep_to_their_queries(
    shop: Shop, staff: FlaskClient, make: Factory
) -> None:
    license = bought(shop, make)
    for n in range(1, 3):
        binds(shop, license, f"203.0.113.{n}/32", position=n)
        asks(shop, license, f"203.0.113.{n}", times=15)

    for address in (LIST, f"{LIST}/{license.id}"):
        with counted_queries(shop.database.engine) as queries:
            assert staff.get(address).status_code == 200
        assert len(queries) <= QUERY_CEILING, address


def test_the_page_shows_everything_about_one_licence(
    shop: Shop, staff: FlaskClient, make: Factory
) -> None:
    license = bought(shop, make, display_name="Pim")
    binds(shop, license, "203.0.113.7/32")
    asks(shop, license, "203.0.113.8", code="IP_SLOTS_FULL", times=25)
    flags(shop, license, "many_networks", {})

    page = staff.get(f"{LIST}/{license.id}")
    words = text_of_page(page)

    for expected in (
        "Pim",
        "QR-",
        "203.0.113.7/32",
        "IP_SLOTS_FULL",
        "Issued",
        "Many networks",
        "Nothing was downloaded",
        "Older checks",
    ):
        assert expected in words, expected
    assert key_of(shop, license) not in page.text
    older = staff.get(f"{LIST}/{license.id}?cursor=nonsense")
    assert older.status_code == 200


def test_a_licence_that_is_none_is_not_found(staff: FlaskClient) -> None:
    for wanted in ("x", "00000000-0000-0000-0000-000000000000"):
        assert staff.get(f"{LIST}/{wanted}").status_code == 404
        assert staff.get(f"{LIST}/{wanted}/changes/revoke").status_code == 404


class TestWhoMay:
    """Moderators look, admins change, to everybody else the pages do not exist."""

    def test_a_moderator_sees_and_changes_nothing(
        self, shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
    ) -> None:
        license = bought(shop, make)
        sign_in(client, make.user(role="moderator"))

        page = client.get(f"{LIST}/{license.id}")
        assert page.status_code == 200
        assert "/changes/" not in page.text
        assert "Choose" not in found(client)
        for path in ("changes/revoke", "note"):
            assert client.post(f"{LIST}/{license.id}/{path}").status_code == 404
        assert client.get(f"{LIST}/{license.id}/changes/revoke").status_code == 404
        assert client.post(f"{LIST}/changes", data={"change": "revoke"}).status_code == 404
        assert now_in(shop, license.id).status == "active"

    def test_to_a_customer_there_is_no_such_page(
        self, shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
    ) -> None:
        license = bought(shop, make)
        sign_in(client, make.user())

        for path in ("", f"/{license.id}", f"/{license.id}/changes/revoke"):
            assert client.get(LIST + path).status_code == 404

    def test_an_order_leads_to_its_licences(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        with shop.database.reading() as session:
            order_id = session.scalars(select(Order)).one().id

        assert f"/admin/licenses/{license.id}" in staff.get(f"/en/admin/orders/{order_id}").text
