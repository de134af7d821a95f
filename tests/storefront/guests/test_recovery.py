"""A lost mail, and a mistyped address: the way back by mail, which tells nobody anything."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from jobs.cleanup import purge
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout.service import close_order
from storefront.guests.models import GuestLink, GuestRecovery
from storefront.guests.service import ask_for_links
from storefront.kit.clock import fixed_clock
from storefront.kit.money import baht
from storefront.orders.models import Order, OrderAction
from storefront.outbox import OutboxMessage
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.guests.browsing import (
    buy_by_card,
    fill_cart,
    guests,
    is_signed_in_as,
    link_for,
    links_in,
    mails_to,
    orders,
    place,
)
from tests.storefront.orders.purchases import counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
LOST = "lost@example.com"


@pytest.fixture(autouse=True)
def inbox(sandbox: RunningSandbox) -> None:
    """Empty."""
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10).raise_for_status()


def ask(browser: FlaskClient, email: str):
    return submit(browser, browser.get("/en/guest/recover"), "/guest/recover", email=email)


def queued(shop: Shop) -> int:
    with shop.database.reading() as session:
        return (
            session.scalar(
                select(func.count()).where(OutboxMessage.dedupe_key.startswith("mail:guest_links:"))
            )
            or 0
        )


def test_who_lost_the_mail_gets_one_with_a_link_for_every_purchase(
    shop: Shop, app: Flask, make: Factory, sandbox: RunningSandbox
) -> None:
    first, second = app.test_client(), app.test_client()
    buy_by_card(first, make.product(price=baht(490)), email=LOST)
    buy_by_card(second, make.product(price=baht(100)), email=LOST)
    buy_by_card(app.test_client(), make.product(price=baht(100)), email="else@example.com")
    mails_to(shop, sandbox, LOST)
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10)

    ask(app.test_client(), "  LOST@example.com ")

    (mail,) = mails_to(shop, sandbox, LOST)
    links = links_in(mail)
    assert len(links) == 2
    opened = []
    for link in links:
        browser = app.test_client()
        submit(browser, browser.get(link), link)
        opened.append(is_signed_in_as(browser, shop))
    mine = [guest.id for guest in guests(shop) if guest.email == LOST]
    assert sorted(map(str, opened)) == sorted(map(str, mine))
    for order in orders(shop):
        assert (order.reference in mail["text"]) == (order.email == LOST)
    assert "else@example.com" not in mail["text"] + mail["html"]
    assert mail["to"] == LOST


def test_the_answer_is_the_same_for_every_address_and_so_is_the_work(
    shop: Shop, app: Flask, make: Factory
) -> None:
    buy_by_card(app.test_client(), make.product(price=baht(490)), email=LOST)
    make.user(email="member@example.com")
    answers = []

    for email in (LOST, "nobody@example.com", "member@example.com"):
        browser = app.test_client()
        page = browser.get("/en/guest/recover")
        with counted_queries(shop.database.engine) as queries:
            answer = submit(browser, page, "/guest/recover", email=email)
        shown = browser.get(answer.location)
        assert email not in shown.text
        answers.append((answer.status_code, answer.location, text_of_page(shown), len(queries)))

    assert len(set(answers)) == 1
    assert "If anything was bought with that address" in answers[0][2]


def test_somebody_who_bought_nothing_as_a_guest_gets_no_mail(
    shop: Shop, client: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    make.user(email="member@example.com")
    make.guest(email="idle@example.com")

    for email in ("member@example.com", "idle@example.com", "nobody@example.com"):
        ask(client, email)

    for email in ("member@example.com", "idle@example.com", "nobody@example.com"):
        assert mails_to(shop, sandbox, email) == []
    with shop.database.reading() as session:
        assert session.scalars(select(GuestLink)).all() == []


def test_who_only_has_money_left_gets_a_link_too(
    shop: Shop, client: FlaskClient, make: Factory, sandbox: RunningSandbox
) -> None:
    make.wallet(make.guest(email=LOST), baht(10))

    ask(client, LOST)

    (mail,) = mails_to(shop, sandbox, LOST)
    assert "Money in your wallet" in mail["text"]


def test_an_address_gets_one_mail_in_five_minutes_whoever_asks(
    shop: Shop, app: Flask, make: Factory
) -> None:
    make.wallet(make.guest(email=LOST), baht(10))
    now = shop.clock()

    for seconds in (0, 1, 299):
        with shop.database.transaction() as session:
            moment = now + timedelta(seconds=seconds)
            ask_for_links(session, LOST, locale="en", now=moment)
    assert queued(shop) == 1
    with shop.database.transaction() as session:
        ask_for_links(session, "other@example.com", locale="en", now=now)
    assert queued(shop) == 2
    with shop.database.transaction() as session:
        ask_for_links(session, LOST, locale="en", now=now + timedelta(minutes=5))

    assert queued(shop) == 3


def test_a_mail_that_comes_after_the_next_was_asked_for_is_not_written_twice(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    make.wallet(make.guest(email=LOST), baht(10))
    for minutes in (0, 6):
        with shop.database.transaction() as session:
            moment = shop.clock() + timedelta(minutes=minutes)
            ask_for_links(session, LOST, locale="en", now=moment)

    assert len(mails_to(shop, sandbox, LOST)) == 1


@pytest.mark.parametrize(
    "email", ["", "nok", "nok@example.com, x@example.com", "a@b\r\nBcc: c@d.e"]
)
def test_what_is_no_address_is_said_to_be_none(shop: Shop, client: FlaskClient, email: str) -> None:
    answer = ask(client, email)

    assert answer.status_code == 422
    assert "Write an e-mail address we can send to" in text_of_page(answer)
    assert queued(shop) == 0


def test_a_guest_mends_a_mistyped_address_and_the_stranger_there_loses_the_link(
    shop: Shop, app: Flask, make: Factory, sandbox: RunningSandbox
) -> None:
    browser = app.test_client()
    buy_by_card(browser, make.product(price=baht(490)), email="typo@example.com")
    (wrong,) = mails_to(shop, sandbox, "typo@example.com")
    page = browser.get("/en/account/guest")

    answer = submit(browser, page, "/account/guest/email", email="Right@Example.com")

    assert "We write to right@example.com from now on." in text_of_page(
        browser.get(answer.location)
    )
    (mail,) = mails_to(shop, sandbox, "right@example.com")
    stranger, owner = app.test_client(), app.test_client()
    assert "This link was ended" in stranger.get(links_in(wrong)[0]).text
    link = links_in(mail)[0]
    submit(owner, owner.get(link), link)
    (guest,) = guests(shop)
    assert is_signed_in_as(owner, shop) == guest.id
    assert (guest.email, guest.email_verified) == ("right@example.com", True)
    assert orders(shop)[0].email == "right@example.com"


def test_an_address_that_is_none_changes_nothing(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    guest = make.guest(email=LOST)
    sign_in(client, guest)

    answer = client.post("/en/account/guest/email", data={"email": "nonsense"})

    assert answer.status_code == 422
    assert "Write an e-mail address we can send to" in text_of_page(answer)
    assert guests(shop)[0].email == LOST


def test_the_same_address_again_keeps_the_links(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    guest = make.guest(email=LOST)
    path = link_for(shop, guest)
    sign_in(client, guest)

    client.post("/en/account/guest/email", data={"email": LOST.upper()})

    assert "Open my purchases" in client.get(path).text
    assert queued(shop) == 0


def test_an_open_order_is_confirmed_to_the_mended_address(
    shop: Shop, app: Flask, make: Factory, sandbox: RunningSandbox
) -> None:
    browser = app.test_client()
    fill_cart(browser, make.product(price=baht(490)))
    place(browser, email="typo@example.com")
    (order,) = orders(shop)

    page = browser.get(f"/en/checkout/orders/{order.id}")
    assert "typo@example.com" in text_of_page(page)
    assert "/en/account/guest" in page.text
    submit(
        browser, browser.get("/en/account/guest"), "/account/guest/email", email="right@example.com"
    )

    assert orders(shop)[0].email == "right@example.com"


def test_cleaning_up_forgets_requests_and_dead_links_and_keeps_the_others(
    shop: Shop, make: Factory
) -> None:
    guest = make.guest(email=LOST)
    make.wallet(guest, baht(10))
    link_for(shop, guest)
    with shop.database.transaction() as session:
        ask_for_links(session, LOST, locale="en", now=shop.clock())

    def left() -> tuple[int, int]:
        with shop.database.reading() as session:
            return (
                len(session.scalars(select(GuestLink)).all()),
                len(session.scalars(select(GuestRecovery)).all()),
            )

    purge(shop)
    assert left() == (1, 1)
    purge(dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(days=2))))
    assert left() == (1, 0)
    purge(dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(days=59))))
    assert left() == (1, 0)
    purge(dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(days=61))))
    assert left() == (0, 0)


def test_guests_who_left_nothing_are_forgotten_after_thirty_days(
    shop: Shop, app: Flask, make: Factory, sign_in: SignIn
) -> None:
    idle, rich, member = make.guest(), make.guest(), make.user()
    make.wallet(rich, baht(10))
    make.cart(idle, (make.product(), 1))
    browser = app.test_client()
    sign_in(browser, idle)
    link_for(shop, idle)
    fill_cart(browser, make.product(price=baht(490)))
    other = app.test_client()
    fill_cart(other, make.product(price=baht(490)))
    place(other, email="unpaid@example.com")
    with shop.database.transaction() as session:
        order = session.scalars(select(Order)).one()
        close_order(session, order.id, OrderAction.EXPIRE, actor="test", now=shop.clock())
    buyer = order.user_id

    def left() -> set[object]:
        with shop.database.reading() as session:
            return set(session.scalars(select(User.id)))

    purge(dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(days=29))))
    assert left() == {idle.id, rich.id, member.id, buyer}
    purge(dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(days=31))))
    assert left() == {rich.id, member.id, buyer}
    with shop.database.transaction() as session:
        session.execute(update(User).values(created_at=shop.clock() - timedelta(days=400)))
    purge(shop)
    assert left() == {rich.id, member.id, buyer}
