"""The wallet pages of the back office, as a browser without JavaScript uses them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from storefront.accounts.models import AuditEntry, Role, User
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.kit.money import Money, baht
from storefront.notifications.models import Notification
from storefront.wallet.models import WalletAdjustment
from storefront.wallet.queries import find_pots
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """A browser in which an admin is signed in."""
    sign_in(client, make.user(role="admin", display_name="Mali"))
    return client


@pytest.fixture
def owner(make: Factory) -> User:
    """Whose wallet it is."""
    return make.user(username="somchai", display_name="Somchai", email="som@example.com")


def page_of(owner: User) -> str:
    return f"/en/admin/wallets/{owner.id}"


def pots(database: Database, owner: User) -> tuple[Money, Money]:
    with database.reading() as session:
        held = find_pots(session, owner.id)
    return held.paid, held.bonus


def adjustments(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(WalletAdjustment)) or 0


@pytest.mark.parametrize("search", ["@som", "Somc", "som@ex", "discord"])
def test_a_wallet_is_found_by_what_staff_know_of_its_owner(
    staff: FlaskClient, make: Factory, owner: User, search: str
) -> None:
    make.wallet(owner, baht(250))
    make.wallet(make.user(display_name="Anna"), baht(9))
    found = owner.discord_id if search == "discord" else search
    text = text_of_page(staff.get(f"/en/admin/wallets?q={found}"))
    assert "Somchai" in text
    assert "฿250" in text
    assert "Anna" not in text
    assert "Nobody matches" in text_of_page(staff.get("/en/admin/wallets?q=%25"))
    assert "Anna" in text_of_page(staff.get("/en/admin/wallets"))


def test_the_page_shows_pots_lots_and_postings_that_add_up(
    shop: Shop, staff: FlaskClient, make: Factory, owner: User
) -> None:
    make.bonus(owner, baht(30), expires_at=datetime.now(UTC) + timedelta(days=3))
    order = buy(shop, make, owner, (make.product(price=baht(100)), 1))
    text = text_of_page(staff.get(page_of(owner)))
    assert "฿70" in text
    assert f"order:{order.id}" in text
    assert text.count("Adds up to zero") == 3
    assert "Not balanced" not in text


def test_giving_and_taking_changes_the_pot_and_tells_everybody(
    staff: FlaskClient, database: Database, owner: User
) -> None:
    given = submit(
        staff, staff.get(page_of(owner)), "/adjustments", amount="150.50", reason="A bug bounty"
    )
    assert given.status_code == 303
    taken = submit(
        staff,
        staff.get(page_of(owner)),
        "/adjustments",
        amount="50",
        direction="take",
        reason="Too much",
    )
    assert taken.status_code == 303
    assert pots(database, owner) == (Money(10_050), Money(0))
    text = text_of_page(staff.get(page_of(owner)))
    assert "A bug bounty" in text
    assert "−฿50 · Topped up" in text
    with database.reading() as session:
        audit = session.scalars(
            select(AuditEntry.detail)
            .where(AuditEntry.action == "adjust_wallet")
            .order_by(AuditEntry.id)
        ).all()
        told = session.scalar(
            select(func.count()).where(
                Notification.user_id == owner.id, Notification.event == "wallet_adjusted"
            )
        )
    assert [entry["amount_satang"] for entry in audit] == [15_050, -5_000]
    assert audit[0]["reason"] == "A bug bounty"
    assert told == 2
    assert "Adjusted a wallet" in text_of_page(staff.get("/en/admin/audit"))


def test_bonus_is_given_with_a_last_day(
    staff: FlaskClient, database: Database, owner: User
) -> None:
    submit(
        staff,
        staff.get(page_of(owner)),
        "/adjustments",
        pot="bonus",
        amount="20",
        days="30",
        reason="Thanks",
    )
    with database.reading() as session:
        pots_now = find_pots(session, owner.id)
        later = find_pots(session, owner.id, now=datetime.now(UTC) + timedelta(days=31))
    assert (pots_now.bonus, later.bonus, later.expired) == (baht(20), Money(0), baht(20))


def test_sending_the_form_twice_adjusts_once(
    staff: FlaskClient, database: Database, owner: User
) -> None:
    page = staff.get(page_of(owner))
    for _ in range(2):
        sent = submit(staff, page, "/adjustments", amount="10", reason="Once")
        assert sent.status_code == 303
    assert pots(database, owner) == (baht(10), Money(0))
    other = submit(staff, page, "/adjustments", amount="11", reason="Once")
    assert other.status_code == 422
    assert adjustments(database) == 1


def test_a_large_amount_is_said_back_and_typed_again(
    staff: FlaskClient, database: Database, owner: User
) -> None:
    page = staff.get(page_of(owner))
    asked = submit(staff, page, "/adjustments", amount="5,000", reason="Prize")
    assert asked.status_code == 422
    assert "You are about to give ฿5,000 to Somchai." in text_of_page(asked)
    assert "holds ฿0 and will hold ฿5,000" in text_of_page(asked)
    wrong = submit(staff, asked, "/adjustments", again="500", reason="Prize")
    assert wrong.status_code == 422
    assert adjustments(database) == 0
    assert submit(staff, wrong, "/adjustments", again="5000", reason="Prize").status_code == 303
    assert pots(database, owner) == (baht(5_000), Money(0))


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"amount": "0"}, "above zero"),
        ({"amount": "-5"}, "above zero"),
        ({"amount": "100000.01"}, "at most ฿100,000"),
        ({"reason": "  "}, "Write the reason"),
        ({"reason": "x" * 301}, "Write the reason"),
        ({"pot": "gold"}, "Choose the pot"),
        ({"direction": "burn"}, "Choose the pot"),
        ({"days": "5"}, "Only bonus that is given"),
        ({"days": "0", "pot": "bonus"}, "between 1 and 3,650 days"),
        ({"days": "½", "pot": "bonus"}, "between 1 and 3,650 days"),
    ],
)
def test_what_makes_no_sense_is_explained_and_kept(
    staff: FlaskClient, database: Database, owner: User, typed: dict[str, str], complaint: str
) -> None:
    filled = {"amount": "7", "reason": "Because of that", **typed}
    page = submit(staff, staff.get(page_of(owner)), "/adjustments", **filled)
    assert page.status_code == 422
    assert complaint in text_of_page(page)
    assert f'value="{filled["amount"]}"' in page.text
    assert adjustments(database) == 0


def test_a_pot_never_falls_below_zero_and_the_other_is_not_touched(
    staff: FlaskClient, database: Database, make: Factory, owner: User
) -> None:
    make.wallet(owner, baht(100))
    make.bonus(owner, baht(5), expires_at=datetime.now(UTC) - timedelta(days=1))
    for pot, amount in (("paid", "100.01"), ("bonus", "1")):
        page = submit(
            staff,
            staff.get(page_of(owner)),
            "/adjustments",
            direction="take",
            pot=pot,
            amount=amount,
            reason="Chargeback",
        )
        assert page.status_code == 409
        assert "This pot does not hold that much." in text_of_page(page)
    assert adjustments(database) == 0


def test_nobody_without_the_right_finds_the_pages(
    client: FlaskClient, make: Factory, sign_in: SignIn, owner: User, database: Database
) -> None:
    sign_in(client, make.user(role=Role.MODERATOR))
    for path in ("/en/admin/wallets", page_of(owner), "/en/admin/topup-packages"):
        assert client.get(path).status_code == 404
    sent = client.post(
        f"{page_of(owner)}/adjustments",
        data={"amount": "9", "reason": "x", "pot": "paid", "direction": "give"},
    )
    assert sent.status_code == 404
    assert adjustments(database) == 0


@pytest.mark.parametrize("who", ["nonsense", "01a1fcf8-0000-7000-8000-000000000000", "%00"])
def test_an_unknown_person_is_not_found(staff: FlaskClient, who: str) -> None:
    assert staff.get(f"/en/admin/wallets/{who}").status_code == 404
    sent = staff.post(
        f"/en/admin/wallets/{who}/adjustments",
        data={"amount": "9", "reason": "x", "pot": "paid", "direction": "give"},
    )
    assert sent.status_code == 404


def test_the_pages_stay_under_the_ceiling_of_queries(
    staff: FlaskClient, shop: Shop, make: Factory, owner: User
) -> None:
    for _ in range(20):
        make.wallet(owner, baht(10))
    for path in ("/en/admin/wallets", page_of(owner)):
        staff.get(path)
        with counted_queries(shop.database.engine) as seen:
            page = staff.get(path)
        assert len(seen) <= QUERY_CEILING, path
    assert "Older postings" in text_of_page(page)
