"""The back office: who gets in, what it shows, and that its figures are real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from admin.dossier import open_dossier
from admin.figures import count_figures
from storefront.bootstrap import Shop
from storefront.kit.clock import SHOP_ZONE
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind
from storefront.licenses.models import License
from storefront.notifications.service import record_sent_mail
from storefront.orders.models import Order, OrderState, PaymentMethod
from storefront.orders.queries import list_all_orders
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import Payment, WebhookEvent
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.support.factories import Factory, SignIn

UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"
PATHS = ("/admin", "/admin/orders", f"/admin/orders/{UNKNOWN_ID}")


@pytest.mark.parametrize("path", PATHS)
def test_a_guest_is_sent_to_sign_in(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 303
    assert "/sign-in?next=/admin" in answer.location


@pytest.mark.parametrize("path", PATHS)
def test_to_a_customer_the_back_office_does_not_exist(
    client: FlaskClient, make: Factory, sign_in: SignIn, path: str
) -> None:
    sign_in(client, make.user())

    assert client.get(path).status_code == 404


def test_a_customer_cannot_open_the_own_order_in_the_back_office(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(), 1))
    sign_in(client, buyer)

    answer = client.get(f"/en/admin/orders/{order.id}")

    assert answer.status_code == 404
    assert order.reference not in answer.text


@pytest.mark.parametrize("role", ["moderator", "admin"])
def test_staff_see_every_page_in_both_languages(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, role: str
) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    sign_in(client, make.user(role=role))

    for path in ("/admin", "/admin/orders", f"/admin/orders/{order.id}"):
        thai, english = client.get(path), client.get(f"/en{path}")
        assert thai.status_code == english.status_code == 200
        assert '<html lang="th"' in thai.text
        assert order.reference in thai.text
        assert order.reference in english.text
        assert thai.headers["Cache-Control"] == "no-store"


def test_a_role_taken_away_closes_the_back_office_at_once(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    staff = make.user(role="moderator")
    sign_in(client, staff)
    before = client.get("/admin").status_code
    with shop.database.transaction() as session:
        session.execute(
            update(type(staff)).where(type(staff).id == staff.id).values(role="customer")
        )

    assert before == 200
    assert client.get("/admin").status_code == 404


@pytest.mark.parametrize("order_id", ["1", "abc", "QR-100001", "0" * 300, "%00", UNKNOWN_ID])
def test_an_unknown_or_malformed_order_is_not_found(
    client: FlaskClient, make: Factory, sign_in: SignIn, order_id: str
) -> None:
    sign_in(client, make.user(role="admin"))

    assert client.get(f"/admin/orders/{order_id}").status_code == 404


def test_an_empty_shop_differs_from_a_search_without_a_match(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="admin"))

    assert "No orders yet" in client.get("/en/admin/orders").text
    assert "No order matches" in client.get("/en/admin/orders?q=nobody").text
    assert "No order matches" in client.get("/en/admin/orders?state=refunded").text


def test_orders_are_found_by_number_mail_and_discord(shop: Shop, make: Factory) -> None:
    buyer = make.user(username="Nong_Ploy", email="Ploy@example.com")
    order = buy(shop, make, buyer, (make.product(), 1))
    buy(shop, make, make.user(username="nongXploy"), (make.product(), 1))

    for search in (
        order.reference,
        order.reference.lower(),
        str(order.number),
        f"  {order.reference} ",
        "ploy@EXAMPLE.com",
        "ploy@",
        "nong_",
        "@nong_ploy",
        str(buyer.discord_id),
    ):
        with shop.database.reading() as session:
            found = list_all_orders(session, search=search).items
        assert [row.reference for row in found] == [order.reference], search


@pytest.mark.parametrize(
    "search",
    ["%", "_", "'; DROP TABLE orders; --", "QR-99999999999999999999", "QR-", "9" * 19, "\\", "🦊"],
)
def test_strange_searches_find_nothing_and_break_nothing(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, search: str
) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    sign_in(client, make.user(role="admin"))

    answer = client.get("/en/admin/orders", query_string={"q": search})

    assert answer.status_code == 200
    assert order.reference not in answer.text


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "yesterday", "2026-13-40", "\x00"])
def test_a_day_that_makes_no_sense_is_left_out(
    client: FlaskClient, make: Factory, sign_in: SignIn, day: str
) -> None:
    sign_in(client, make.user(role="admin"))

    assert client.get("/en/admin/orders", query_string={"day": day}).status_code == 200


def test_a_day_is_a_day_in_bangkok(shop: Shop, make: Factory) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    just_after_midnight = datetime(2026, 11, 21, 0, 30, tzinfo=SHOP_ZONE)
    with shop.database.transaction() as session:
        session.execute(
            update(Order)
            .where(Order.id == order.id)
            .values(created_at=just_after_midnight.astimezone(UTC))
        )

    with shop.database.reading() as session:
        bangkok = list_all_orders(session, day=just_after_midnight.date()).items
        greenwich = list_all_orders(
            session, day=just_after_midnight.date() - timedelta(days=1)
        ).items

    assert [row.reference for row in bangkok] == [order.reference]
    assert not greenwich


def test_tabs_and_search_stand_in_the_address_together(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    buyer = make.user()
    done = buy(shop, make, buyer, (make.product(), 1))
    waiting = buy(shop, make, buyer, (make.product(), 1), method=PaymentMethod.STRIPE)
    sign_in(client, make.user(role="admin"))

    page = client.get(f"/en/admin/orders?state=pending&q={buyer.username}").text

    assert waiting.reference in page
    assert done.reference not in page
    assert f'href="/en/admin/orders?state=completed&amp;q={buyer.username}"' in page
    assert f'value="{buyer.username}"' in page


def test_pages_of_all_orders_follow_each_other(shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(0))
    placed = [
        buy(shop, make, make.user(), (product, 1), method=PaymentMethod.FREE).reference
        for _ in range(5)
    ]
    seen: list[str] = []
    cursor = None

    with shop.database.reading() as session:
        while True:
            found = list_all_orders(session, state=OrderState.COMPLETED, cursor=cursor, limit=2)
            seen += [row.reference for row in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break

    assert seen == placed[::-1]


def test_the_dossier_shows_a_purchase_that_sums_to_zero(shop: Shop, make: Factory) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(price=baht(490)), 2))

    with shop.database.reading() as session:
        dossier = open_dossier(session, order.id, now=shop.clock())

    (posting,) = dossier.postings
    amounts = {entry.account: entry.amount for entry in posting.entries}
    assert amounts == {AccountKind.WALLET_PAID: -baht(980), AccountKind.SALES: baht(980)}
    assert posting.balance == Money(0)
    assert dossier.buyer.id == buyer.id
    assert len(dossier.licenses) == 2


def test_the_order_page_masks_keys(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    with shop.database.reading() as session:
        license = session.scalars(select(License)).one()
    key = shop.vault.open(license.key_encrypted)
    sign_in(client, make.user(role="admin"))

    page = client.get(f"/en/admin/orders/{order.id}").text

    assert f"{key[:4]}-••••-••••-••••" in page
    assert key not in page
    assert license.key_hash not in page


def test_the_order_page_shows_payment_webhooks_and_mail_of_this_order_only(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    order, other = (
        buy(shop, make, make.user(), (make.product(), 1), method=PaymentMethod.STRIPE)
        for _ in range(2)
    )
    with shop.database.transaction() as session:
        for number, paid in enumerate((order, other)):
            payment = session.scalars(select(Payment).where(Payment.subject_id == paid.id)).one()
            session.add(
                WebhookEvent(
                    source="stripe",
                    event_id=f"evt_{number}",
                    event_type="checkout.session.completed",
                    payload={"data": {"object": {"id": payment.gateway_session_id}}},
                    payment_id=payment.id,
                )
            )
            record_sent_mail(
                session,
                dedupe_key=f"order_completed:{paid.id}",
                recipient=f"reader{number}@example.com",
                event="order_completed",
                message_id=str(number),
            )
            if paid is order:
                session_id = payment.gateway_session_id
    sign_in(client, make.user(role="admin"))

    page = client.get(f"/en/admin/orders/{order.id}").text

    assert session_id is not None
    assert session_id in page
    assert "evt_0" in page
    assert "evt_1" not in page
    assert "reader0@example.com" in page
    assert "reader1@example.com" not in page


def test_a_mail_that_was_given_up_is_said_so(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    with shop.database.transaction() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.dedupe_key == f"mail:order_completed:{order.id}")
            .values(state=MessageState.DEAD, last_error="MailUnavailable: refused")
        )
    sign_in(client, make.user(role="admin"))

    page = client.get(f"/en/admin/orders/{order.id}").text

    assert "The confirmation could not be sent" in page
    assert "MailUnavailable: refused" in page


def test_an_empty_shop_counts_nothing(shop: Shop) -> None:
    with shop.database.reading() as session:
        figures = count_figures(session, now=shop.clock())

    assert figures.today.placed == figures.week.completed == figures.queue.dead == 0
    assert figures.today.revenue == figures.week.revenue == Money(0)
    assert figures.webhooks.last_at is None


def test_the_figures_are_those_of_the_books(shop: Shop, make: Factory) -> None:
    buy(shop, make, make.user(), (make.product(price=baht(490)), 2))
    buy(
        shop,
        make,
        make.user(),
        (make.product(price=baht(300)), 1),
        method=PaymentMethod.STRIPE,
    )
    old = buy(shop, make, make.user(), (make.product(price=baht(100)), 1))
    with shop.database.transaction() as session:
        session.execute(
            update(Order)
            .where(Order.id == old.id)
            .values(
                created_at=shop.clock() - timedelta(days=3),
                completed_at=shop.clock() - timedelta(days=3),
            )
        )
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.task == "send_mail")
            .values(state=MessageState.DEAD)
        )
        session.add(
            WebhookEvent(source="stripe", event_id="evt_1", event_type="charge.updated", payload={})
        )

    with shop.database.reading() as session:
        figures = count_figures(session, now=shop.clock())

    assert (figures.today.placed, figures.today.completed) == (2, 1)
    assert (figures.week.placed, figures.week.completed) == (3, 2)
    assert figures.week.revenue == baht(1_080)
    assert (figures.payments.count, figures.payments.amount) == (1, baht(300))
    # Two receipts wait for their numbers, two orders and three licences to be told of, and their
    # owners' roles to be looked at.
    assert (figures.queue.pending, figures.queue.dead) == (2 + 2 + 3 + 3, 2)
    assert (figures.webhooks.last_type, figures.webhooks.waiting) == ("charge.updated", 1)


def test_no_page_takes_more_queries_with_more_orders(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    product = make.product(price=baht(20))
    for _ in range(5):
        order = buy(shop, make, make.user(), (product, 2), (make.product(), 1))
    sign_in(client, make.user(role="admin"))

    for path in ("/admin", "/admin/orders", f"/admin/orders/{order.id}"):
        with counted_queries(shop.database.engine) as queries:
            assert client.get(path).status_code == 200
        assert 0 < len(queries) <= QUERY_CEILING, (path, queries)
