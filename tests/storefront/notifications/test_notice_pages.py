"""Notices: in words, by day, with links that stay in the shop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.notifications.models import Notification
from storefront.notifications.queries import count_unread, list_notifications
from storefront.notifications.service import notify
from storefront.notifications.texts import notice_text
from tests.storefront.orders.purchases import MEMBER_CEILING, counted_queries
from tests.support.factories import Factory, SignIn


def tell(
    shop: Shop,
    user: User,
    *,
    event: str = "order_completed",
    context: Mapping[str, Any] | None = None,
    path: str = "/account/orders",
    at: datetime | None = None,
) -> None:
    """Give this user a notice, made now unless said otherwise."""
    key = str(new_id())
    with shop.database.transaction() as session:
        notify(
            session,
            user.id,
            type="order",
            event=event,
            context=context or {"reference": "QR-100001"},
            path=path,
            dedupe_key=key,
        )
        if at is not None:
            session.execute(
                update(Notification).where(Notification.dedupe_key == key).values(created_at=at)
            )


@pytest.mark.parametrize(
    ("event", "context", "words"),
    [
        ("order_completed", {"reference": "QR-100007"}, "Order QR-100007 is complete."),
        ("topup_completed", {"amount_satang": 50_050}, "฿500.50 was added to your wallet."),
        ("payment_credited", {"amount_satang": 900, "reference": "QR-1"}, "order QR-1 came"),
        ("of_a_newer_version", {}, "There is news in your account."),
        ("license_suspended", {"name_en": "QR MDT"}, "Your licence of QR MDT was suspended."),
        ("license_restored", {"name_en": "QR MDT"}, "QR MDT is good again."),
        ("license_revoked", {"name_en": "QR MDT"}, "QR MDT was withdrawn."),
        ("license_extended", {"name_en": "QR MDT"}, "moved the end of your licence of QR MDT."),
        ("license_rotated", {"name_en": "QR MDT"}, "The old one no longer works."),
        ("license_expiring", {"until": "2026-12-01T03:00:00+00:00"}, "ends on 1 Dec 2026 10:00."),
        ("license_expired", {"name_en": "QR MDT"}, "Your licence of QR MDT has ended."),
        ("license_slot_moved", {"name_en": "QR MDT"}, "A new server took the place"),
        ("license_many_networks", {"count": 9}, "from 9 networks in a day."),
        ("gift_waiting", {"who": "Nok", "name_en": "QR MDT"}, "Nok wants to give you a licence"),
        ("gift_accepted", {"who": "Nok", "name_en": "QR MDT"}, "Nok accepted your licence"),
        ("license_of_tomorrow", {"name_en": "QR MDT"}, "news about your licence of QR MDT."),
        ("topup_completed", {}, "was added to your wallet."),
        ("topup_completed", {"amount_satang": "900"}, "was added to your wallet."),
    ],
)
def test_every_event_has_a_sentence(
    app: Flask, event: str, context: dict[str, Any], words: str
) -> None:
    with app.test_request_context("/", environ_overrides={"shop.locale": "en"}):
        assert words in notice_text(event, context)


def test_notices_stand_under_their_day(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    reader = make.user()
    tell(shop, reader, at=shop.clock() - timedelta(days=40))
    tell(shop, reader, at=shop.clock() - timedelta(days=1))
    tell(shop, reader)
    sign_in(client, reader)

    page = client.get("/en/account/notifications").text

    assert page.index(">Today<") < page.index(">Yesterday<")
    assert page.count('class="panel__title"') == 3


def test_a_notice_leads_to_its_subject_in_the_readers_language(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    reader = make.user()
    tell(shop, reader, path="/account/wallet")
    sign_in(client, reader)

    assert 'class="notice notice--unread" href="/en/account/wallet"' in (
        client.get("/en/account/notifications").text
    )
    assert 'class="notice notice--unread" href="/account/wallet"' in (
        client.get("/account/notifications").text
    )


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_notice_never_leads_out_of_the_shop(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, path: str
) -> None:
    reader = make.user()
    tell(shop, reader, path=path)
    sign_in(client, reader)

    assert "evil.example" not in client.get("/en/account/notifications").text


def test_marking_all_read_empties_the_bell_and_touches_nobody_else(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    reader, other = make.user(), make.user()
    for person in (reader, reader, other):
        tell(shop, person)
    sign_in(client, reader)
    before = client.get("/en/account/notifications").text

    answer = client.post("/en/account/notifications/reading")

    assert answer.status_code == 303
    assert answer.location == "/en/account/notifications"
    assert "Mark all as read" in before
    after = client.get("/en/account/notifications").text
    assert "Mark all as read" not in after
    assert "notice--unread" not in after
    with shop.database.reading() as session:
        assert count_unread(session, reader.id) == 0
        assert count_unread(session, other.id) == 1


def test_nobody_reads_the_notices_of_another(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    tell(shop, make.user(), context={"reference": "QR-777777"})
    sign_in(client, make.user())

    page = client.get("/en/account/notifications").text

    assert "QR-777777" not in page
    assert "Nothing new" in page


def test_the_page_is_for_members_only(client: FlaskClient) -> None:
    assert client.get("/account/notifications").status_code == 303
    assert client.post("/account/notifications/reading").status_code == 303


def test_pages_of_notices_follow_each_other(shop: Shop, make: Factory) -> None:
    reader = make.user()
    for number in range(5):
        tell(shop, reader, context={"reference": f"QR-{number}"})
    seen: list[str] = []
    cursor = None

    with shop.database.reading() as session:
        while True:
            found = list_notifications(session, reader.id, cursor=cursor, limit=2)
            seen += [row.context["reference"] for row in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break

    assert seen == [f"QR-{number}" for number in (4, 3, 2, 1, 0)]


def test_many_notices_take_no_more_queries(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    reader = make.user()
    for _ in range(8):
        tell(shop, reader)
    sign_in(client, reader)

    with counted_queries(shop.database.engine) as queries:
        assert client.get("/account/notifications").status_code == 200

    assert 0 < len(queries) <= MEMBER_CEILING
