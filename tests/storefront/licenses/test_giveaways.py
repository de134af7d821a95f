"""Staff give a licence away: a key without an order, told to its owner, and once per form."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.errors import Conflict, DomainError, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.ledger.models import LedgerEntry
from storefront.licenses.giveaways import (
    Giveaway,
    find_receiver,
    give_away,
    list_tiers,
)
from storefront.licenses.models import License
from storefront.licenses.queries import list_licenses
from storefront.licenses.usage_models import LicenseEvent
from storefront.mails import compose_mail
from storefront.notifications.models import Notification
from storefront.outbox import OutboxMessage
from storefront.renewals.queries import list_offers
from tests.support.factories import Factory
from tests.support.license_use import find_by_key


def give(
    shop: Shop, staff: User, receiver: User, product: Product, *, key: str = "a-form", **more: str
) -> list[UUID]:
    wanted = Giveaway(
        variant_id=product.variants[0].id,
        user_id=receiver.id,
        reason=more.get("reason", "won the contest"),
        form_key=key,
    )
    with shop.database.transaction() as session:
        made = give_away(session, wanted, actor_id=staff.id, vault=shop.vault, now=shop.clock())
    return list(made)


def licenses_of(shop: Shop, person: User) -> list[License]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(License).where(License.user_id == person.id).order_by(License.id)
            )
        )


def count(shop: Shop, model: type) -> int:
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_what_is_given_is_a_licence_of_the_tiers_terms_with_a_key_that_is_good(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver, product = make.user(), make.product(slots=3, duration_days=30)

    (made,) = give(shop, staff, receiver, product)

    (license,) = licenses_of(shop, receiver)
    assert license.id == made
    assert (license.source, license.order_line_id, license.unit) == ("staff", None, 1)
    assert (license.slots, license.status) == (3, "active")
    assert license.expires_at is not None
    assert abs(license.expires_at - shop.clock() - timedelta(days=30)) < timedelta(minutes=1)
    assert find_by_key(shop, shop.vault.open(license.key_encrypted)) == license.id


def test_it_takes_no_stock_and_no_money(shop: Shop, staff: User, make: Factory) -> None:
    receiver, product = make.user(), make.product(price=baht(500), stock=1)
    entries = count(shop, LedgerEntry)

    give(shop, staff, receiver, product)

    assert count(shop, LedgerEntry) == entries
    with shop.database.reading() as session:
        variant = session.get_one(Variant, product.variants[0].id)
        assert (variant.sold, variant.held, variant.available) == (0, 0, 1)


def test_it_stands_in_diary_and_audit_and_its_owner_is_told_by_notice_and_mail(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver, product = make.user(), make.product()

    (made,) = give(shop, staff, receiver, product, reason="  for the outage  ")

    with shop.database.reading() as session:
        event = session.scalars(select(LicenseEvent).where(LicenseEvent.license_id == made)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "give_license")).one()
        notice = session.scalars(select(Notification)).one()
        mails = session.scalars(
            select(OutboxMessage).where(OutboxMessage.task == "send_mail")
        ).all()
        mail = compose_mail(session, shop.settings, event="license_news", subject_id=event.id)
    assert (event.action, event.actor) == ("issued", f"staff:{staff.id}")
    assert "for the outage" not in str(event.detail)
    assert (entry.actor_id, entry.subject_id) == (staff.id, str(made))
    assert entry.detail["reason"] == "for the outage"
    assert (notice.user_id, notice.event) == (receiver.id, "license_giveaway")
    assert notice.path == f"/account/licenses/{made}"
    assert len(mails) == 1
    assert mail is not None
    assert mail.to == receiver.email
    assert product.name_en in mail.subject
    assert "The seller gave it to you." in mail.text


def test_a_bundle_gives_a_licence_for_each_product_inside_and_tells_once(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver, parts = make.user(), [make.product(), make.product()]

    made = give(shop, staff, receiver, make.bundle(*parts))

    assert len(made) == 2
    assert {one.product_id for one in licenses_of(shop, receiver)} == {one.id for one in parts}
    with shop.database.reading() as session:
        notice = session.scalars(select(Notification)).one()
    assert notice.path == "/account/licenses"


def test_a_form_that_is_sent_twice_gives_once(shop: Shop, staff: User, make: Factory) -> None:
    receiver, product = make.user(), make.bundle(make.product(), make.product())

    first = give(shop, staff, receiver, product)
    second = give(shop, staff, receiver, product)

    assert second == first
    assert len(licenses_of(shop, receiver)) == 2
    assert count(shop, Notification) == 1
    assert give(shop, staff, receiver, product, key="another-form") != first


def test_a_form_that_gave_something_gives_nothing_else(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver, other, product = make.user(), make.user(), make.product()
    give(shop, staff, receiver, product)

    for person, item in ((other, product), (receiver, make.product())):
        with pytest.raises(Invalid) as refused:
            give(shop, staff, person, item)
        assert refused.value.code == "giveaway_form_used"

    assert count(shop, License) == 1


def test_nothing_is_given_to_who_is_suspended_gone_or_unknown(
    shop: Shop, staff: User, make: Factory
) -> None:
    product = make.product()
    banned = make.user(banned_at=shop.clock())
    moved = make.guest(merged_into=make.user().id, merged_at=shop.clock())
    stranger = User(id=new_id())

    for person, code in (
        (banned, "receiver_banned"),
        (moved, "user_not_found"),
        (stranger, "user_not_found"),
    ):
        with pytest.raises(DomainError) as refused:
            give(shop, staff, person, product)
        assert refused.value.code == code
    assert count(shop, License) == 0


def test_a_draft_and_a_tier_that_is_gone_grant_nothing(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver, draft = make.user(), make.product(status="draft", published_at=None)

    with pytest.raises(Conflict) as refused:
        give(shop, staff, receiver, draft)
    assert refused.value.code == "tier_is_draft"
    draft.variants[0].id = new_id()
    with pytest.raises(NotFound):
        give(shop, staff, receiver, draft)
    with shop.database.reading() as session:
        assert list_tiers(session) == []


def test_a_reason_is_needed(shop: Shop, staff: User, make: Factory) -> None:
    for reason in ("", "  ", "x" * 301):
        with pytest.raises(Invalid) as refused:
            give(shop, staff, make.user(), make.product(), reason=reason)
        assert refused.value.code == "reason_needed"


def test_its_owner_reads_that_it_is_a_gift_and_is_sold_nothing_for_it(
    shop: Shop, staff: User, make: Factory
) -> None:
    receiver = make.user()
    (made,) = give(shop, staff, receiver, make.product(duration_days=30), key="secret-form-key")

    with shop.database.reading() as session:
        (row,) = list_licenses(session, receiver.id, now=shop.clock())
        offers = list_offers(session, receiver.id, now=shop.clock())[made]
    assert (row.order_id, row.order_reference) == (None, "")
    assert offers.renewal is None
    assert list(offers.upgrades) == []


def test_people_are_found_by_what_is_certain(shop: Shop, make: Factory) -> None:
    member = make.user(username="mali", email="mali@example.com")
    guest = make.guest(email="somchai@example.com")
    make.user(username="twin", discord_id="300000000000000001")
    twin = make.user(username="Twin", discord_id="300000000000000002")
    make.user(email="claimed@example.com", email_verified=False)
    make.user(username="closed", banned_at=shop.clock())

    def found(words: str) -> UUID | str:
        with shop.database.reading() as session:
            try:
                return find_receiver(session, words).id
            except DomainError as refusal:
                return refusal.code

    for words in ("mali", " @Mali ", "MALI@example.com", str(member.discord_id)):
        assert found(words) == member.id, words
    assert found("somchai@example.com") == guest.id
    assert found("twin") == "receiver_unclear"
    assert found("300000000000000002") == twin.id
    for words in ("", "@", "guest", "mal", "claimed@example.com", "300000000000000009"):
        assert found(words) == "receiver_unknown", words
    assert found("closed") == "receiver_banned"
