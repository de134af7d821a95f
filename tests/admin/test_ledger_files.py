"""The ledger as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory

LIST = "/en/admin/ledger"


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user(username="somchai", email="som@example.com")


def rows_of(staff: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = staff.get(f"{LIST}.csv{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert 'filename="ledger-' in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


def test_the_file_holds_every_leg_of_what_matches(
    staff: FlaskClient, shop: Shop, make: Factory, buyer: User
) -> None:
    order = buy(shop, make, buyer, (make.product(price=Money(30_050)), 1))
    make.wallet(make.user(), baht(9))

    rows = rows_of(staff, f"?subject={order.id}")

    assert [(r["account"], r["person"], r["debit_baht"], r["credit_baht"]) for r in rows] == [
        ("wallet_paid", "somchai", "300.50", ""),
        ("sales", "", "", "300.50"),
    ]
    assert {(r["kind"], r["reference"], r["subject"]) for r in rows} == {
        ("purchase", f"order:{order.id}", str(order.id))
    }
    assert len(rows_of(staff)) == 6
    assert rows_of(staff, "?q=nobody") == rows_of(staff, "?q=QR-99999") == []


def test_the_file_runs_no_formula(staff: FlaskClient, make: Factory, shop: Shop) -> None:
    user = make.user(username="=HYPERLINK(1)")
    with shop.database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference="@SUM(1)",
            legs=[
                Leg(AccountKind.ADJUSTMENTS, -baht(1)),
                Leg(AccountKind.WALLET_PAID, baht(1), user.id),
            ],
        )

    rows = rows_of(staff)

    assert {row["reference"] for row in rows} == {"'@SUM(1)"}
    assert {row["person"] for row in rows} == {"", "'=HYPERLINK(1)"}


def test_a_long_file_is_read_in_pages_and_ends(
    shop: Shop, staff: FlaskClient, make: Factory, buyer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        make.wallet(buyer, baht(1))
    monkeypatch.setattr("admin.ledger.MOST_EXPORTED", 5)

    rows = rows_of(staff)

    assert len({row["posting"] for row in rows}) == 5
    assert len(rows) == 10
