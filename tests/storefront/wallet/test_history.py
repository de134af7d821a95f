"""The history as its owner sees it: filters, order numbers, the file for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import PostingKind
from storefront.wallet.history import (
    HistoryFilter,
    Month,
    list_history,
    list_months,
    month_of,
    parse_month,
)
from storefront.wallet.service import pay_from_wallet
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

OCTOBER = datetime(2026, 10, 31, 16, 59, tzinfo=UTC)  # 23:59 in Bangkok
NOVEMBER = OCTOBER + timedelta(minutes=1)


@pytest.fixture
def user(make: Factory) -> User:
    """The owner of the wallet."""
    return make.user()


@pytest.fixture
def owner(app: Flask, user: User, sign_in: SignIn) -> FlaskClient:
    """The owner's browser."""
    owner = app.test_client()
    sign_in(owner, user)
    return owner


def rows_of(owner: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = owner.get(f"/en/account/wallet/history.csv{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


def test_a_filter_hides_rows_but_not_from_the_balance(
    database: Database, make: Factory, user: User
) -> None:
    make.topup(user, baht(100), bonus=baht(10), now=OCTOBER)
    make.topup(user, baht(50), now=NOVEMBER)
    with database.transaction() as session:
        pay_from_wallet(session, user_id=user.id, amount=baht(20), order_id=new_id(), now=NOVEMBER)

    def seen(wanted: HistoryFilter) -> list[tuple[int, int]]:
        with database.reading() as session:
            rows = list_history(session, user.id, wanted=wanted).items
        return [(row.amount.satang // 100, row.balance_after.satang // 100) for row in rows]

    with database.reading() as session:
        months = list_months(session, user.id)
    assert months == [Month(2026, 11), Month(2026, 10)]
    assert seen(HistoryFilter()) == [(-20, 140), (50, 160), (110, 110)]
    assert seen(HistoryFilter(kind=PostingKind.TOPUP)) == [(50, 160), (110, 110)]
    assert seen(HistoryFilter(month=Month(2026, 10))) == [(110, 110)]
    assert seen(HistoryFilter(PostingKind.PURCHASE, Month(2026, 11))) == [(-20, 140)]
    assert seen(HistoryFilter(PostingKind.PURCHASE, Month(2026, 10))) == []


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "9999-01", "๒๐๒๖-๐๑", "²²²²-01"]
)
def test_only_a_month_is_read_as_a_month(text: str) -> None:
    assert parse_month(text) is None


def test_december_ends_where_january_begins() -> None:
    assert Month(2026, 12).end == Month(2027, 1).start
    assert month_of(OCTOBER) == Month(2026, 10)
    assert month_of(NOVEMBER) == parse_month("2026-11")


def test_a_purchase_is_named_by_its_order(
    shop: Shop, make: Factory, user: User, owner: FlaskClient
) -> None:
    order = buy(shop, make, user, (make.product(price=baht(100)), 1))
    assert f"Purchase {order.reference}" in text_of_page(owner.get("/en/account/wallet"))
    assert [row["order"] for row in rows_of(owner, "?kind=purchase")] == [order.reference]


def test_the_file_is_exact_to_the_satang_and_holds_no_formula(
    database: Database, make: Factory, user: User, owner: FlaskClient
) -> None:
    make.topup(user, Money(123_456_78), bonus=Money(5), now=OCTOBER)
    with database.transaction() as session:
        pay_from_wallet(
            session, user_id=user.id, amount=Money(1_01), order_id=new_id(), now=NOVEMBER
        )
    purchase, topup = rows_of(owner)
    assert topup == {
        "time": "2026-10-31T23:59:00+07:00",
        "kind": "topup",
        "order": "",
        "in_baht": "123456.83",
        "out_baht": "",
        "of_which_bonus": "0.05",
        "balance": "123456.83",
    }
    assert (purchase["in_baht"], purchase["out_baht"]) == ("", "1.01")
    assert (purchase["of_which_bonus"], purchase["balance"]) == ("0.05", "123455.82")
    cells = [cell for row in (purchase, topup) for cell in row.values()]
    assert not [cell for cell in cells if re.match(r"[=+\-@]", cell)]
    assert rows_of(owner, "?month=2026-10&kind=nonsense") == [topup]


def test_the_history_of_somebody_else_is_not_in_the_file(make: Factory, owner: FlaskClient) -> None:
    make.wallet(make.user(), baht(999))
    assert rows_of(owner) == []


def test_pages_keep_the_filter(make: Factory, user: User, owner: FlaskClient) -> None:
    for _ in range(21):
        make.wallet(user, baht(10))
    page = owner.get("/en/account/wallet?kind=adjustment")
    older = re.search(r'href="([^"]+cursor=[^"]+)#history"', page.text)
    assert older is not None
    assert "kind=adjustment" in older[1]
    assert "฿10" in text_of_page(owner.get(older[1].replace("&amp;", "&")))
    assert "Nothing of that kind" in text_of_page(owner.get("/en/account/wallet?kind=purchase"))


def test_a_wallet_with_everything_in_it_stays_under_the_ceiling_of_queries(
    shop: Shop, make: Factory, user: User, owner: FlaskClient
) -> None:
    for _ in range(3):
        buy(shop, make, user, (make.product(price=baht(100)), 1))
    make.topup(user, baht(100), bonus=baht(10), days=30)
    owner.get("/en/account/wallet")
    with counted_queries(shop.database.engine) as seen:
        page = owner.get("/en/account/wallet")
    assert page.status_code == 200
    assert len(seen) <= MEMBER_CEILING
