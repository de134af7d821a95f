"""Wallet statements: sums that add up, months on the shop's wall clock, pages and PDF."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.receipts import statement_views
from storefront.wallet.history import Month, month_of
from storefront.wallet.service import pay_from_wallet
from storefront.wallet.statements import Holding, Statement, find_statement
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

OCTOBER = datetime(2026, 10, 31, 16, 59, tzinfo=UTC)  # 23:59 in Bangkok
NOVEMBER = OCTOBER + timedelta(minutes=1)
STATEMENTS = "/account/wallet/statements"


@pytest.fixture
def user(make: Factory) -> User:
    """The owner of the wallet."""
    return make.user(display_name="Anna")


@pytest.fixture
def owner(app: Flask, user: User, sign_in: SignIn) -> FlaskClient:
    """The owner's browser."""
    owner = app.test_client()
    sign_in(owner, user)
    return owner


def statement(database: Database, user: User, month: Month, **given: int) -> Statement:
    with database.reading() as session:
        return find_statement(session, user.id, month, **given)


def spend(database: Database, user: User, amount: Money, at: datetime) -> None:
    with database.transaction() as session:
        pay_from_wallet(session, user_id=user.id, amount=amount, order_id=new_id(), now=at)


def test_a_month_begins_with_what_the_one_before_left(
    database: Database, make: Factory, user: User
) -> None:
    # Booked late, dated early: a movement belongs to the moment it was booked at.
    make.topup(user, baht(50), now=NOVEMBER)
    make.topup(user, baht(100), bonus=baht(10), now=OCTOBER)
    spend(database, user, baht(25), NOVEMBER + timedelta(hours=1))
    make.topup(make.user(), baht(999), now=OCTOBER)

    october = statement(database, user, Month(2026, 10))
    november = statement(database, user, Month(2026, 11))

    assert october.opening == Holding(Money(0), Money(0))
    assert october.closing == november.opening == Holding(baht(100), baht(10))
    assert november.came_in == Holding(baht(50), Money(0))
    assert november.went_out == Holding(baht(15), baht(10))
    assert november.closing == Holding(baht(135), Money(0))
    assert [one.change.total for one in november.movements] == [baht(50), baht(-25)]
    assert [one.balance for one in november.movements] == [baht(160), baht(135)]
    assert november.movements[-1].balance == november.closing.total


def test_a_month_without_movements_still_says_what_was_there(
    database: Database, make: Factory, user: User
) -> None:
    assert statement(database, user, Month(2026, 9)).closing.total == Money(0)
    make.topup(user, baht(100), now=OCTOBER)

    later = statement(database, user, Month(2026, 12))

    assert (later.opening, later.closing) == (Holding(baht(100), Money(0)),) * 2
    assert (later.movements, later.is_cut) == ([], False)


def test_more_movements_than_fit_are_cut_but_counted(
    database: Database, make: Factory, user: User
) -> None:
    for _ in range(3):
        make.topup(user, baht(20), now=NOVEMBER)

    cut = statement(database, user, Month(2026, 11), most=2)
    whole = statement(database, user, Month(2026, 11), most=3)

    assert (len(cut.movements), cut.is_cut, cut.closing.total) == (2, True, baht(60))
    assert (len(whole.movements), whole.is_cut) == (3, False)


def test_the_page_of_this_month_goes_until_today(
    shop: Shop, make: Factory, user: User, owner: FlaskClient
) -> None:
    order = buy(shop, make, user, (make.product(price=baht(90)), 1))
    make.topup(user, baht(100), bonus=baht(10))
    month = month_of(shop.clock())

    page = owner.get(f"/en{STATEMENTS}/{month}")

    words = text_of_page(page)
    assert "until today" in words
    assert "Topped up 0.00 190.00 90.00 100.00" in words
    assert "Bonus 0.00 10.00 0.00 10.00" in words
    assert "Both 0.00 200.00 90.00 110.00" in words
    assert f"Purchase {order.reference}" in words
    assert f"/en/account/orders/{order.id}" in page.text
    assert "of it bonus 10.00" in words
    assert "Wallet of Anna" in words
    assert f"{STATEMENTS}/{month}.pdf" in page.text


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_the_pdf_holds_a_month(
    shop: Shop, make: Factory, user: User, owner: FlaskClient, prefix: str
) -> None:
    make.topup(user, baht(100))
    month = month_of(shop.clock())

    answer = owner.get(f"{prefix}{STATEMENTS}/{month}.pdf")

    assert answer.mimetype == "application/pdf"
    assert answer.get_data().startswith(b"%PDF-")
    assert f'filename="wallet-{month}.pdf"' in answer.headers["Content-Disposition"]
    assert owner.get(f"{prefix}{STATEMENTS}/2026-01.pdf").status_code == 200


def test_months_to_come_and_what_is_no_month_are_not_found(shop: Shop, owner: FlaskClient) -> None:
    following = month_of(month_of(shop.clock()).end)
    for text in (str(following), "2026-13", "2026-1", "x", "1999-12", "2026-11-01", "๒๕๖๙-๑๑"):
        for ending in ("", ".pdf"):
            assert owner.get(f"/en{STATEMENTS}/{text}{ending}").status_code == 404


def test_at_midnight_in_bangkok_a_new_month_can_be_seen(
    shop: Shop, make: Factory, user: User, sign_in: SignIn
) -> None:
    make.topup(user, baht(100), now=OCTOBER)
    for moment, status in ((OCTOBER, 404), (NOVEMBER, 200)):
        browser = create_app(dataclasses.replace(shop, clock=fixed_clock(moment))).test_client()
        sign_in(browser, user)
        assert browser.get(f"/en{STATEMENTS}/2026-11").status_code == status
        listed = text_of_page(browser.get(f"/en{STATEMENTS}"))
        assert "October 2026" in listed
        assert ("November 2026" in listed) == (status == 200)
        if status == 200:
            assert "1 Oct 2026 – 31 Oct 2026" in text_of_page(
                browser.get(f"/en{STATEMENTS}/2026-10")
            )


def test_a_month_too_long_for_a_paper_leads_to_the_csv(
    shop: Shop, make: Factory, user: User, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make.topup(user, baht(20))
    monkeypatch.setattr(
        statement_views,
        "find_statement",
        lambda session, user_id, month: find_statement(session, user_id, month, most=2),
    )
    month = month_of(shop.clock())

    page = owner.get(f"/en{STATEMENTS}/{month}")
    refused = owner.get(f"/en{STATEMENTS}/{month}.pdf")

    assert "more movements than fit" in text_of_page(page)
    assert f"history.csv?month={month}" in page.text
    assert refused.status_code == 422
    assert "Take the CSV instead." in text_of_page(refused)


def test_statements_are_reached_from_the_wallet(
    make: Factory, user: User, owner: FlaskClient
) -> None:
    make.topup(user, baht(100), now=NOVEMBER)

    assert f'href="/en{STATEMENTS}"' in owner.get("/en/account/wallet").text
    chosen = owner.get("/en/account/wallet?month=2026-11").text
    assert f'href="/en{STATEMENTS}/2026-11"' in chosen


def test_a_statement_of_many_movements_takes_few_queries(
    shop: Shop, make: Factory, user: User, owner: FlaskClient
) -> None:
    for _ in range(5):
        buy(shop, make, user, (make.product(price=baht(20)), 1))

    with counted_queries(shop.database.engine) as queries:
        assert owner.get(f"/en{STATEMENTS}/{month_of(shop.clock())}").status_code == 200
    assert len(queries) <= MEMBER_CEILING
