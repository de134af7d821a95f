"""The wallet pages in a browser without JavaScript."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.db import Database
from storefront.kit.money import baht
from storefront.ledger.models import Pot
from storefront.mails import compose_mail
from storefront.orders.models import PaymentMethod
from storefront.sandbox.world.running import RunningSandbox
from storefront.wallet.adjustments import AdjustmentDraft, adjust_wallet
from storefront.wallet.bonus import warn_of_expiry
from storefront.wallet.forms import package_value
from storefront.wallet.models import TopUp, TopUpPackage
from tests.storefront.orders.purchases import MEMBER_CEILING
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory

SignIn = Callable[[FlaskClient, User], None]
UNKNOWN_ID = "01a1fcf8-0000-7000-8000-000000000000"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def user(make: Factory) -> User:
    """The owner of the wallet."""
    return make.user()


@pytest.fixture
def owner(app: Flask, user: User, sign_in: SignIn) -> FlaskClient:
    """The owner's browser; it sends whole forms, CSRF token included."""
    owner = app.test_client()
    sign_in(owner, user)
    return owner


def test_guests_are_sent_to_sign_in_and_come_back(app: Flask) -> None:
    answer = app.test_client().get("/en/account/wallet")
    assert answer.status_code == 303
    assert answer.location == "/en/sign-in?next=/en/account/wallet"


def test_a_paid_top_up_is_in_the_wallet_when_the_buyer_comes_back(
    owner: FlaskClient,
) -> None:
    pay_url = _top_up(owner, package="300").location
    page = owner.get(_pay(pay_url, "pay"))
    assert "฿300 is in your wallet" in text_of_page(page)
    assert "Your balance is now ฿300." in text_of_page(page)
    page = owner.get("/en/account/wallet")
    assert "Top-up" in text_of_page(page)
    assert "+฿300" in text_of_page(page)


def test_a_package_is_paid_and_its_bonus_is_spent_before_what_was_paid(
    owner: FlaskClient, user: User, make: Factory, shop: Shop
) -> None:
    with shop.database.transaction() as session:
        package = TopUpPackage(
            name_th="ยอดนิยม",
            name_en="Popular",
            amount_satang=50_000,
            bonus_satang=5_000,
            bonus_days=90,
        )
        session.add(package)
        session.flush()
        value = package_value(package)
    pay_url = _top_up(owner, package=value).location
    assert "฿500" in requests.get(pay_url, timeout=5).text
    page = owner.get(_pay(pay_url, "pay"))
    assert "฿550 is in your wallet" in text_of_page(page)
    assert "฿500 paid and a bonus of ฿50" in text_of_page(page)
    notices = text_of_page(owner.get("/en/account/notifications"))
    assert "฿500 and a bonus of ฿50 were added to your wallet." in notices

    product = make.product(price=baht(60))
    make.cart(user, (product, 1))
    flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=baht(60),
        idempotency_key="a-purchase-with-bonus",
        locale="en",
    )
    page = owner.get("/en/account/wallet")
    assert "฿50 of it bonus" in text_of_page(page)
    assert "Topped up ฿490" in text_of_page(page)


def test_the_mail_of_a_top_up_names_its_bonus(shop: Shop, make: Factory, user: User) -> None:
    topup = make.topup(user, baht(500), bonus=baht(50))
    with shop.database.reading() as session:
        mail = compose_mail(session, shop.settings, event="topup_completed", subject_id=topup.id)
    assert mail is not None
    assert "฿500 and a bonus of ฿50 were added to your wallet." in mail.text
    assert "฿550" in mail.html


