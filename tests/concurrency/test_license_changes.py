"""Two changes of one licence at once: the second sees the first, whichever that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.licenses.actors import Owner
from storefront.licenses.addresses import network_of
from storefront.licenses.allowing import allow_address
from storefront.licenses.budgets import find_budget
from storefront.licenses.events import record_event
from storefront.licenses.gift_models import LicenseGift
from storefront.licenses.gifts import accept_gift, give_license, withdraw_gift
from storefront.licenses.models import License
from storefront.licenses.moves import free_slot, reset_slots
from storefront.licenses.service import (
    extend_license,
    replace_key,
    revoke_license,
    rotate_key,
)
from tests.concurrency.racing import codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory
from tests.support.license_use import bind, diary_of, only_license, read_license
from tests.support.purchases import own_product

RUNNERS = 8


@pytest.fixture
def make(shop: Shop) -> Factory:
    return Factory(shop.database)


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user()


@pytest.fixture
def friend(make: Factory) -> User:
    return make.user(username="friend")


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def license(shop: Shop, make: Factory, owner: User) -> License:
    own_product(shop, make, owner, make.product(price=baht(100), slots=4, duration_days=30))
    return only_license(shop, owner)


def in_transaction(shop: Shop, change: Callable[[Session], object]) -> Callable[[], object]:
    def run() -> object:
        with shop.database.transaction() as session:
            return change(session)

    return run


def count_moves(shop: Shop, license_id: UUID) -> int:
    with shop.database.reading() as session:
        return 5 - find_budget(session, license_id, now=shop.clock()).left


def test_of_many_moves_at_once_one_is_made(shop: Shop, owner: User, license: License) -> None:
    """Resets, removals and allowances share one budget, so they race each other too."""
    by = Owner(owner.id)
    for n in range(1, 5):
        bind(shop, license.id, f"203.0.113.{n}", position=n)
    moves: list[Callable[[Session], object]] = [
        partial(reset_slots, license_id=license.id, by=by, now=shop.clock()),
        *(
            partial(
                free_slot,
                license_id=license.id,
                network=network_of(f"203.0.113.{n}"),
                by=by,
                now=shop.clock(),
            )
            for n in range(1, 5)
        ),
        *(
            partial(
                allow_address,
                license_id=license.id,
                address=ip_address(f"198.51.100.{n}"),
                by=by,
                now=shop.clock(),
            )
            for n in range(1, 4)
        ),
    ]

    outcomes = race([in_transaction(shop, move) for move in moves])

    # What came after the one move either was refused or found a place or nothing to remove.
    assert count_moves(shop, license.id) == 1
    assert set(codes_of(outcomes)) <= {"no_move_left"}


def test_without_the_lock_every_reset_would_see_a_free_budget(
    shop: Shop, owner: User, license: License
) -> None:
    """The control: the budget is read before anybody has written."""

    def reset(session: Session, everybody_has_read: Barrier) -> None:
        budget = find_budget(session, license.id, now=shop.clock())
        everybody_has_read.wait()
        if budget.is_free:
            detail = {"counts": True}
            record_event(
                session, license.id, "slots_reset", actor=f"user:{owner.id}", detail=detail
            )

    # Five, so that the invariant of the month, which is checked afterwards, is not broken too.
    race_transactions(shop.database, reset, runners=5)

    assert count_moves(shop, license.id) == 5


def test_of_many_new_keys_at_once_an_owner_gets_three(
    shop: Shop, owner: User, license: License
) -> None:
    rotate = partial(
        rotate_key, license_id=license.id, by=Owner(owner.id), vault=shop.vault, now=shop.clock()
    )

    outcomes = race([in_transaction(shop, rotate)] * RUNNERS)

    assert len(successes_in(outcomes)) == 3
    assert set(codes_of(outcomes)) == {"too_many_rotations"}
    assert diary_of(shop, license.id).count("key_rotated") == 3


def give(shop: Shop, license: License, owner: User) -> UUID:
    with shop.database.transaction() as session:
        return give_license(
            session, license.id, recipient="friend", giver_id=owner.id, now=shop.clock()
        )


@pytest.mark.parametrize("_round", range(5))
def test_a_key_rotated_while_its_licence_is_taken_is_never_known_to_the_giver(
    shop: Shop, owner: User, friend: User, license: License, _round: int
) -> None:
    gift = give(shop, license, owner)
    accept = partial(
        accept_gift, gift_id=gift, user_id=friend.id, vault=shop.vault, now=shop.clock()
    )

    def rotate(session: Session) -> str:
        rotate_key(session, license.id, by=Owner(owner.id), vault=shop.vault, now=shop.clock())
        return session.get_one(License, license.id).key_hash

    outcomes = race([in_transaction(shop, rotate), in_transaction(shop, accept)])

    # Too late, the giver no longer finds the licence; in time, the receiver's key is another.
    assert codes_of(outcomes) in ([], ["license_not_found"])
    taken = read_license(shop, license.id)
    assert taken.user_id == friend.id
    assert taken.key_hash not in outcomes
    diary = [action for action in diary_of(shop, license.id) if action != "gift_offered"]
    assert diary[-1] == "given"


def test_without_the_lock_the_giver_would_know_the_key_of_what_was_given(
    shop: Shop, owner: User, friend: User, license: License
) -> None:
    """The control: the giver, who has found the licence, writes the new key over the receiver's."""
    gift = give(shop, license, owner)
    turns, is_given = iter(("rotate", "accept")), Barrier(2, timeout=30)
    known_to_giver: list[str] = []

    def change(session: Session, everybody_has_read: Barrier) -> None:
        found, turn = session.get_one(License, license.id), next(turns)
        assert found.user_id == owner.id
        everybody_has_read.wait()
        if turn == "accept":
            accept_gift(session, gift, user_id=friend.id, vault=shop.vault, now=shop.clock())
            session.commit()
            is_given.wait()
        else:
            is_given.wait()
            replace_key(found, vault=shop.vault, now=shop.clock())
            known_to_giver.append(found.key_hash)

    race_transactions(shop.database, change, runners=2)

    given = read_license(shop, license.id)
    assert given.user_id == friend.id
    assert known_to_giver == [given.key_hash]


