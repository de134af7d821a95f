"""Packages, tiers and limits in the back office, and what a shopper makes of them."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.kit.money import baht
from storefront.wallet.models import TopUp, TopUpPackage
from storefront.wallet.offers import find_terms, list_all_packages
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory, SignIn

LIST, NEW = "/en/admin/topup-packages", "/en/admin/topup-packages/new"
GOOD = {"name_th": "ยอดนิยม", "name_en": "Popular", "amount": "500", "bonus": "50", "days": "90"}


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """A browser in which an admin is signed in."""
    sign_in(client, make.user(role="admin"))
    return client


@pytest.fixture
def shopper(shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """Another browser, of a customer."""
    browser = client.application.test_client()
    sign_in(browser, make.user())
    return browser


def make_package(staff: FlaskClient, **typed: str) -> None:
    sent = submit(staff, staff.get(NEW), "/topup-packages", **{**GOOD, **typed})
    assert sent.status_code == 303


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return [package.name_en for package in list_all_packages(session)]


def topups(database: Database) -> list[TopUp]:
    with database.reading() as session:
        return list(session.scalars(select(TopUp).order_by(TopUp.id)))


def test_a_package_is_offered_and_what_it_gives_is_frozen_when_it_is_chosen(
    staff: FlaskClient, shopper: FlaskClient, database: Database
) -> None:
    make_package(staff)
    page = shopper.get("/en/account/wallet")
    assert "Pay ฿500 get ฿550 ฿50 bonus, good for 90 days" in text_of_page(page)
    value = re.search(r'name="package" value="([^"]+)"', page.text)
    assert value is not None
    assert submit(shopper, page, "/topups", pay_by="card", package=value[1]).status_code == 303

    edit = staff.get(f"{LIST}/{value[1].partition(':')[0]}")
    edit_address = edit.request.path.rpartition("/")[2]
    assert submit(staff, edit, edit_address, **{**GOOD, "bonus": "1"}).status_code == 303

    asked = topups(database)
    assert [(t.amount, t.bonus, t.bonus_days) for t in asked] == [(baht(500), baht(50), 90)]
    # Whoever looks at the old offer is told, and nothing is asked for.
    stale = submit(
        shopper, shopper.get("/en/account/wallet"), "/topups", pay_by="card", package=value[1]
    )
    assert stale.status_code == 422
    assert "This offer has just changed." in text_of_page(stale)
    assert len(topups(database)) == 1
    # The one who pays already can go on.
    returned = shopper.get(f"/en/account/wallet/topups/{asked[0].id}")
    assert "It brings a bonus of ฿50." in text_of_page(returned)
    assert submit(shopper, returned, "/topups", pay_by="card").status_code == 303
    assert len(topups(database)) == 1


def test_a_free_amount_gets_the_bonus_of_its_tier_and_stays_inside_the_limits(
    staff: FlaskClient, shopper: FlaskClient, database: Database
) -> None:
    page = staff.get(LIST)
    filled = {"tier_least": "500", "tier_percent": "7.5", "tier_most": "40", "tier_days": "10"}
    assert submit(staff, page, "/tiers", **filled).status_code == 303
    assert submit(staff, page, "/limits", least="50", largest="2,000").status_code == 303

    page = shopper.get("/en/account/wallet")
    assert "from ฿500 +7.5 % at most ฿40 · good for 10 days" in text_of_page(page)
    for amount, status in (("49.99", 422), ("2000.01", 422), ("500", 303), ("1999", 303)):
        page = shopper.get("/en/account/wallet")
        sent = submit(shopper, page, "/topups", pay_by="card", amount=amount)
        assert sent.status_code == status
        if status == 422:
            assert "Choose an amount between ฿50 and ฿2,000." in text_of_page(sent)
    assert [(t.bonus.satang, t.bonus_days) for t in topups(database)] == [(3_750, 10), (4_000, 10)]


def test_packages_are_ordered_switched_and_counted_in_the_audit(
    staff: FlaskClient, shopper: FlaskClient, database: Database
) -> None:
    for name in ("One", "Two", "Three"):
        make_package(staff, name_en=name)
    page = staff.get(LIST)
    last_up = [form for form in forms_of(page) if form.action.endswith("/place")][4]
    staff.post(last_up.action, data=last_up.fields)
    assert names(database) == ["One", "Three", "Two"]
    first_up = next(form for form in forms_of(page) if form.action.endswith("/place"))
    staff.post(first_up.action, data=first_up.fields)
    assert names(database) == ["One", "Three", "Two"]

    assert submit(staff, staff.get(LIST), "/switch").status_code == 303
    shown = text_of_page(shopper.get("/en/account/wallet"))
    assert "One" not in shown
    assert shown.index("Three") < shown.index("Two")
    with database.reading() as session:
        actions = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.subject_type == "topup_offer")
            .order_by(AuditEntry.id)
        ).all()
    assert actions == [
        *["create_topup_package"] * 3,
        "move_topup_package",
        "change_topup_package",
    ]
    assert "Made a top-up package" in text_of_page(staff.get("/en/admin/audit"))


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name_th": " "}, "name_th"),
        ({"name_en": "x" * 61}, "name_en"),
        ({"amount": "19.99"}, "amount"),
        ({"amount": "lots"}, "amount"),
        ({"bonus": "500.01"}, "bonus"),
        ({"bonus": "-1"}, "bonus"),
        ({"days": "0"}, "days"),
        ({"days": "3651"}, "days"),
        ({"days": "²"}, "days"),
    ],
)
def test_a_package_that_makes_no_sense_is_explained_at_its_field(
    staff: FlaskClient, database: Database, typed: dict[str, str], field: str
) -> None:
    page = submit(staff, staff.get(NEW), "/topup-packages", **{**GOOD, **typed})
    assert page.status_code == 422
    assert f'href="#field-{field}"' in page.text
    assert names(database) == []


@pytest.mark.parametrize(
    ("action", "typed", "field"),
    [
        ("/tiers", {"tier_least": "10", "tier_percent": "5"}, "tier_least"),
        ("/tiers", {"tier_least": "100", "tier_percent": "0"}, "tier_percent"),
        ("/tiers", {"tier_least": "100", "tier_percent": "100.01"}, "tier_percent"),
        ("/tiers", {"tier_least": "100", "tier_percent": "5", "tier_most": "0"}, "tier_most"),
        ("/tiers", {"tier_least": "100", "tier_percent": "5", "tier_days": "x"}, "tier_days"),
        ("/limits", {"least": "10", "largest": "500"}, "least"),
        ("/limits", {"least": "100", "largest": "99"}, "largest"),
        ("/limits", {"least": "100", "largest": "50000.01"}, "largest"),
    ],
)
def test_tiers_and_limits_that_make_no_sense_are_explained(
    staff: FlaskClient, database: Database, action: str, typed: dict[str, str], field: str
) -> None:
    page = submit(staff, staff.get(LIST), action, **typed)
    assert page.status_code == 422
    assert f'href="#field-{field}"' in page.text
    with database.reading() as session:
        terms = find_terms(session)
    assert (list(terms.tiers), terms.limits.least, terms.limits.largest) == (
        [],
        baht(20),
        baht(50_000),
    )


def test_a_tier_stands_once_and_can_be_removed(staff: FlaskClient, database: Database) -> None:
    for status in (303, 409):
        sent = submit(staff, staff.get(LIST), "/tiers", tier_least="500", tier_percent="5")
        assert sent.status_code == status
    assert submit(staff, staff.get(LIST), "/removal").status_code == 303
    with database.reading() as session:
        assert list(find_terms(session).tiers) == []


def test_the_second_of_two_editors_is_told(staff: FlaskClient, database: Database) -> None:
    make_package(staff)
    with database.reading() as session:
        package = session.scalars(select(TopUpPackage)).one()
    path = f"{LIST}/{package.id}"
    page = staff.get(path)
    with database.transaction() as session:
        session.execute(update(TopUpPackage).values(revision=2, name_en="Theirs"))
    late = submit(staff, page, str(package.id), **GOOD)
    assert late.status_code == 409
    assert "Somebody else changed this" in text_of_page(late)
    assert names(database) == ["Theirs"]


def test_the_list_stays_under_the_ceiling_of_queries(staff: FlaskClient, shop: Shop) -> None:
    for _ in range(4):
        make_package(staff)
    staff.get(LIST)
    with counted_queries(shop.database.engine) as seen:
        staff.get(LIST)
    assert len(seen) <= QUERY_CEILING