def test_owners_read_that_bonus_ends_and_that_staff_changed_the_wallet(
    owner: FlaskClient, user: User, make: Factory, shop: Shop
) -> None:
    now = shop.clock()
    make.topup(user, baht(100), bonus=baht(10), days=2, now=now - timedelta(days=1, hours=1))
    with shop.database.transaction() as session:
        assert warn_of_expiry(session, now=now) == 1
        for amount, key in ((baht(5), "x" * 16), (-baht(3), "y" * 16)):
            adjust_wallet(
                session,
                user.id,
                AdjustmentDraft(pot=Pot.PAID, amount=amount, reason="Because"),
                actor_id=user.id,
                idempotency_key=key,
                now=now,
            )
    read = text_of_page(owner.get("/en/account/notifications"))
    assert "฿10 of bonus in your wallet can be spent until" in read
    assert "The shop put ฿5 into your wallet." in read
    assert "The shop took ฿3 out of your wallet." in read


def test_an_amount_of_ones_own_wins_over_the_package(owner: FlaskClient) -> None:
    pay_url = _top_up(owner, package="300", amount="123.45").location
    assert "฿123.45" in requests.get(pay_url, timeout=5).text


def test_what_is_missing_for_an_order_is_offered_and_chosen(owner: FlaskClient) -> None:
    page = owner.get("/en/account/wallet?amount=190.50")
    pay_url = submit(owner, page, "/topups", pay_by="card").location
    assert "฿190.50" in requests.get(pay_url, timeout=5).text


@pytest.mark.parametrize(
    ("asked", "offered"), [("5", "฿20"), ("999999999", "฿50,000"), ("nonsense", "฿100")]
)
def test_a_silly_suggestion_stays_inside_the_limits(
    owner: FlaskClient, asked: str, offered: str
) -> None:
    page = owner.get(f"/en/account/wallet?amount={asked}")
    assert page.status_code == 200
    assert offered in text_of_page(page)


@pytest.mark.parametrize(
    ("amount", "complaint"),
    [
        ("", "Choose an amount, or write one."),
        ("19.99", "between ฿20 and ฿50,000"),
        ("50000.01", "between ฿20 and ฿50,000"),
        ("-100", "like 250 or 250.50"),
        ("100.005", "like 250 or 250.50"),
        ("lots", "like 250 or 250.50"),
        ("9" * 400, "like 250 or 250.50"),
        ("\x00", "like 250 or 250.50"),
    ],
)
def test_a_silly_amount_is_explained_and_kept(
    owner: FlaskClient, database: Database, amount: str, complaint: str
) -> None:
    page = _top_up(owner, amount=amount)
    assert page.status_code == 422
    assert complaint in text_of_page(page)
    assert _topups(database) == 0


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with spaces in between", "\x00" * 20])
def test_a_broken_form_key_is_replaced_and_not_stored(
    owner: FlaskClient, database: Database, key: str
) -> None:
    page = _top_up(owner, package="100", idempotency_key=key)
    assert page.status_code == 422
    assert "This form is incomplete." in text_of_page(page)
    assert submit(owner, page, "/topups", pay_by="card").status_code == 303
    assert _topups(database) == 1


def test_sending_the_form_twice_asks_once(owner: FlaskClient, database: Database) -> None:
    page = owner.get("/en/account/wallet")
    first = submit(owner, page, "/topups", pay_by="card", package="100")
    second = submit(owner, page, "/topups", pay_by="card", package="100")
    assert first.location == second.location
    assert _topups(database) == 1


def test_the_same_form_with_another_amount_is_refused(
    owner: FlaskClient, database: Database
) -> None:
    page = owner.get("/en/account/wallet")
    submit(owner, page, "/topups", pay_by="card", package="100")
    refused = submit(owner, page, "/topups", pay_by="card", package="500")
    assert refused.status_code == 422
    assert submit(owner, refused, "/topups", pay_by="card").status_code == 303
    assert _topups(database) == 2


def test_a_gateway_that_is_away_keeps_the_form_and_the_same_key_works_later(
    owner: FlaskClient,
    database: Database,
    sandbox: RunningSandbox,
    trouble: Callable[[], None],
) -> None:
    trouble()
    page = _top_up(owner, package="500")
    assert page.status_code == 503
    assert "The payment service does not answer right now." in text_of_page(page)
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    assert submit(owner, page, "/topups", pay_by="card").status_code == 303
    assert _topups(database) == 1


