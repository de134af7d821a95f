"""PromptPay: the code on our own page, and money that comes in time, late or twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pytest
import requests
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select

from jobs.outbox import sweep_outbox
from jobs.payments import sweep_payments
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.errors import Invalid
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.orders.models import Order, PaymentMethod
from storefront.payments.models import Payment
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import find_balance
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
SignIn = Callable[[FlaskClient, User], None]


@pytest.fixture
def buyer(make: Factory) -> User:
    """Somebody with a script for 490 baht in the cart."""
    user = make.user()
    make.cart(user, (make.product(price=baht(490), stock=1), 1))
    return user


def place(shop: Shop, user: User, **values: object) -> UUID:
    return flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.PROMPTPAY,
        expected_total=baht(490),
        idempotency_key=str(new_id()),
        locale="en",
        **values,  # type: ignore[arg-type]
    ).order_id


def payments_of(shop: Shop, order_id: UUID) -> list[Payment]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(Payment).where(Payment.subject_id == order_id).order_by(Payment.id)
            )
        )


def state_of(shop: Shop, order_id: UUID) -> str:
    with shop.database.reading() as session:
        return session.scalars(select(Order.state).where(Order.id == order_id)).one()


def bank(sandbox: RunningSandbox, payment: Payment, does: str) -> None:
    url = f"{sandbox.url}/control/stripe/payment_intents/{payment.gateway_session_id}/{does}"
    requests.post(url, timeout=10).raise_for_status()


def wallet_of(shop: Shop, user: User) -> Money:
    with shop.database.reading() as session:
        return find_balance(session, user.id, now=shop.clock())


def let_it_expire(shop: Shop, order_id: UUID) -> None:
    later = dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(minutes=16)))
    sweep_payments(later)
    sweep_outbox(later, overdue=timedelta(0))
    assert state_of(shop, order_id) == "expired"


def test_the_code_can_be_read_by_a_banking_app(
    shop: Shop, app: Flask, buyer: User, sign_in: SignIn
) -> None:
    order_id = place(shop, buyer)
    browser = app.test_client()
    sign_in(browser, buyer)
    page = browser.get(f"/en/checkout/orders/{order_id}")
    assert "Scan to pay" in text_of_page(page)
    assert "฿490" in text_of_page(page)

    picture = browser.get(f"/en/checkout/orders/{order_id}/promptpay.png")

    (read,) = zxingcpp.read_barcodes(Image.open(BytesIO(picture.data)))
    (payment,) = payments_of(shop, order_id)
    assert read.text == payment.qr_payload
    assert "5406490.00" in read.text, "tag 54 of the EMV text is the amount"
    assert browser.get(f"/en/checkout/orders/{order_id}/promptpay.svg").status_code == 200
    assert picture.headers["Cache-Control"] == "private, no-store"


def test_nobody_else_sees_the_code_and_nobody_after_it_is_paid(
    shop: Shop, app: Flask, buyer: User, make: Factory, sign_in: SignIn, sandbox: RunningSandbox
) -> None:
    order_id = place(shop, buyer)
    stranger, owner = app.test_client(), app.test_client()
    sign_in(stranger, make.user())
    sign_in(owner, buyer)
    path = f"/en/checkout/orders/{order_id}/promptpay.svg"
    assert stranger.get(path).status_code == 404
    bank(sandbox, payments_of(shop, order_id)[0], "succeed")
    flow.refresh_order(shop, order_id)
    assert owner.get(path).status_code == 404


def test_a_paid_code_delivers_once_however_often_it_is_heard(
    shop: Shop, buyer: User, sandbox: RunningSandbox
) -> None:
    order_id = place(shop, buyer)
    bank(sandbox, payments_of(shop, order_id)[0], "succeed")
    for _ in range(3):
        flow.refresh_order(shop, order_id)
        flow.close_overdue_payment(shop, payments_of(shop, order_id)[0].id)
    assert state_of(shop, order_id) == "completed"
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(License)) == 1


def test_a_code_that_was_not_paid_in_time_frees_what_it_held(shop: Shop, buyer: User) -> None:
    order_id = place(shop, buyer)
    let_it_expire(shop, order_id)
    assert payments_of(shop, order_id)[0].state == "expired"


def test_money_that_comes_late_goes_to_the_wallet_once_with_a_notice(
    shop: Shop, buyer: User, sandbox: RunningSandbox
) -> None:
    order_id = place(shop, buyer)
    let_it_expire(shop, order_id)
    (payment,) = payments_of(shop, order_id)
    bank(sandbox, payment, "pay_late")
    for _ in range(3):
        flow.refresh_payment(shop, payment.id)
    assert wallet_of(shop, buyer) == baht(490)
    assert state_of(shop, order_id) == "expired"
    with shop.database.reading() as session:
        notices = session.scalars(
            select(Notification.event).where(Notification.event == "payment_credited")
        ).all()
    assert len(notices) == 1


def test_an_order_paid_by_its_second_code_and_then_by_its_first_is_paid_once(
    shop: Shop, buyer: User, sandbox: RunningSandbox
) -> None:
    order_id = place(shop, buyer)
    (first,) = payments_of(shop, order_id)
    bank(sandbox, first, "fail")
    flow.refresh_order(shop, order_id)
    flow.resume_payment(shop, order_id, user_id=buyer.id)
    first, second = payments_of(shop, order_id)
    assert second.qr_payload
    bank(sandbox, second, "succeed")
    flow.refresh_order(shop, order_id)
    assert state_of(shop, order_id) == "completed"

    bank(sandbox, first, "pay_late")
    flow.refresh_payment(shop, first.id)
    flow.refresh_payment(shop, first.id)
    assert wallet_of(shop, buyer) == baht(490)


def test_a_cancelled_order_closes_its_code(
    shop: Shop, buyer: User, sandbox: RunningSandbox
) -> None:
    order_id = place(shop, buyer)
    flow.cancel_order(shop, order_id, user_id=buyer.id)
    assert state_of(shop, order_id) == "cancelled"
    (payment,) = payments_of(shop, order_id)
    answer = requests.post(
        f"{sandbox.url}/control/stripe/payment_intents/{payment.gateway_session_id}/succeed",
        timeout=10,
    )
    assert answer.status_code >= 400, "the gateway takes no money for a closed code"


def test_promptpay_needs_an_address_and_the_form_takes_one(
    shop: Shop, app: Flask, make: Factory, sign_in: SignIn
) -> None:
    user = make.user(email=None, email_verified=False)
    make.cart(user, (make.product(price=baht(490)), 1))
    with pytest.raises(Invalid) as refused:
        place(shop, user)
    assert refused.value.code == "email_needed"

    browser = app.test_client()
    sign_in(browser, user)
    page = browser.get("/en/checkout")
    bad = submit(browser, page, "/checkout", method="promptpay", email="nobody")
    assert bad.status_code == 422
    assert "This is not an e-mail address." in text_of_page(bad)
    good = submit(browser, bad, "/checkout", method="promptpay", email=" nok@example.com ")
    assert good.status_code == 303
    with shop.database.reading() as session:
        assert session.scalars(select(Order.email)).one() == "nok@example.com"


def test_a_wallet_is_topped_up_by_a_code(
    shop: Shop, app: Flask, make: Factory, sign_in: SignIn, sandbox: RunningSandbox
) -> None:
    user = make.user()
    browser = app.test_client()
    sign_in(browser, user)
    started = submit(
        browser, browser.get("/en/account/wallet"), "/topups", amount="500", pay_by="promptpay"
    )
    assert started.status_code == 303
    page = browser.get(started.location)
    assert "Scan to pay" in text_of_page(page)
    assert "฿500" in text_of_page(page)
    topup_id = UUID(started.location.rsplit("/", 1)[1])
    assert browser.get(f"{started.location}/promptpay.svg").status_code == 200
    bank(sandbox, payments_of(shop, topup_id)[0], "succeed")
    assert "is in your wallet" in text_of_page(browser.get(started.location))
    assert wallet_of(shop, user) == baht(500)


def test_the_webhook_alone_completes_an_order(
    shop: Shop, buyer: User, sandbox: RunningSandbox
) -> None:
    """The redirect is lost and our own note of the code as well: the event names the payment."""
    order_id = place(shop, buyer)
    (payment,) = payments_of(shop, order_id)
    bank(sandbox, payment, "succeed")
    intent_id = payment.gateway_session_id
    with shop.database.transaction() as session:
        session.get_one(Payment, payment.id).gateway_session_id = None
    flow.refresh_payment(shop, payment.id, intent_id=intent_id)
    assert state_of(shop, order_id) == "completed"
