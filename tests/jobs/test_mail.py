"""Mail: once, in the reader's language, and later when the mail server is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select, text

from jobs.cleanup import purge
from jobs.mail import send_mail
from jobs.outbox import sweep_outbox
from storefront.accounts.models import SignInSession, User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.notifications.models import SentMail
from storefront.orders.models import PaymentMethod
from storefront.outbox import MessageState, OutboxMessage
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory


@pytest.fixture
def inbox(sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The mail server, empty before and well again afterwards."""
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10).raise_for_status()
    yield sandbox
    trouble(sandbox, down=False, refuse=None)


def trouble(sandbox: RunningSandbox, **knobs: Any) -> None:
    requests.post(f"{sandbox.url}/control/mail", json=knobs, timeout=10).raise_for_status()


def mails(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{sandbox.url}/inbox.json", timeout=10).json()
    return found


def buy_something(shop: Shop, make: Factory, *, locale: str = "en", **person: Any) -> User:
    user = make.user(**person)
    make.cart(user, (make.product(price=baht(100)), 1))
    make.wallet(user, baht(100))
    flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=baht(100),
        idempotency_key=str(new_id()),
        locale=locale,
    )
    return user


def message(shop: Shop) -> OutboxMessage:
    with shop.database.reading() as session:
        return session.scalars(select(OutboxMessage).where(OutboxMessage.task == "send_mail")).one()


def sweep_later(shop: Shop) -> None:
    """As if every wait were over."""
    with shop.database.transaction() as session:
        session.execute(text("UPDATE outbox SET available_at = now() - interval '1 hour'"))
    sweep_outbox(shop, overdue=timedelta(0))


def test_a_mail_is_sent_once_though_its_message_runs_three_times(
    shop: Shop, make: Factory, inbox: RunningSandbox
) -> None:
    user = buy_something(shop, make)

    sweep_outbox(shop, overdue=timedelta(0))
    for _ in range(2):
        send_mail(shop, message(shop).payload)

    (mail,) = mails(inbox)
    assert mail["to"] == user.email
    assert message(shop).state == MessageState.DONE
    with shop.database.reading() as session:
        assert len(session.scalars(select(SentMail)).all()) == 1


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "/en/account/orders/"), ("th", "/account/orders/")]
)
def test_the_mail_of_an_order_is_in_the_language_it_was_bought_in(
    shop: Shop, make: Factory, inbox: RunningSandbox, locale: str, words: str
) -> None:
    # Whatever language the person reads the shop in today.
    buy_something(shop, make, locale=locale)

    sweep_outbox(shop, overdue=timedelta(0))

    (mail,) = mails(inbox)
    headers = dict(mail["headers"])
    is_thai = any("\u0e00" <= symbol <= "\u0e7f" for symbol in mail["subject"])
    assert headers["Content-Language"] == locale
    assert is_thai == (locale == "th")
    assert shop.settings.public_url + words in mail["text"]
    assert mail["html"]


def test_while_the_mail_server_is_away_the_mail_waits(
    shop: Shop, make: Factory, inbox: RunningSandbox
) -> None:
    buy_something(shop, make)
    trouble(inbox, down=True)

    sweep_outbox(shop, overdue=timedelta(0))

    waiting = message(shop)
    assert waiting.state == MessageState.PENDING
    assert "MailUnavailable" in str(waiting.last_error)
    trouble(inbox, down=False)
    sweep_later(shop)
    assert len(mails(inbox)) == 1
    assert message(shop).state == MessageState.DONE


@pytest.mark.parametrize(("code", "error"), [("451", "MailUnavailable"), ("550", "MailRefused")])
def test_a_refused_mail_is_not_tried_again_at_once(
    shop: Shop, make: Factory, inbox: RunningSandbox, code: str, error: str
) -> None:
    buy_something(shop, make)
    trouble(inbox, refuse=code)

    waits = []
    for _ in range(3):
        sweep_later(shop)
        assert sweep_outbox(shop, overdue=timedelta(0)) == 0
        waits.append((message(shop).available_at - datetime.now(UTC)).total_seconds())

    assert error in str(message(shop).last_error)
    assert message(shop).attempts == 3
    assert waits == sorted(waits)
    assert waits[2] > 5
    assert mails(inbox) == []
    with shop.database.reading() as session:
        assert session.scalars(select(SentMail)).all() == []


def test_somebody_without_an_address_gets_no_mail_and_nothing_is_stuck(
    shop: Shop, make: Factory, inbox: RunningSandbox
) -> None:
    user = buy_something(shop, make)
    with shop.database.transaction() as session:
        session.execute(text("UPDATE orders SET email = NULL WHERE user_id = :id"), {"id": user.id})
    buy_something(shop, make, email=None)

    sweep_outbox(shop, overdue=timedelta(0))

    assert message(shop).state == MessageState.DONE
    assert mails(inbox) == []


def test_purging_twice_deletes_old_sign_ins_and_keeps_the_others(shop: Shop, make: Factory) -> None:
    user = make.user()
    for _ in range(3):
        make.sign_in_token(user)
    with shop.database.transaction() as session:
        ids = session.scalars(select(SignInSession.id).order_by(SignInSession.id)).all()
        for session_id, days in zip(ids, (31, 29, -1), strict=True):
            found = session.get_one(SignInSession, session_id)
            found.expires_at = shop.clock() - timedelta(days=days)

    purge(shop)
    purge(shop)

    with shop.database.reading() as session:
        assert session.scalars(select(SignInSession.id).order_by(SignInSession.id)).all() == ids[1:]
