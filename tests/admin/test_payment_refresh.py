"""Asking the gateway about a payment from the back office: what that changes, says and notes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.orders.models import Order, OrderState, PaymentMethod
from storefront.payments.models import Payment, PaymentState
from storefront.sandbox.serve import RunningSandbox
from tests.admin.money_stories import at_stripe, order_by, read
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
CARD = PaymentMethod.STRIPE


def page_of(payment: Payment) -> str:
    return f"/en/admin/payments/{payment.id}"


@pytest.mark.parametrize(
    ("verb", "words", "state"),
    [
        ("pay", "The money is booked.", PaymentState.SUCCEEDED),
        ("expire", "The gateway has closed it unpaid.", PaymentState.EXPIRED),
        (None, "the gateway says the same as before", PaymentState.OPEN),
    ],
)
def test_asking_the_gateway_settles_what_it_says_and_tells(
    staff: FlaskClient,
    shop: Shop,
    make: Factory,
    sandbox: RunningSandbox,
    verb: str | None,
    words: str,
    state: PaymentState,
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    if verb is not None:
        at_stripe(sandbox, payment, verb)

    answer = submit(staff, staff.get(page_of(payment)), "/refresh")

    assert answer.status_code == 303
    assert answer.location.endswith(page_of(payment))
    assert words in text_of_page(staff.get(page_of(payment)))
    assert read(shop, Payment, payment.id).state == state
    (entry,) = audited(shop)
    assert entry.subject_id == str(payment.id)
    assert entry.detail["answer"] == "answered"
    assert entry.detail.get("changes") == (None if verb is None else {"state": ["open", state]})


def audited(shop: Shop) -> list[AuditEntry]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(AuditEntry)
                .where(AuditEntry.action == "refresh_payment")
                .order_by(AuditEntry.id)
            )
        )


def test_asking_again_changes_nothing_more(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    at_stripe(sandbox, payment, "pay")

    for _ in range(3):
        assert staff.post(f"{page_of(payment)}/refresh").status_code == 303

    assert "It is paid already" in text_of_page(staff.get(page_of(payment)))
    assert read(shop, Order, payment.subject_id).state == OrderState.COMPLETED
    assert [len(entry.detail) for entry in audited(shop)] == [2, 1, 1]


def test_while_the_gateway_is_away_nothing_changes_and_that_is_said(
    staff: FlaskClient, shop: Shop, make: Factory, trouble: Callable[[], None]
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    trouble()

    answer = staff.post(f"{page_of(payment)}/refresh")

    assert answer.status_code == 303
    text = text_of_page(staff.get(page_of(payment)))
    assert "The payment service does not answer right now. Nothing was changed" in text
    assert read(shop, Payment, payment.id).state == PaymentState.OPEN
    assert [entry.detail for entry in audited(shop)] == [{"answer": "gateway_unavailable"}]


def test_money_of_another_amount_is_not_booked_and_that_is_said(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    at_stripe(sandbox, payment, "pay")
    with shop.database.transaction() as session:
        session.get_one(Payment, payment.id).amount_satang += 1

    staff.post(f"{page_of(payment)}/refresh")

    assert "differ from what was asked for" in text_of_page(staff.get(page_of(payment)))
    assert read(shop, Payment, payment.id).state == PaymentState.OPEN


def test_a_payment_the_gateway_never_heard_of_cannot_be_asked_about(
    staff: FlaskClient, shop: Shop, make: Factory, trouble: Callable[[], None]
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    with shop.database.transaction() as session:
        forgetful = session.get_one(Payment, payment.id)
        forgetful.gateway_session_id, forgetful.state = None, PaymentState.CREATED
    trouble()

    page = staff.get(page_of(payment))
    assert not [form for form in forms_of(page) if form.action.endswith("/refresh")]
    staff.post(f"{page_of(payment)}/refresh")

    assert "has not heard of this payment yet" in text_of_page(staff.get(page_of(payment)))


def test_what_staff_asked_stands_in_the_audit_log_in_words(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    at_stripe(sandbox, payment, "pay")
    staff.post(f"{page_of(payment)}/refresh")

    page = staff.get("/en/admin/audit")

    assert "Asked the gateway about a payment" in text_of_page(page)
    assert f'href="{page_of(payment)}"' in page.text
