"""The sale: from cart to keys, by wallet and by card, whatever comes first."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import time
from datetime import timedelta
from uuid import UUID

import pytest
import requests
from sqlalchemy import func, select

from jobs.outbox import sweep_outbox
from jobs.payments import sweep_payments
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import Order, OrderEvent, OrderState, PaymentMethod
from storefront.payments.models import Payment, PaymentState
from storefront.wallet.queries import find_balance
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def place(shop: Shop, user_id: UUID, total: Money, **values: object) -> flow.Placed:
    wish = {
        "method": PaymentMethod.BALANCE,
        "idempotency_key": str(new_id()),
        "locale": "en",
        **values,
    }
    return flow.place_order(shop, user_id=user_id, expected_total=total, **wish)  # type: ignore[arg-type]


def state_of(shop: Shop, order_id: UUID) -> str:
    with shop.database.reading() as session:
        return session.scalars(select(Order.state).where(Order.id == order_id)).one()


def count(shop: Shop, model: type) -> int:
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def session_id(pay_url: str) -> str:
    return pay_url.rsplit("/", 1)[1]


def pay(sandbox, pay_url: str, what: str = "pay") -> None:
    answer = requests.post(
        f"{sandbox.url}/control/stripe/sessions/{session_id(pay_url)}/{what}", timeout=10
    )
    answer.raise_for_status()


def test_a_wallet_purchase_is_completed_at_once(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(490), stock=3)
    make.cart(user, (product, 2))
    make.wallet(user, baht(1000))

    placed = place(shop, user.id, baht(980))

    assert placed.pay_url is None
    assert state_of(shop, placed.order_id) == OrderState.COMPLETED
    with shop.database.reading() as session:
        assert find_balance(session, user.id) == baht(20)
        assert len(session.scalars(select(License)).all()) == 2
        steps = session.scalars(select(OrderEvent.to_state).order_by(OrderEvent.id)).all()
    assert steps == ["pending", "processing", "completed"]


def test_a_bundle_gives_one_licence_per_product_inside(shop: Shop, make: Factory) -> None:
    first, second = make.product(), make.product()
    bundle = make.bundle(first, second, price=baht(900))
    user = make.user()
    make.cart(user, (bundle, 1))
    make.wallet(user, baht(900))

    place(shop, user.id, baht(900))

    with shop.database.reading() as session:
        products = set(session.scalars(select(License.product_id)))
    assert products == {first.id, second.id}


def test_a_wallet_with_five_baht_cannot_spend_six(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(6), stock=1)
    make.cart(user, (product, 1))
    make.wallet(user, baht(5))

    with pytest.raises(Conflict, match="wallet"):
        place(shop, user.id, baht(6))

    assert count(shop, Order) == 0
    with shop.database.reading() as session:
        assert find_balance(session, user.id) == baht(5)


def test_a_forged_total_buys_nothing(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    make.wallet(user, baht(1000))

    with pytest.raises(Conflict) as error:
        place(shop, user.id, baht(1))

    assert error.value.code == "total_changed"
    assert count(shop, Order) == 0


def test_the_same_key_gives_the_same_order_and_another_body_is_refused(
    shop: Shop, make: Factory
) -> None:
    user, product = make.user(), make.product(price=baht(100))
    make.cart(user, (product, 1))
    make.wallet(user, baht(500))

    first = place(shop, user.id, baht(100), idempotency_key="k" * 20)
    again = place(shop, user.id, baht(100), idempotency_key="k" * 20)

    assert first == again
    assert count(shop, Order) == 1
    with pytest.raises(Invalid) as error:
        place(shop, user.id, baht(99), idempotency_key="k" * 20)
    assert error.value.code == "key_reused"


def test_a_free_order_needs_no_payment(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=Money(0))
    make.cart(user, (product, 1))

    placed = place(shop, user.id, Money(0), method=PaymentMethod.STRIPE)

    assert state_of(shop, placed.order_id) == OrderState.COMPLETED
    assert count(shop, Payment) == 0


def test_nobody_gets_for_free_what_costs_money(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))

    with pytest.raises(Invalid) as error:
        place(shop, user.id, baht(490), method=PaymentMethod.FREE)

    assert error.value.code == "method_not_offered"
    assert count(shop, Order) == 0


def test_a_card_order_completes_when_the_buyer_comes_back(
    shop: Shop, make: Factory, sandbox
) -> None:
    user, product = make.user(), make.product(price=baht(490), stock=1)
    make.cart(user, (product, 1))

    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)
    assert placed.pay_url is not None
    assert state_of(shop, placed.order_id) == OrderState.PENDING
    pay(sandbox, placed.pay_url)
    flow.refresh_order(shop, placed.order_id)
    flow.refresh_order(shop, placed.order_id)

    assert state_of(shop, placed.order_id) == OrderState.COMPLETED
    assert count(shop, License) == 1


def test_a_card_order_completes_by_webhook_alone_and_replays_change_nothing(
    shop: Shop, make: Factory, sandbox, app
) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)
    assert placed.pay_url is not None
    pay(sandbox, placed.pay_url)
    events = signed_events(sandbox, session_id(placed.pay_url))
    client = app.test_client()

    for payload, signature in [*reversed(events), *events]:
        answer = client.post(
            "/api/webhooks/stripe", data=payload, headers={"Stripe-Signature": signature}
        )
        assert answer.status_code == 200
    sweep_outbox(shop, overdue=timedelta(0))

    assert state_of(shop, placed.order_id) == OrderState.COMPLETED
    assert count(shop, License) == 1


def test_an_expired_page_gives_the_stock_back(shop: Shop, make: Factory, sandbox) -> None:
    user, product = make.user(), make.product(price=baht(490), stock=1)
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)
    assert placed.pay_url is not None
    pay(sandbox, placed.pay_url, "expire")

    flow.refresh_order(shop, placed.order_id)

    assert state_of(shop, placed.order_id) == OrderState.EXPIRED
    other = make.user()
    make.cart(other, (product, 1))
    make.wallet(other, baht(490))
    place(shop, other.id, baht(490))


def test_cancelling_closes_the_page_and_refills_the_cart(
    shop: Shop, make: Factory, sandbox
) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)

    flow.cancel_order(shop, placed.order_id, user_id=user.id)
    flow.cancel_order(shop, placed.order_id, user_id=user.id)

    assert state_of(shop, placed.order_id) == OrderState.CANCELLED
    again = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)
    assert again.order_id != placed.order_id


def test_cancelling_what_was_just_paid_delivers_it(shop: Shop, make: Factory, sandbox) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)
    assert placed.pay_url is not None
    pay(sandbox, placed.pay_url)

    with pytest.raises(Conflict):
        flow.cancel_order(shop, placed.order_id, user_id=user.id)

    assert state_of(shop, placed.order_id) == OrderState.COMPLETED


def test_nobody_cancels_or_resumes_the_order_of_another(shop: Shop, make: Factory) -> None:
    user, product, other = make.user(), make.product(price=baht(490)), make.user()
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)

    with pytest.raises(NotFound):
        flow.cancel_order(shop, placed.order_id, user_id=other.id)
    with pytest.raises(NotFound):
        flow.resume_payment(shop, placed.order_id, user_id=other.id)


def test_resuming_gives_the_same_page(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)

    assert flow.resume_payment(shop, placed.order_id, user_id=user.id) == placed.pay_url


def test_stripe_down_keeps_the_order_and_a_retry_opens_it(
    shop: Shop, make: Factory, sandbox
) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    requests.post(
        f"{sandbox.url}/control/stripe",
        json={"fail_next": [{"match": "POST /v1/checkout/sessions", "status": 500, "times": 3}]},
        timeout=10,
    ).raise_for_status()

    key = str(new_id())
    with pytest.raises(Exception, match="APIError"):
        place(shop, user.id, baht(490), method=PaymentMethod.STRIPE, idempotency_key=key)
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE, idempotency_key=key)

    assert placed.pay_url is not None
    assert count(shop, Order) == 1


def test_a_top_up_is_credited_once(shop: Shop, make: Factory, sandbox) -> None:
    user = make.user()
    pay_url = flow.start_topup(
        shop, user_id=user.id, amount=baht(500), idempotency_key="t" * 20, locale="th"
    )
    pay(sandbox, pay_url)

    with shop.database.reading() as session:
        payment = session.scalars(select(Payment)).one()
    flow.refresh_payment(shop, payment.id)
    flow.refresh_payment(shop, payment.id)
    flow.refresh_topup(shop, payment.subject_id)

    with shop.database.reading() as session:
        assert find_balance(session, user.id) == baht(500)
        assert session.scalars(select(Payment.state)).one() == PaymentState.SUCCEEDED


def test_the_sweep_finds_a_payment_whose_redirect_and_webhook_were_lost(
    settings, shop: Shop, make: Factory, sandbox
) -> None:
    user, product = make.user(), make.product(price=baht(490))
    make.cart(user, (product, 1))
    placed = place(shop, user.id, baht(490), method=PaymentMethod.STRIPE)
    assert placed.pay_url is not None
    pay(sandbox, placed.pay_url)

    later = dataclasses.replace(shop, clock=lambda: shop.clock() + timedelta(minutes=3))
    sweep_payments(later)
    sweep_outbox(shop, overdue=timedelta(0))

    assert state_of(shop, placed.order_id) == OrderState.COMPLETED


def signed_events(sandbox, about: str) -> list[tuple[bytes, str]]:
    listed = requests.get(
        f"{sandbox.stripe_url}/v1/events?limit=100",
        headers={"Authorization": f"Bearer {sandbox.stripe_secret_key}"},
        timeout=10,
    ).json()["data"]
    chosen = [
        e for e in listed if e["data"]["object"]["id"] == about or "payment_intent" in e["type"]
    ]
    signed = []
    for event in chosen:
        payload = json.dumps(event).encode()
        at = int(time.time())
        mac = hmac.new(
            sandbox.webhook_secret.encode(), f"{at}.".encode() + payload, hashlib.sha256
        ).hexdigest()
        signed.append((payload, f"t={at},v1={mac}"))
    assert signed
    return signed