def test_an_open_top_up_is_visible_and_can_be_paid_later(owner: FlaskClient) -> None:
    pay_url = _top_up(owner, package="100").location
    page = owner.get("/en/account/wallet")
    assert "Waiting for payment" in text_of_page(page)
    returned = owner.get(_returned_path(page))
    assert "Waiting for your payment" in text_of_page(returned)
    assert submit(owner, returned, "/topups", pay_by="card").location == pay_url


def test_a_top_up_whose_page_was_closed_says_so_and_offers_another(
    owner: FlaskClient,
) -> None:
    pay_url = _top_up(owner, package="100").location
    path = _returned_path(owner.get("/en/account/wallet"))
    _pay(pay_url, "expire")
    page = owner.get(path)
    assert "not paid in time" in text_of_page(page)
    assert "/en/account/wallet?amount=100" in page.text


def test_waiting_survives_a_gateway_that_is_away(
    owner: FlaskClient, trouble: Callable[[], None]
) -> None:
    _top_up(owner, package="100")
    path = _returned_path(owner.get("/en/account/wallet"))
    trouble()
    page = owner.get(path)
    assert page.status_code == 200
    assert "nothing is lost" in text_of_page(page)


def test_the_poll_answers_nothing_until_something_changed(owner: FlaskClient) -> None:
    pay_url = _top_up(owner, package="100").location
    path = _returned_path(owner.get("/en/account/wallet"))
    assert owner.get(f"{path}?seen=pending", headers=HTMX).status_code == 204
    owner.get(_pay(pay_url, "pay"))
    part = owner.get(f"{path}?seen=pending", headers=HTMX)
    assert part.status_code == 200
    assert part.text.lstrip().startswith('<div id="topup-status"')
    assert "hx-trigger" not in part.text


@pytest.mark.parametrize("topup_id", ["nonsense", UNKNOWN_ID, "%00"])
def test_an_unknown_top_up_is_not_found(owner: FlaskClient, topup_id: str) -> None:
    assert owner.get(f"/en/account/wallet/topups/{topup_id}").status_code == 404


def test_the_top_up_of_somebody_else_does_not_exist(
    app: Flask, owner: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    _top_up(owner, package="100")
    path = _returned_path(owner.get("/en/account/wallet"))
    stranger = app.test_client()
    sign_in(stranger, make.user())
    assert stranger.get(path).status_code == 404


def test_the_wallet_page_stays_under_the_ceiling_of_queries(
    owner: FlaskClient, make: Factory, user: User, database: Database
) -> None:
    for _ in range(25):
        make.wallet(user, baht(10))
    owner.get("/en/account/wallet")
    count = [0]

    def counted(*_: object) -> None:
        count[0] += 1

    event.listen(database.engine, "before_cursor_execute", counted)
    page = owner.get("/en/account/wallet")
    assert 0 < count[0] <= MEMBER_CEILING
    older = re.search(r'href="([^"]+cursor=[^"]+)#history"', page.text)
    assert older is not None
    assert "+฿10" in text_of_page(owner.get(older[1]))


def _top_up(owner: FlaskClient, **filled: str) -> TestResponse:
    return submit(owner, owner.get("/en/account/wallet"), "/topups", pay_by="card", **filled)


def _pay(pay_url: str, verb: str) -> str:
    answer = requests.post(f"{pay_url}/{verb}", allow_redirects=False, timeout=5)
    return answer.headers["Location"].removeprefix("http://localhost")


def _returned_path(page: TestResponse) -> str:
    link = re.search(r'href="([^"]*/topups/[^"]+)"', page.text)
    assert link is not None
    return link[1]


def _topups(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(TopUp)) or 0
