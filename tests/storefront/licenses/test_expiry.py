"""Licences come to their end, and their owners hear of it in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from jobs.licenses import expire_licenses, tell_of_moved_slots, warn_of_license_expiry
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.licenses.events import SERVER, record_event
from storefront.licenses.models import License
from storefront.licenses.notices import MAIL, tell_person
from storefront.mails import compose_mail
from storefront.notifications.models import Notification
from storefront.outbox import OutboxMessage
from tests.support.gateway import at
from tests.support.license_use import diary_of, read_license, set_license


def notices(shop: Shop, user: User) -> list[tuple[str, object]]:
    with shop.database.reading() as session:
        return [
            (notice.event, notice.context.get("days"))
            for notice in session.scalars(
                select(Notification)
                .where(Notification.user_id == user.id, Notification.event.like("license_%"))
                .order_by(Notification.id)
            )
        ]


def test_a_licence_whose_end_has_come_is_marked_and_told_once(
    shop: Shop, owner: User, license: License
) -> None:
    assert license.expires_at is not None
    assert expire_licenses(at(shop, license.expires_at - timedelta(seconds=1))) == 0
    later = at(shop, license.expires_at)

    assert [expire_licenses(later), expire_licenses(later)] == [1, 0]

    assert read_license(shop, license.id).status == "expired"
    assert diary_of(shop, license.id) == ["issued", "expired"]
    assert notices(shop, owner) == [("license_expired", None)]


def test_what_ended_long_ago_is_marked_without_a_word(
    shop: Shop, owner: User, license: License
) -> None:
    expire_licenses(at(shop, shop.clock() + timedelta(days=60)))

    assert read_license(shop, license.id).status == "expired"
    assert notices(shop, owner) == []


@pytest.mark.parametrize("status", ["suspended", "revoked"])
def test_what_is_not_active_does_not_expire(shop: Shop, license: License, status: str) -> None:
    set_license(shop, license.id, status=status)

    assert expire_licenses(at(shop, shop.clock() + timedelta(days=60))) == 0
    assert read_license(shop, license.id).status == status


def test_an_owner_is_warned_14_3_and_1_days_before_once_each(
    shop: Shop, owner: User, license: License
) -> None:
    end = license.expires_at
    assert end is not None
    for before in (15, 14, 13, 4, 3, 2, 1, 0.5):
        for _ in range(2):
            warn_of_license_expiry(at(shop, end - timedelta(days=before)))

    assert notices(shop, owner) == [("license_expiring", days) for days in (14, 3, 1)]


def test_another_end_has_warnings_of_its_own(shop: Shop, owner: User, license: License) -> None:
    end = license.expires_at
    assert end is not None
    warn_of_license_expiry(at(shop, end - timedelta(days=2)))
    set_license(shop, license.id, expires_at=end + timedelta(days=30))
    warn_of_license_expiry(at(shop, end + timedelta(days=28)))

    assert notices(shop, owner) == [("license_expiring", 3)] * 2


def test_who_bought_for_a_week_is_not_told_of_a_fortnight(
    shop: Shop, owner: User, license: License
) -> None:
    set_license(shop, license.id, expires_at=license.created_at + timedelta(days=7))

    warn_of_license_expiry(at(shop, license.created_at + timedelta(minutes=1)))
    assert notices(shop, owner) == []
    warn_of_license_expiry(at(shop, license.created_at + timedelta(days=5)))
    assert notices(shop, owner) == [("license_expiring", 3)]


def test_a_slot_that_moved_by_itself_is_told_once(
    shop: Shop, owner: User, license: License
) -> None:
    with shop.database.transaction() as session:
        record_event(
            session, license.id, "slot_moved", actor=SERVER, detail={"to": "203.0.113.9/32"}
        )

    assert [tell_of_moved_slots(shop), tell_of_moved_slots(shop)] == [1, 0]
    assert notices(shop, owner) == [("license_slot_moved", None)]


@pytest.mark.parametrize("locale", ["th", "en"])
def test_the_mail_leads_to_the_licence_in_the_readers_language(
    shop: Shop, owner: User, license: License, locale: str
) -> None:
    with shop.database.transaction() as session:
        session.get_one(User, owner.id).locale = locale
    assert license.expires_at is not None
    expire_licenses(at(shop, license.expires_at))
    with shop.database.reading() as session:
        queued = session.scalars(
            select(OutboxMessage.payload).where(
                OutboxMessage.payload["event"].astext == "license_news"
            )
        ).one()
        mail = compose_mail(
            session, shop.settings, event="license_news", subject_id=queued["subject_id"]
        )

    assert mail is not None
    prefix = "/en" if locale == "en" else ""
    page = f"http://localhost{prefix}/account/licenses/{license.id}"
    assert page in mail.text
    assert f'href="{page}"' in mail.html
    assert mail.to == owner.email


@pytest.mark.parametrize(
    ("event", "context", "words"),
    [
        ("license_suspended", {}, "until the seller restores it"),
        ("license_restored", {}, "may run the script again"),
        ("license_revoked", {}, "if you think this is a mistake"),
        ("license_extended", {"until": None}, "It has no end any more."),
        ("license_extended", {"until": "2026-12-01T03:00:00+00:00"}, "1 Dec 2026 10:00 now."),
        ("license_rotated", {}, "Put the new one into the configuration"),
        ("license_expiring", {"until": "2026-12-01T03:00:00+00:00"}, "1 Dec 2026 10:00."),
        ("license_expired", {}, "kept for when you go on"),
        ("license_slot_moved", {}, "its place went to the new one"),
        ("license_many_networks", {"count": 9}, "from 9 networks within a day"),
        ("gift_waiting", {"who": "Nok"}, "accept within 7 days"),
        ("gift_accepted", {"who": "Nok"}, "your key no longer works"),
    ],
)
def test_each_piece_of_news_has_a_mail(
    shop: Shop, license: License, event: str, context: dict[str, object], words: str
) -> None:
    event_id = new_id()
    with shop.database.transaction() as session:
        tell_person(session, license, event, event_id=event_id, now=shop.clock(), context=context)
    with shop.database.reading() as session:
        mail = compose_mail(session, shop.settings, event=MAIL, subject_id=event_id)

    assert mail is not None
    assert "Script" in mail.subject
    assert "News about" not in mail.subject
    assert words in mail.text
    assert words in mail.html
