"""The payment pages of the back office, as a browser without JavaScript uses them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from admin.payment_list import Wanted, list_staff_payments
from storefront.accounts.models import Role
from storefront.bootstrap import Shop
from storefront.kit.clock import SHOP_ZONE
from storefront.kit.money import baht
from storefront.orders.models import Order, PaymentMethod
from storefront.payments.models import Payment, PaymentPurpose, PaymentState, WebhookEvent
from storefront.providers.payments import PayBy
from storefront.sandbox.serve import RunningSandbox
from tests.admin.money_stories import (
    dispute_topup,
    order_by,
    paid_by_card,
    paid_late,
    read,
    refund_to_card,
)
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
LIST = "/en/admin/payments"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"
CARD, PROMPTPAY = PaymentMethod.STRIPE, PaymentMethod.PROMPTPAY
HOSTILE = ("%", "_", "'; DROP TABLE payments; --", "\\", "🦊", "9" * 19, "x" * 10_000, "\0", "@\0%")


def page_of(payment: Payment) -> str:
    return f"{LIST}/{payment.id}"


def found(shop: Shop, **wanted: object) -> list[object]:
    with shop.database.reading() as session:
        return [row.id for row in list_staff_payments(session, Wanted(**wanted)).items]  # type: ignore[arg-type]


def test_moderators_see_payments_and_nobody_else_learns_of_them(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)

    for role, status in ((Role.CUSTOMER, 404), (Role.MODERATOR, 200), (Role.ADMIN, 200)):
        sign_in(client, make.user(role=role))
        for path in (LIST, page_of(payment)):
            assert client.get(path).status_code == status, (role, path)
        assert client.post(f"{page_of(payment)}/refresh").status_code == (
            303 if status == 200 else 404
        )


def test_a_moderator_is_not_led_where_only_admins_may_go(
    client: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox, sign_in: SignIn
) -> None:
    payment = paid_by_card(shop, make, sandbox, make.user(), baht(490))
    with shop.database.transaction() as session:
        session.add(
            WebhookEvent(
                source="stripe", event_id="evt_1", event_type="x", payload={}, payment_id=payment.id
            )
        )

    sign_in(client, make.user(role=Role.MODERATOR))
    page = client.get(page_of(payment)).text
    sign_in(client, make.user(role=Role.ADMIN))
    whole = client.get(page_of(payment)).text

    for closed in ("/admin/ledger", "/admin/wallets", "/admin/webhooks"):
        assert f'href="/en{closed}' not in page
        assert f'href="/en{closed}' in whole


@pytest.mark.parametrize("payment_id", ["1", "abc", "0" * 300, "%00", UNKNOWN_ID])
def test_an_unknown_or_malformed_payment_is_not_found(staff: FlaskClient, payment_id: str) -> None:
    assert staff.get(f"{LIST}/{payment_id}").status_code == 404
    assert staff.post(f"{LIST}/{payment_id}/refresh").status_code == 404


def test_a_payment_is_found_by_what_staff_know_of_it(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    buyer = make.user(username="Nong_Ploy", email="Ploy@example.com")
    payment = paid_by_card(shop, make, sandbox, buyer, baht(490))
    refund = refund_to_card(shop, payment, baht(90))
    order = read(shop, Order, payment.subject_id)
    other = order_by(shop, make, make.user(username="nongXploy"), baht(490), method=CARD)

    for search in (
        order.reference,
        order.reference.lower(),
        str(order.number),
        str(order.id),
        str(payment.id),
        payment.gateway_payment_id,
        payment.gateway_session_id,
        refund.gateway_refund_id,
        "ploy@EXAMPLE.com",
        "ploy@",
        "nong_",
        "@nong_ploy",
        buyer.discord_id,
    ):
        assert found(shop, search=search) == [payment.id], search
    assert found(shop) == [other.id, payment.id]


def test_a_disputed_payment_is_found_by_its_dispute(shop: Shop, make: Factory) -> None:
    topup = make.topup(make.user(), baht(100))
    make.topup(make.user(), baht(100))
    dispute = dispute_topup(shop, topup, fee=baht(15))

    assert found(shop, search=dispute.gateway_dispute_id) == [dispute.payment_id]


def test_filters_narrow_and_go_together(shop: Shop, make: Factory, sandbox: RunningSandbox) -> None:
    user = make.user()
    card = paid_by_card(shop, make, sandbox, user, baht(490))
    code = order_by(shop, make, user, baht(90), method=PROMPTPAY)
    make.topup(user, baht(100))
    (topup,) = found(shop, purpose=PaymentPurpose.TOPUP)

    assert found(shop, pay_by=PayBy.PROMPTPAY) == [code.id]
    assert found(shop, state=PaymentState.SUCCEEDED) == [topup, card.id]
    assert found(shop, state=PaymentState.SUCCEEDED, purpose=PaymentPurpose.ORDER) == [card.id]
    assert found(shop, state=PaymentState.FAILED) == []
    assert found(shop, search=user.username, pay_by=PayBy.CARD) == [topup, card.id]


def test_a_day_is_a_day_in_bangkok(shop: Shop, make: Factory) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)
    just_after_midnight = datetime(2026, 11, 21, 0, 30, tzinfo=SHOP_ZONE)
    with shop.database.transaction() as session:
        session.execute(
            update(Payment)
            .where(Payment.id == payment.id)
            .values(created_at=just_after_midnight.astimezone(UTC))
        )

    assert found(shop, day=just_after_midnight.date()) == [payment.id]
    assert found(shop, day=just_after_midnight.astimezone(UTC).date()) == []


def test_filters_stand_in_the_address_together(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    buyer = make.user()
    order_by(shop, make, buyer, baht(490), method=CARD)

    page = staff.get(f"{LIST}?state=open&method=card&purpose=order&q={buyer.username}").text

    assert f'value="{buyer.username}"' in page
    assert '<option value="card" selected>' in page
    assert '<option value="order" selected>' in page
    assert 'name="state" value="open"' in page
    expected = f"state=failed&amp;method=card&amp;purpose=order&amp;q={buyer.username}"
    assert f'href="{LIST}?{expected}"' in page


def test_an_empty_shop_differs_from_a_search_without_a_match(staff: FlaskClient) -> None:
    assert "No payments yet" in staff.get(LIST).text
    for query in ("q=nobody", "state=failed", "method=card", "purpose=topup", "day=2026-11-21"):
        assert "No payment matches" in staff.get(f"{LIST}?{query}").text, query


@pytest.mark.parametrize("name", ["q", "state", "method", "purpose", "day", "cursor"])
def test_hostile_words_find_nothing_and_break_nothing(
    staff: FlaskClient, shop: Shop, make: Factory, name: str
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=CARD)

    for text in HOSTILE:
        answer = staff.get(LIST, query_string={name: text})
        assert answer.status_code == 200, text
        if name == "q" and text.strip("\0"):
            assert str(payment.id) not in answer.text, text


def test_pages_of_payments_follow_each_other(shop: Shop, make: Factory) -> None:
    user = make.user()
    for _ in range(5):
        make.topup(user, baht(20))
    seen: list[object] = []
    cursor = None

    with shop.database.reading() as session:
        while True:
            page = list_staff_payments(session, Wanted(), cursor=cursor, limit=2)
            seen += [row.id for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break

    assert seen == found(shop)
    assert len(seen) == 5


def test_the_page_tells_a_paid_order_from_its_refund(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    buyer = make.user(display_name="Somchai")
    payment = paid_by_card(shop, make, sandbox, buyer, baht(490))
    refund = refund_to_card(shop, payment, baht(90))
    order = read(shop, Order, payment.subject_id)

    page = staff.get(page_of(payment))
    text = text_of_page(page)

    assert "Asked for ฿490" in text
    assert "Refunded ฿90" in text
    assert "Can still be refunded ฿400" in text
    assert "Bought twice" in text
    assert "Somchai" in text
    for word in (payment.gateway_payment_id, payment.gateway_session_id, refund.gateway_refund_id):
        assert word is not None
        assert word in text
    assert f'href="/en/admin/orders/{order.id}"' in page.text
    assert order.reference in text
    assert text.count("Adds up to zero") == 2
    assert f"refund:{refund.id}" in text
    assert "Ask the gateway now" not in text
    assert "฿90 refunded" in text_of_page(staff.get(LIST))


def test_the_page_of_a_top_up_shows_its_dispute(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    topup = make.topup(make.user(), baht(100), bonus=baht(10))
    dispute = dispute_topup(shop, topup, fee=baht(15))

    page = staff.get(page_of(read(shop, Payment, dispute.payment_id)))
    text = text_of_page(page)

    assert (
        "The buyer's bank disputes it ฿100, reason: The card holder says somebody else paid."
        in text
    )
    assert "Fee of a dispute" in text
    assert "Can still be refunded ฿0" in text
    assert text.count("Adds up to zero") == 3
    assert f'href="/en/admin/ledger?subject={topup.id}"' in page.text


def test_money_that_came_late_is_shown_as_wallet_credit(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    buyer = make.user()
    in_time = paid_by_card(shop, make, sandbox, buyer, baht(490))
    late = paid_late(shop, make, sandbox, buyer, baht(490))

    page = staff.get(page_of(late))

    assert "It became wallet credit" in text_of_page(page)
    assert "Payment credited to the wallet" in text_of_page(page)
    assert f'href="/en/admin/wallets/{buyer.id}"' in page.text
    assert "It became wallet credit" not in text_of_page(staff.get(page_of(in_time)))
    assert text_of_page(staff.get(LIST)).count("Wallet credit") == 1


def test_the_order_page_leads_to_its_payments(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = paid_by_card(shop, make, sandbox, make.user(), baht(490))

    page = staff.get(f"/en/admin/orders/{payment.subject_id}").text

    assert f'href="{page_of(payment)}"' in page
    assert f'href="/en/admin/ledger?subject={payment.subject_id}"' in page


def test_the_pages_stay_under_the_ceiling_of_queries(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    user = make.user()
    for _ in range(52):
        make.topup(user, baht(20))
    payment = paid_by_card(shop, make, sandbox, user, baht(490))
    refund_to_card(shop, payment, baht(90))

    for path in (LIST, f"{LIST}?q={user.username}", page_of(payment)):
        with counted_queries(shop.database.engine) as seen:
            page = staff.get(path)
        assert page.status_code == 200
        assert 0 < len(seen) <= QUERY_CEILING, (path, seen)
    assert "Older payments" in text_of_page(staff.get(LIST))