@pytest.mark.parametrize("_round", range(5))
def test_a_gift_is_taken_or_withdrawn_never_both(
    shop: Shop, owner: User, friend: User, license: License, _round: int
) -> None:
    gift = give(shop, license, owner)
    accept = partial(
        accept_gift, gift_id=gift, user_id=friend.id, vault=shop.vault, now=shop.clock()
    )
    withdraw = partial(withdraw_gift, license_id=license.id, giver_id=owner.id, now=shop.clock())

    outcomes = race([in_transaction(shop, accept), in_transaction(shop, withdraw)])

    with shop.database.reading() as session:
        state = session.scalars(select(LicenseGift.state)).one()
    is_taken = read_license(shop, license.id).user_id == friend.id
    assert (state == "accepted") is is_taken
    assert codes_of(outcomes) == (["license_not_found"] if is_taken else ["gift_over"])


def test_one_gift_is_taken_once_however_often_it_is_accepted(
    shop: Shop, owner: User, friend: User, license: License
) -> None:
    gift = give(shop, license, owner)
    accept = partial(
        accept_gift, gift_id=gift, user_id=friend.id, vault=shop.vault, now=shop.clock()
    )

    outcomes = race([in_transaction(shop, accept)] * RUNNERS)

    assert codes_of(outcomes) == []
    assert diary_of(shop, license.id).count("given") == 1


@pytest.mark.parametrize("_round", range(5))
def test_what_is_revoked_while_it_is_extended_stays_revoked(
    shop: Shop, staff: User, license: License, _round: int
) -> None:
    extend = partial(
        extend_license,
        license_id=license.id,
        days=30,
        actor_id=staff.id,
        reason="asked",
        now=shop.clock() + timedelta(days=31),
    )
    revoke = partial(revoke_license, license_id=license.id, actor_id=staff.id, reason="shared")

    outcomes = race([in_transaction(shop, extend), in_transaction(shop, revoke)])

    assert read_license(shop, license.id).status == "revoked"
    assert codes_of(outcomes) in ([], ["license_is_revoked"])


def test_without_the_lock_an_extension_would_bring_a_revoked_licence_back(
    shop: Shop, license: License
) -> None:
    """The control: both read an active licence, and the slower write wins."""

    def change(session: Session, everybody_has_read: Barrier) -> None:
        status = session.scalar(
            text("SELECT status FROM licenses WHERE id = :id"), {"id": license.id}
        )
        assert status == "active"
        if everybody_has_read.wait() == 0:
            session.execute(
                text("UPDATE licenses SET status = 'revoked' WHERE id = :id"), {"id": license.id}
            )
            session.commit()
            done.wait()
        else:
            done.wait()
            session.execute(
                text("UPDATE licenses SET status = 'active' WHERE id = :id"), {"id": license.id}
            )

    done = Barrier(2, timeout=30)
    race_transactions(shop.database, change, runners=2)

    assert read_license(shop, license.id).status == "active"
