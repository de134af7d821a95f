"""Gateway payments: one live attempt per subject, money only where it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.payments.models import (
    Payment,
    PaymentAction,
    PaymentPurpose,
    PaymentState,
    WebhookEvent,
)
from storefront.payments.service import (
    apply_payment_action,
    create_payment,
    find_latest_payment,
    find_live_payment,
    mark_opened,
    mark_paid,
    receive_event,
)
from storefront.providers.payments import GatewayEvent, GatewaySession, PayBy, SessionStatus
from tests.support.factories import Factory

Attempt = Callable[[Session], Payment]
SUBJECT = new_id()
SEEN = GatewaySession(
    session_id="cs_1",
    payment_id=None,
    status=SessionStatus.PAID,
    url=None,
    amount=baht(100),
    gateway_payment_id="pi_1",
    live_mode=False,
)


@pytest.fixture
def scratch(shop: Shop) -> Iterator[Session]:
    """A transaction that is never committed."""
    with Session(shop.database.engine) as session:
        yield session


@pytest.fixture
def attempt(shop: Shop, make: Factory) -> Attempt:
    """create(session): an attempt to take 100 baht for one subject."""
    user = make.user()

    def create(session: Session) -> Payment:
        return create_payment(
            session,
            purpose=PaymentPurpose.TOPUP,
            pay_by=PayBy.CARD,
            subject_id=SUBJECT,
            user_id=user.id,
            amount=baht(100),
            label="x",
            email=None,
            locale="en",
            expires_at=shop.clock() + timedelta(minutes=35),
        )

    return create


def test_a_subject_has_one_live_payment_and_any_number_of_ended_ones(
    shop: Shop, attempt: Attempt
) -> None:
    with shop.database.transaction() as session:
        first = attempt(session)
        assert apply_payment_action(first, PaymentAction.FAIL)
        session.flush()
        second = attempt(session)
    with (
        pytest.raises(IntegrityError, match="one_live_per_subject"),
        shop.database.transaction() as session,
    ):
        attempt(session)
    with shop.database.reading() as session:
        about: dict[str, Any] = {"purpose": PaymentPurpose.TOPUP, "subject_id": SUBJECT}
        live, latest = find_live_payment(session, **about), find_latest_payment(session, **about)
        assert live is not None
        assert latest is not None
        assert live.id == latest.id == second.id
        assert find_live_payment(session, purpose=PaymentPurpose.ORDER, subject_id=SUBJECT) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": baht(99)},
        {"amount": Money(10_001)},
        {"amount": Money(10_000, "USD")},
        {"gateway_payment_id": None},
    ],
)
def test_money_that_does_not_fit_is_not_noted(
    shop: Shop, scratch: Session, attempt: Attempt, wrong: dict[str, Any]
) -> None:
    payment = attempt(scratch)
    with pytest.raises(Conflict) as error:
        mark_paid(payment, replace(SEEN, **wrong), now=shop.clock())
    assert error.value.code == "payment_mismatch"
    assert payment.state == PaymentState.CREATED
    assert payment.paid_at is None


def test_money_is_noted_once_and_even_for_an_attempt_that_was_given_up(
    shop: Shop, scratch: Session, attempt: Attempt
) -> None:
    payment = attempt(scratch)
    apply_payment_action(payment, PaymentAction.EXPIRE)
    now = shop.clock()

    assert mark_paid(payment, SEEN, now=now)
    assert not mark_paid(payment, SEEN, now=now + timedelta(minutes=1))

    assert (payment.state, payment.paid_at) == (PaymentState.SUCCEEDED, now)
    assert payment.gateway_session_id == "cs_1"
    assert not apply_payment_action(payment, PaymentAction.FAIL)
    assert payment.state == PaymentState.SUCCEEDED


def test_a_payment_keeps_its_session(scratch: Session, attempt: Attempt) -> None:
    payment = attempt(scratch)
    mark_opened(payment, replace(SEEN, status=SessionStatus.OPEN, url="https://pay"))
    mark_opened(payment, replace(SEEN, status=SessionStatus.OPEN, url=None))
    assert (payment.state, payment.pay_url) == (PaymentState.OPEN, "https://pay")
    with pytest.raises(Conflict):
        mark_opened(payment, replace(SEEN, session_id="cs_2"))


def test_the_database_refuses_a_success_without_its_proof(
    scratch: Session, attempt: Attempt
) -> None:
    attempt(scratch).state = PaymentState.SUCCEEDED

    with pytest.raises(IntegrityError, match="ck_payments_paid"):
        scratch.flush()


def test_an_event_is_known_by_its_source_and_id(shop: Shop) -> None:
    event = GatewayEvent(event_id="evt_1", event_type="x", payload={"id": "evt_1"})
    with shop.database.transaction() as session:
        taken = [
            receive_event(session, source=source, event=event)
            for source in ("stripe", "stripe", "other")
        ]
    assert taken == [True, False, True]
    with shop.database.reading() as session:
        assert len(session.scalars(select(WebhookEvent)).all()) == 2
