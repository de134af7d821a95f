"""The outside world is away: people get a clear page, nothing is lost, and it goes on later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import select, update

from jobs.outbox import sweep_outbox
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.kit.money import baht
from storefront.notifications.models import SentMail
from storefront.orders.models import OrderState, PaymentMethod
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import Payment
from storefront.providers.payments import GatewayUnavailable
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory

Control = Callable[[str, dict[str, Any]], None]
SignIn = Callable[[FlaskClient, User], None]
NOW = timedelta(0)


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    """control("mail", {"down": True}); everything works again after the test."""

    def turn(what: str, knobs: dict[str, Any]) -> None:
        requests.post(f"{sandbox.url}/control/{what}", json=knobs, timeout=10).raise_for_status()

    yield turn
    turn("stripe/reset", {})
    turn("mail", {"down": False, "refuse": None})
    turn("s3", {"down": False})


def make_all_due(shop: Shop) -> None:
    """As if the waiting time between two attempts were over."""
    with shop.database.transaction() as session:
        session.execute(update(OutboxMessage).values(available_at=OutboxMessage.created_at))


def inbox(sandbox: RunningSandbox, address: str) -> list[Any]:
    answer = requests.get(f"{sandbox.url}/inbox.json", params={"to": address}, timeout=10)
    return list(answer.json())


@pytest.mark.parametrize("trouble", [{"down": True}, {"refuse": "451"}], ids=["down", "later"])
def test_mail_waits_for_its_server_and_is_sent_once(
    shop: Shop, make: Factory, control: Control, sandbox: RunningSandbox, trouble: dict[str, Any]
) -> None:
    user = make.user()
    order = buy(shop, make, user, (make.product(), 1))
    control("mail", trouble)
    sweep_outbox(shop, overdue=NOW)
    assert order.state == OrderState.COMPLETED
    with shop.database.reading() as session:
        waiting = session.scalars(
            select(OutboxMessage).where(OutboxMessage.task == "send_mail")
        ).one()
        assert (waiting.state, waiting.attempts) == (MessageState.PENDING, 1)
        assert "MailUnavailable" in (waiting.last_error or "")

    control("mail", {"down": False, "refuse": None})
    make_all_due(shop)
    sweep_outbox(shop, overdue=NOW)
    make_all_due(shop)
    sweep_outbox(shop, overdue=NOW)

    assert len(inbox(sandbox, user.email or "")) == 1
    with shop.database.reading() as session:
        assert session.scalars(select(SentMail.recipient)).all() == [user.email]


def test_a_refused_address_is_tried_ever_more_rarely(
    shop: Shop, make: Factory, control: Control
) -> None:
    buy(shop, make, make.user(), (make.product(), 1))
    control("mail", {"refuse": "550"})

    # The mail, the number of the receipt, and what others hear of the order and its licence.
    assert sweep_outbox(shop, overdue=NOW) == 5
    assert sweep_outbox(shop, overdue=NOW) == 0
    with shop.database.reading() as session:
        waiting = session.scalars(
            select(OutboxMessage).where(OutboxMessage.task == "send_mail")
        ).one()
        assert waiting.available_at > waiting.created_at + timedelta(seconds=1)


def test_a_slow_gateway_opens_the_page_all_the_same(
    shop: Shop, make: Factory, control: Control
) -> None:
    user = make.user()
    make.cart(user, (make.product(price=baht(490)), 1))
    control("stripe", {"delay_ms": 1500})

    placed = flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.STRIPE,
        expected_total=baht(490),
        idempotency_key="slow-gateway-key",
        locale="en",
    )

    assert placed.pay_url is not None


def test_an_answer_that_was_lost_after_the_effect_leads_to_the_same_page(
    shop: Shop, make: Factory, control: Control, sandbox: RunningSandbox
) -> None:
    user = make.user()
    make.cart(user, (make.product(price=baht(490)), 1))
    fault = {"match": "POST /v1/checkout/sessions", "status": 500, "times": 3}
    control("stripe", {"fail_next": [{**fault, "after_effect": True}]})
    wish = {
        "user_id": user.id,
        "method": PaymentMethod.STRIPE,
        "expected_total": baht(490),
        "idempotency_key": "lost-answer-key",
        "locale": "en",
    }
    with pytest.raises(GatewayUnavailable):
        flow.place_order(shop, **wish)  # type: ignore[arg-type]
    control("stripe/reset", {})

    placed = flow.place_order(shop, **wish)  # type: ignore[arg-type]

    assert placed.pay_url is not None
    sessions = requests.get(
        f"{sandbox.stripe_url}/v1/checkout/sessions",
        params={"limit": 100},
        headers={"Authorization": f"Bearer {sandbox.stripe_secret_key}"},
        timeout=10,
    ).json()["data"]
    with shop.database.reading() as session:
        payment_id = session.scalars(select(Payment.id)).one()
    opened = [one for one in sessions if one["client_reference_id"] == str(payment_id)]
    assert [one["id"] for one in opened] == [placed.pay_url.rsplit("/", 1)[1]]
