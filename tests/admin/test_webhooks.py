"""The inbox of webhooks in the back office: what came, what is stuck, and once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from admin.payloads import MASK, masked_emails, pretty_json
from admin.webhook_list import InboxTab, Wanted, list_inbox
from jobs.outbox import sweep_outbox
from storefront.accounts.models import AuditEntry, Role
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.ledger.models import LedgerPosting
from storefront.licenses.models import License
from storefront.orders.models import Order, OrderState, PaymentMethod
from storefront.outbox import MAX_ATTEMPTS, MessageState, OutboxMessage
from storefront.payments.models import Payment, WebhookEvent, WebhookState
from storefront.payments.service import event_key, receive_event
from storefront.providers.payments import GatewayEvent
from storefront.sandbox.serve import RunningSandbox
from tests.admin.money_stories import at_stripe, order_by, read
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
LIST = "/en/admin/webhooks"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"
HOSTILE = ("%", "_", "'; DROP TABLE x; --", "\\", "🦊", "9" * 19, "x" * 10_000, "\0", "evt\0%")
PAID = "checkout.session.completed"


def take_in(
    shop: Shop, event_id: str = "evt_1", event_type: str = "customer.created", **subject: Any
) -> WebhookEvent:
    """An event that has come and waits to be applied."""
    payload = {"id": event_id, "type": event_type, "data": {"object": {"id": "obj_1", **subject}}}
    event = GatewayEvent(event_id=event_id, event_type=event_type, payload=payload)
    with shop.database.transaction() as session:
        assert receive_event(session, source="stripe", event=event)
        return session.scalars(select(WebhookEvent).where(WebhookEvent.event_id == event_id)).one()


def work(shop: Shop) -> None:
    sweep_outbox(shop, overdue=timedelta(0))


def event(shop: Shop, webhook_id: UUID) -> WebhookEvent:
    found: WebhookEvent = read(shop, WebhookEvent, webhook_id)
    return found


def seen(shop: Shop, **wanted: Any) -> list[str]:
    """The events that the list shows, newest first."""
    with shop.database.reading() as session:
        page = list_inbox(session, Wanted(**wanted), now=shop.clock())
    return [row.event_id for row in page.items]


def make_older(shop: Shop, webhook_id: UUID, by: timedelta) -> None:
    with shop.database.transaction() as session:
        session.execute(
            update(WebhookEvent)
            .where(WebhookEvent.id == webhook_id)
            .values(received_at=WebhookEvent.received_at - by)
        )


def bury(shop: Shop, webhook_id: UUID, error: str = "GatewayUnavailable: 503") -> None:
    """Let the worker have given the event up."""
    with shop.database.transaction() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.dedupe_key == event_key(webhook_id))
            .values(
                state=MessageState.DEAD,
                attempts=MAX_ATTEMPTS,
                last_error=error,
                finished_at=shop.clock(),
            )
        )


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MODERATOR])
def test_only_admins_find_the_inbox(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, role: Role
) -> None:
    webhook = take_in(shop)
    sign_in(client, make.user(role=role))

    for path in (LIST, f"{LIST}/{webhook.id}"):
        assert client.get(path).status_code == 404, path
    for path in ("/replays", f"/{webhook.id}/replays", f"/{webhook.id}/disclosures"):
        sent = client.post(LIST + path, data={"webhook": webhook.id})
        assert sent.status_code == 404, path
    assert event(shop, webhook.id).replays == 0


@pytest.mark.parametrize("webhook_id", ["1", "abc", "0" * 300, "%00", UNKNOWN_ID])
def test_an_unknown_or_malformed_event_is_not_found(
    staff: FlaskClient, shop: Shop, webhook_id: str
) -> None:
    assert staff.get(f"{LIST}/{webhook_id}").status_code == 404
    assert staff.post(f"{LIST}/{webhook_id}/replays").status_code == 404
    assert staff.post(f"{LIST}/{webhook_id}/disclosures").status_code == 404
    with shop.database.reading() as session:
        entries = session.scalars(select(AuditEntry.action)).all()
    assert not {"replay_webhook", "disclose_webhook"} & set(entries)


def test_tabs_divide_the_inbox(
    shop: Shop, make: Factory, sandbox: RunningSandbox, staff: FlaskClient
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=PaymentMethod.STRIPE)
    at_stripe(sandbox, payment, "pay")
    take_in(shop, "evt_paid", PAID, id=payment.gateway_session_id)
    take_in(shop, "evt_foreign")
    work(shop)
    take_in(shop, "evt_fresh")
    make_older(shop, take_in(shop, "evt_old").id, timedelta(minutes=6))
    bury(shop, take_in(shop, "evt_given_up").id)

    assert seen(shop, tab=InboxTab.APPLIED) == ["evt_paid"]
    assert seen(shop, tab=InboxTab.IGNORED) == ["evt_foreign"]
    assert seen(shop, tab=InboxTab.RECEIVED) == ["evt_given_up", "evt_old", "evt_fresh"]
    assert seen(shop, tab=InboxTab.STUCK) == ["evt_given_up", "evt_old"]
    assert len(seen(shop)) == 5
    assert ">Stuck 2</a>" in staff.get(LIST).text


def test_events_are_found_by_their_id_their_type_and_their_payment(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=PaymentMethod.STRIPE)
    at_stripe(sandbox, payment, "pay")
    mine = take_in(shop, "evt_1ab", PAID, id=payment.gateway_session_id)
    work(shop)
    take_in(shop, "evt_1xb", id="cus_7", customer="cs_other")
    paid = read(shop, Payment, payment.id)

    for words in ("evt_1a", mine.id, payment.id, paid.gateway_payment_id, paid.gateway_session_id):
        assert seen(shop, search=str(words)) == ["evt_1ab"], words
    assert seen(shop, search="cus_7") == ["evt_1xb"]
    assert seen(shop, search="evt_") == ["evt_1xb", "evt_1ab"]
    assert seen(shop, event_type=PAID) == ["evt_1ab"]
    assert seen(shop, event_type=PAID, search="cus_7") == []


def test_an_empty_inbox_differs_from_a_search_without_a_match(
    staff: FlaskClient, shop: Shop
) -> None:
    assert "Nothing has come yet" in staff.get(LIST).text
    assert "Nothing is stuck" in staff.get(f"{LIST}?state=stuck").text
    take_in(shop)
    for query in ("q=nothing", "type=x", "state=applied", "state=stuck&q=x"):
        assert "No event matches" in staff.get(f"{LIST}?{query}").text, query


@pytest.mark.parametrize("name", ["q", "state", "type", "cursor"])
def test_hostile_words_find_nothing_and_break_nothing(
    staff: FlaskClient, shop: Shop, name: str
) -> None:
    webhook = take_in(shop, "evt_known")

    for text in HOSTILE:
        answer = staff.get(LIST, query_string={name: text})
        assert answer.status_code == 200, text
        if name == "q" and text.strip("\0"):
            assert str(webhook.id) not in answer.text, text


def test_the_page_shows_what_came_and_why_it_failed(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=PaymentMethod.STRIPE)
    webhook = take_in(shop, "evt_1", PAID, note="<script>alert(1)</script>")
    bury(shop, webhook.id, "GatewayUnavailable: <b>503</b>")
    with shop.database.transaction() as session:
        session.get_one(WebhookEvent, webhook.id).payment_id = payment.id

    page = staff.get(f"{LIST}/{webhook.id}")
    text = text_of_page(page)

    assert "This event is stuck All attempts failed" in text
    assert f"Attempts {MAX_ATTEMPTS}" in text
    assert "GatewayUnavailable: <b>503</b>" in text
    assert '"note": "<script>alert(1)</script>"' in text
    assert "<script>alert" not in page.text
    assert f'href="/en/admin/payments/{payment.id}"' in page.text


def test_names_and_addresses_are_shown_only_when_asked_for_and_that_is_noted(
    staff: FlaskClient, shop: Shop
) -> None:
    details = {"email": "ploy@example.com", "name": "Ploy S.", "phone": "+66812345678"}
    webhook = take_in(shop, client_secret="pi_1_secret_2", customer_details=details)

    masked = staff.get(f"{LIST}/{webhook.id}")
    shown = submit(staff, masked, "/disclosures")

    for private in details.values():
        assert private not in masked.text
        assert private in shown.text
    assert f"p{MASK}@example.com" in masked.text
    assert "pi_1_secret_2" not in masked.text + shown.text
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    with shop.database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "disclose_webhook")
        ).one()
    assert entry.subject_id == str(webhook.id)
    text = text_of_page(staff.get("/en/admin/audit"))
    assert "Looked at the personal data in a webhook Webhook evt_1" in text


def test_a_payload_of_any_shape_is_laid_out() -> None:
    payload: dict[str, Any] = {
        "z": [1, None, True, {"receipt_email": "a.b+c@mail.example.co.th"}],
        "a": {"name": "", "token": "hush", "address": {"line1": "1 Road", "country": "TH"}},
        "text": "from ploy@example.com to x@y.z, not @ or a@b",
    }

    shown = pretty_json(payload)

    assert shown.index('"a"') < shown.index('"z"')
    for word in ("a•••@mail.example.co.th", "p•••@example.com", "x•••@y.z", '"TH"', '"name": ""'):
        assert word in shown, word
    for word in ("1 Road", "hush", "ploy@"):
        assert word not in shown, word
    assert "hush" not in pretty_json(payload, personal=True)
    assert masked_emails("no address") == "no address"
    assert pretty_json([]) == "[]"


def test_a_replay_applies_what_was_given_up(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=PaymentMethod.STRIPE)
    at_stripe(sandbox, payment, "pay")
    webhook = take_in(shop, "evt_1", PAID, id=payment.gateway_session_id)
    bury(shop, webhook.id)
    work(shop)
    assert read(shop, Order, payment.subject_id).state == OrderState.PENDING

    answer = submit(staff, staff.get(f"{LIST}/{webhook.id}"), "/replays")

    assert answer.status_code == 303
    assert seen(shop, tab=InboxTab.STUCK) == []
    assert "will be applied again in a moment" in text_of_page(staff.get(answer.location))
    work(shop)
    assert read(shop, Order, payment.subject_id).state == OrderState.COMPLETED
    applied = event(shop, webhook.id)
    assert (applied.state, applied.replays) == (WebhookState.APPLIED, 1)
    assert applied.payment_id == payment.id


def test_applying_an_event_again_and_again_changes_nothing(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    payment = order_by(shop, make, make.user(), baht(490), method=PaymentMethod.STRIPE)
    at_stripe(sandbox, payment, "pay")
    webhook = take_in(shop, "evt_1", PAID, id=payment.gateway_session_id)
    work(shop)
    before = books(shop)

    for times in (1, 2):
        for _ in range(times):
            assert staff.post(f"{LIST}/{webhook.id}/replays").status_code == 303
        assert event(shop, webhook.id).state == WebhookState.RECEIVED
        work(shop)
        assert event(shop, webhook.id).state == WebhookState.APPLIED

    assert books(shop) == before
    assert len(before["postings"]) == len(before["licenses"]) == 1
    replayed = event(shop, webhook.id)
    assert replayed.replays == 3
    with shop.database.reading() as session:
        messages = session.scalars(
            select(OutboxMessage.dedupe_key)
            .where(OutboxMessage.task == "apply_webhook")
            .order_by(OutboxMessage.id)
        ).all()
        audit = session.scalars(
            select(AuditEntry.detail)
            .where(AuditEntry.action == "replay_webhook")
            .order_by(AuditEntry.id)
        ).all()
    assert messages == [event_key(webhook.id, replays=n) for n in range(4)]
    assert [entry["replay"] for entry in audit] == [1, 2, 3]
    assert audit[0]["changes"] == {"state": ["applied", "received"]}
    assert "3 times" in text_of_page(staff.get(f"{LIST}/{webhook.id}"))


def books(shop: Shop) -> dict[str, Any]:
    """What an event can change."""
    with shop.database.reading() as session:
        return {
            "postings": session.execute(select(LedgerPosting.id, LedgerPosting.kind)).all(),
            "licenses": session.execute(select(License.id, License.status)).all(),
            "orders": session.execute(select(Order.id, Order.state)).all(),
            "payments": session.execute(select(Payment.id, Payment.state, Payment.paid_at)).all(),
        }


def test_a_replay_that_waits_long_is_stuck_again(shop: Shop, staff: FlaskClient) -> None:
    """The five minutes count from the replay, not from when the event came."""
    webhook = take_in(shop)
    work(shop)
    make_older(shop, webhook.id, timedelta(days=1))
    staff.post(f"{LIST}/{webhook.id}/replays")
    assert seen(shop, tab=InboxTab.STUCK) == []

    with shop.database.transaction() as session:
        session.get_one(WebhookEvent, webhook.id).replayed_at = shop.clock() - timedelta(minutes=6)

    assert seen(shop, tab=InboxTab.STUCK) == ["evt_1"]


def test_the_chosen_events_are_applied_again_together(staff: FlaskClient, shop: Shop) -> None:
    chosen = [take_in(shop, f"evt_{number}") for number in range(3)]
    left = take_in(shop, "evt_left")
    work(shop)
    page = staff.get(f"{LIST}?state=ignored&q=evt_")
    assert 'name="state" value="ignored"' in page.text

    ids = [str(one.id) for one in chosen]
    answer = staff.post(
        f"{LIST}/replays",
        data={"webhook": [*ids, ids[0], UNKNOWN_ID, "x", "\0"], "state": "ignored", "q": "evt_"},
    )

    assert answer.location == f"{LIST}?state=ignored&q=evt_"
    assert "3 events will be applied again." in text_of_page(staff.get(answer.location))
    assert [event(shop, one.id).replays for one in chosen] == [1, 1, 1]
    assert event(shop, left.id).replays == 0
    work(shop)
    assert event(shop, chosen[0].id).state == WebhookState.IGNORED


def test_choosing_nothing_is_said(staff: FlaskClient, shop: Shop) -> None:
    webhook = take_in(shop)

    for chosen in ([], ["nonsense", UNKNOWN_ID]):
        answer = staff.post(f"{LIST}/replays", data={"webhook": chosen})
        assert "Choose at least one event." in text_of_page(staff.get(answer.location))
    assert event(shop, webhook.id).replays == 0


def test_the_pages_stay_under_the_ceiling_of_queries(
    staff: FlaskClient, shop: Shop, trouble: Callable[[], None]
) -> None:
    for number in range(52):
        webhook = take_in(shop, f"evt_{number}")

    for path in (LIST, f"{LIST}?state=stuck", f"{LIST}?q=evt_", f"{LIST}/{webhook.id}"):
        with counted_queries(shop.database.engine) as queries:
            assert staff.get(path).status_code == 200
        assert 0 < len(queries) <= QUERY_CEILING, (path, len(queries))
    assert "Older events" in text_of_page(staff.get(LIST))
