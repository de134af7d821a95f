"""A licence goes to another account, and nothing of it stays behind."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.errors import Conflict, Invalid, NotFound
from storefront.licenses.endings import end_units
from storefront.licenses.gift_models import LicenseGift
from storefront.licenses.gift_queries import find_standing, list_gifts_for
from storefront.licenses.gifts import (
    accept_gift,
    decline_gift,
    give_license,
    withdraw_gift,
)
from storefront.licenses.models import License
from storefront.licenses.page import open_page
from storefront.notifications.models import Notification
from storefront.orders.models import OrderLine
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory
from tests.support.license_use import (
    ask,
    bind,
    diary_of,
    find_by_key,
    networks_of,
    only_license,
    read_license,
    set_license,
)


@pytest.fixture
def friend(make: Factory) -> User:
    return make.user(username="Nok.Dev", email="nok@example.com")


def give(shop: Shop, license: License, giver: User, recipient: str = "nok.dev") -> UUID:
    with shop.database.transaction() as session:
        return give_license(
            session, license.id, recipient=recipient, giver_id=giver.id, now=shop.clock()
        )


def accept(shop: Shop, gift_id: UUID, user: User, *, later: timedelta = timedelta(0)) -> UUID:
    with shop.database.transaction() as session:
        return accept_gift(
            session, gift_id, user_id=user.id, vault=shop.vault, now=shop.clock() + later
        )


def notices(shop: Shop, user: User) -> list[str]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(Notification.event).where(
                    Notification.user_id == user.id, Notification.event.like("gift_%")
                )
            )
        )


@pytest.mark.parametrize("recipient", ["nok.dev", "@Nok.Dev", " NOK@example.com "])
def test_until_it_is_accepted_the_licence_stays_where_it_is(
    shop: Shop, owner: User, friend: User, license: License, recipient: str
) -> None:
    bind(shop, license.id, "203.0.113.7")
    assert give(shop, license, owner, recipient) == give(shop, license, owner, recipient)

    kept = read_license(shop, license.id)
    assert (kept.user_id, kept.key_hash) == (owner.id, license.key_hash)
    assert networks_of(shop, license.id) == ["203.0.113.7/32"]
    assert notices(shop, friend) == ["gift_waiting"]
    with shop.database.reading() as session:
        (waiting,) = list_gifts_for(session, friend.id, now=shop.clock())
        assert waiting.giver_name == owner.display_name
        assert list_gifts_for(session, owner.id, now=shop.clock()) == ()


def test_accepted_it_has_a_new_key_and_the_giver_has_nothing(
    shop: Shop, owner: User, friend: User, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7")
    ask(shop, license.id, "203.0.113.7")
    old = shop.vault.open(license.key_encrypted)
    gift = give(shop, license, owner)

    for _ in range(2):
        assert accept(shop, gift, friend) == license.id

    taken = read_license(shop, license.id)
    assert taken.user_id == friend.id
    assert networks_of(shop, license.id) == []
    assert find_by_key(shop, old) is None
    with shop.database.reading() as session:
        page = open_page(session, license.id, user_id=friend.id, now=shop.clock())
        with pytest.raises(NotFound):
            open_page(session, license.id, user_id=owner.id, now=shop.clock())
    assert notices(shop, owner) == ["gift_accepted"]
    assert diary_of(shop, license.id) == ["issued", "gift_offered", "given"]
    # Where the giver's servers stand is none of the receiver's business, nor is the order.
    assert page.checks == []
    assert "issued" not in [event.action for event in page.events]
    assert (page.row.order_id, page.row.order_reference) == (None, "")


def test_only_who_was_meant_can_take_it(
    shop: Shop, make: Factory, owner: User, friend: User, license: License
) -> None:
    gift = give(shop, license, owner)
    namesake = make.user(username="nok-dev", email="other@example.com")
    unproved = make.user(email="nok.dev", email_verified=False)

    for stranger in (namesake, unproved, owner, make.guest(email="nok@example.com")):
        with pytest.raises(NotFound):
            accept(shop, gift, stranger)
    assert read_license(shop, license.id).user_id == owner.id


def test_an_address_that_was_not_proved_takes_nothing(
    shop: Shop, make: Factory, owner: User, license: License
) -> None:
    thief = make.user(email="rich@example.com", email_verified=False)
    gift = give(shop, license, owner, "rich@example.com")

    with pytest.raises(NotFound):
        accept(shop, gift, thief)
    assert notices(shop, thief) == []


def test_an_offer_waits_for_an_account_that_comes_later(
    shop: Shop, make: Factory, owner: User, license: License
) -> None:
    gift = give(shop, license, owner, "newcomer")

    newcomer = make.user(username="newcomer")

    assert accept(shop, gift, newcomer) == license.id


def test_an_offer_ends_after_seven_days_and_another_can_be_made(
    shop: Shop, owner: User, friend: User, license: License
) -> None:
    gift = give(shop, license, owner)
    with pytest.raises(Conflict) as refused:
        accept(shop, gift, friend, later=timedelta(days=7))
    assert refused.value.code == "gift_over"

    with shop.database.transaction() as session:
        again = give_license(
            session,
            license.id,
            recipient="somebody",
            giver_id=owner.id,
            now=shop.clock() + timedelta(days=8),
        )
    assert again != gift


def test_withdrawn_and_declined_offers_cannot_be_taken(
    shop: Shop, owner: User, friend: User, license: License
) -> None:
    first = give(shop, license, owner)
    with shop.database.transaction() as session:
        withdraw_gift(session, license.id, giver_id=owner.id, now=shop.clock())
    second = give(shop, license, owner)
    for _ in range(2):
        with shop.database.transaction() as session:
            decline_gift(session, second, user_id=friend.id, now=shop.clock())

    for gift in (first, second):
        with pytest.raises(Conflict) as refused:
            accept(shop, gift, friend)
        assert refused.value.code == "gift_over"
    with shop.database.reading() as session:
        assert find_standing(session, license.id, now=shop.clock()).offer is None
        states = session.scalars(select(LicenseGift.state).order_by(LicenseGift.id)).all()
    assert states == ["withdrawn", "declined"]


def test_one_licence_is_offered_to_one_at_a_time(shop: Shop, owner: User, license: License) -> None:
    give(shop, license, owner)

    with pytest.raises(Conflict) as refused:
        give(shop, license, owner, "another")
    assert refused.value.code == "gift_waits"


@pytest.mark.parametrize("status", ["suspended", "revoked", "expired"])
def test_only_what_is_good_can_be_given_or_taken(
    shop: Shop, owner: User, friend: User, license: License, status: str
) -> None:
    gift = give(shop, license, owner)
    set_license(shop, license.id, status=status)

    with pytest.raises(Conflict) as refused:
        accept(shop, gift, friend)
    assert refused.value.code == f"license_is_{status}"
    with pytest.raises(Conflict):
        give(shop, license, owner, "another")
    assert read_license(shop, license.id).user_id == owner.id


@pytest.mark.parametrize(
    ("recipient", "code"),
    [("", "bad_recipient"), ("a", "bad_recipient"), ("two words", "bad_recipient")],
)
def test_a_recipient_is_one_name(
    shop: Shop, owner: User, license: License, recipient: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        give(shop, license, owner, recipient)
    assert refused.value.code == code


def test_nobody_gives_to_themselves_and_guests_give_nothing(
    shop: Shop, make: Factory, owner: User, license: License
) -> None:
    with pytest.raises(Invalid) as refused:
        give(shop, license, owner, f"@{owner.username}")
    assert refused.value.code == "gift_to_yourself"
    guest = make.guest()
    buy(shop, make, guest, (make.product(), 1))
    with pytest.raises(Conflict) as refused_guest:
        give(shop, only_license(shop, guest), guest)
    assert refused_guest.value.code == "guests_cannot_give"


def test_a_refund_ends_the_licence_whoever_has_it(
    shop: Shop, owner: User, friend: User, license: License
) -> None:
    accept(shop, give(shop, license, owner), friend)

    with shop.database.transaction() as session:
        line = session.get_one(OrderLine, license.order_line_id)
        end_units(session, line, ended=1, cause="refund:1")
    assert read_license(shop, license.id).status == "revoked"
    with shop.database.transaction() as session:
        line = session.get_one(OrderLine, license.order_line_id)
        end_units(session, line, ended=0, cause="refund:1")
    assert read_license(shop, license.id).status == "active"


def test_what_was_given_can_be_given_on(
    shop: Shop, make: Factory, owner: User, friend: User, license: License
) -> None:
    third = make.user(username="third")
    accept(shop, give(shop, license, owner), friend)
    accept(shop, give(shop, license, friend, "third"), third)

    assert read_license(shop, license.id).user_id == third.id
