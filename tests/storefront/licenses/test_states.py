"""What may become of a licence, and who remembers it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.errors import Conflict, DomainError, Invalid, NotFound
from storefront.kit.state import Illegal
from storefront.licenses.actors import Owner, Staff
from storefront.licenses.endings import bring_back, revoke_suspended, suspend_order
from storefront.licenses.models import LICENSE_MACHINE, License, LicenseAction, LicenseStatus
from storefront.licenses.service import (
    extend_license,
    restore_license,
    revoke_license,
    rotate_key,
    set_note,
    suspend_license,
)
from storefront.notifications.models import Notification
from storefront.orders.models import OrderLine
from tests.support.factories import Factory
from tests.support.gateway import at
from tests.support.license_use import (
    bind,
    diary_of,
    find_by_key,
    networks_of,
    read_license,
    set_license,
)

A, E, S, R = (
    LicenseStatus.ACTIVE,
    LicenseStatus.EXPIRED,
    LicenseStatus.SUSPENDED,
    LicenseStatus.REVOKED,
)
# What each action makes of each state; None where it has no meaning, the state where it was done.
EXPECTED: dict[LicenseAction, dict[LicenseStatus, LicenseStatus | None]] = {
    LicenseAction.SUSPEND: {A: S, E: S, S: S, R: None},
    LicenseAction.RESTORE: {A: A, E: None, S: A, R: None},
    LicenseAction.REVOKE: {A: R, E: R, S: R, R: R},
    LicenseAction.EXPIRE: {A: E, E: E, S: None, R: None},
    LicenseAction.EXTEND: {A: A, E: A, S: S, R: None},
    LicenseAction.RENEW: {A: A, E: A, S: S, R: None},
    LicenseAction.REINSTATE: {A: A, E: None, S: A, R: A},
}
Change = Callable[..., Any]


@pytest.fixture
def do(shop: Shop, staff: User, license: License) -> Change:
    """do(revoke_license, ...): as staff would, now."""

    def do(change: Change, **more: Any) -> Any:
        with shop.database.transaction() as session:
            return change(
                session,
                license.id,
                **{"actor_id": staff.id, "reason": "asked by mail", "now": shop.clock(), **more},
            )

    return do


def audit_of(shop: Shop, license_id: UUID) -> list[tuple[str, object]]:
    with shop.database.reading() as session:
        return [
            (entry.action, entry.detail.get("reason"))
            for entry in session.scalars(
                select(AuditEntry)
                .where(AuditEntry.subject_id == str(license_id))
                .order_by(AuditEntry.id)
            )
        ]


def notices_of(shop: Shop, user: User) -> list[str]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(Notification.event)
                .where(Notification.user_id == user.id, Notification.event.like("license_%"))
                .order_by(Notification.id)
            )
        )


@pytest.mark.parametrize("action", list(LicenseAction))
@pytest.mark.parametrize("state", list(LicenseStatus))
def test_every_action_does_in_every_state_what_the_table_says(
    state: LicenseStatus, action: LicenseAction
) -> None:
    outcome = LICENSE_MACHINE.next_state(state, action)

    if isinstance(outcome, Illegal):
        assert EXPECTED[action][state] is None
    else:
        assert EXPECTED[action][state] is outcome.state


def test_staff_suspend_and_restore_and_both_are_written_down_and_told(
    shop: Shop, owner: User, license: License, do: Change
) -> None:
    for _ in range(2):
        do(suspend_license)
    assert read_license(shop, license.id).status == "suspended"
    for _ in range(2):
        do(restore_license)

    assert read_license(shop, license.id).status == "active"
    assert diary_of(shop, license.id) == ["issued", "suspended", "restored"]
    assert audit_of(shop, license.id) == [
        ("suspend_license", "asked by mail"),
        ("restore_license", "asked by mail"),
    ]
    assert notices_of(shop, owner) == ["license_suspended", "license_restored"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
@pytest.mark.parametrize(
    "change", [suspend_license, restore_license, revoke_license, partial(extend_license, days=1)]
)
def test_staff_say_why(
    shop: Shop, license: License, do: Change, change: Change, reason: str
) -> None:
    with pytest.raises(Invalid, match="why"):
        do(change, reason=reason)
    assert diary_of(shop, license.id) == ["issued"]


def test_a_licence_whose_end_passed_while_it_was_suspended_is_expired_then(
    shop: Shop, license: License, do: Change
) -> None:
    do(suspend_license)

    do(restore_license, now=shop.clock() + timedelta(days=31))

    assert read_license(shop, license.id).status == "expired"


def test_what_was_revoked_by_hand_never_comes_back(
    shop: Shop, license: License, do: Change
) -> None:
    do(revoke_license)

    for change in (suspend_license, restore_license, partial(extend_license, days=3)):
        with pytest.raises(Conflict) as refused:
            do(change)
        assert refused.value.code == "license_is_revoked"
    assert read_license(shop, license.id).status == "revoked"


def test_days_are_added_to_the_end_or_to_now_where_that_has_passed(
    shop: Shop, license: License, do: Change
) -> None:
    end = license.expires_at
    assert end is not None
    do(extend_license, days=10)
    assert read_license(shop, license.id).expires_at == end + timedelta(days=10)

    later = shop.clock() + timedelta(days=100)
    do(extend_license, days=7, now=later)

    longer = read_license(shop, license.id)
    assert (longer.status, longer.expires_at) == ("active", later + timedelta(days=7))
    do(extend_license, days=None)
    assert read_license(shop, license.id).expires_at is None
    with pytest.raises(Conflict) as refused:
        do(extend_license, days=1)
    assert refused.value.code == "license_has_no_end"


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_days_are_between_one_and_ten_years(do: Change, days: int) -> None:
    with pytest.raises(Invalid) as refused:
        do(extend_license, days=days)
    assert refused.value.code == "bad_days"


def test_time_added_to_a_suspended_licence_does_not_end_the_suspension(
    shop: Shop, license: License, do: Change
) -> None:
    do(suspend_license)
    do(extend_license, days=5)

    assert read_license(shop, license.id).status == "suspended"


def suspend_for(shop: Shop, license: License, cause: str) -> None:
    with shop.database.transaction() as session:
        line = session.get_one(OrderLine, license.order_line_id)
        suspend_order(session, line.order_id, cause=cause)


def let_go(shop: Shop, cause: str) -> None:
    with shop.database.transaction() as session:
        bring_back(session, cause=cause)


def test_a_won_dispute_does_not_end_what_staff_suspended(
    shop: Shop, license: License, do: Change
) -> None:
    do(suspend_license)
    suspend_for(shop, license, "dispute:1")
    with pytest.raises(Conflict) as refused:
        do(restore_license)
    assert refused.value.code == "license_held"

    let_go(shop, "dispute:1")
    assert read_license(shop, license.id).status == "suspended"
    do(restore_license)
    assert read_license(shop, license.id).status == "active"


def test_what_staff_suspend_during_a_dispute_stays_suspended_after_it(
    shop: Shop, license: License, do: Change
) -> None:
    suspend_for(shop, license, "dispute:1")
    do(suspend_license)

    let_go(shop, "dispute:1")

    assert read_license(shop, license.id).status == "suspended"
    assert read_license(shop, license.id).cause is None


def test_a_dispute_holds_an_expired_licence_too_so_that_nobody_renews_it_to_life(
    shop: Shop, license: License, do: Change
) -> None:
    set_license(shop, license.id, status="expired", expires_at=shop.clock() - timedelta(seconds=1))
    suspend_for(shop, license, "dispute:1")
    do(extend_license, days=30)
    assert read_license(shop, license.id).status == "suspended"

    let_go(shop, "dispute:1")

    assert read_license(shop, license.id).status == "active"


def test_a_dispute_that_comes_to_nothing_gives_an_expired_licence_back_expired(
    shop: Shop, license: License
) -> None:
    set_license(shop, license.id, status="expired")
    suspend_for(shop, license, "dispute:1")
    with shop.database.transaction() as session:
        revoke_suspended(session, cause="dispute:1")
    assert read_license(shop, license.id).status == "revoked"

    let_go(shop, "dispute:1")

    assert read_license(shop, license.id).status == "expired"
    assert diary_of(shop, license.id) == ["issued", "suspended", "revoked", "restored"]


def test_a_new_key_keeps_the_servers_and_the_old_one_is_unknown_at_once(
    shop: Shop, owner: User, license: License
) -> None:
    bind(shop, license.id, "203.0.113.7")
    old = shop.vault.open(license.key_encrypted)

    with shop.database.transaction() as session:
        rotate_key(session, license.id, by=Owner(owner.id), vault=shop.vault, now=shop.clock())

    changed = read_license(shop, license.id)
    new = shop.vault.open(changed.key_encrypted)
    assert [find_by_key(shop, key) for key in (old, new)] == [None, license.id]
    assert changed.key_hint == new[:4]
    assert networks_of(shop, license.id) == ["203.0.113.7/32"]
    assert (changed.slots, changed.expires_at) == (license.slots, license.expires_at)


def test_an_owner_has_three_new_keys_a_day_and_staff_have_no_limit(
    shop: Shop, owner: User, staff: User, license: License
) -> None:
    def rotate(by: Owner | Staff, clock=shop.clock) -> None:
        with shop.database.transaction() as session:
            rotate_key(session, license.id, by=by, vault=shop.vault, now=clock())

    for _ in range(3):
        rotate(Owner(owner.id))
    with pytest.raises(DomainError) as refused:
        rotate(Owner(owner.id))
    assert refused.value.code == "too_many_rotations"

    rotate(Staff(staff.id, "leaked on a forum"))
    rotate(Owner(owner.id), at(shop, shop.clock() + timedelta(hours=25)).clock)
    assert audit_of(shop, license.id) == [("rotate_license_key", "leaked on a forum")]


@pytest.mark.parametrize("status", ["suspended", "revoked"])
def test_an_owner_gets_no_new_key_for_what_was_taken_away(
    shop: Shop, owner: User, license: License, status: str
) -> None:
    set_license(shop, license.id, status=status)

    with pytest.raises(Conflict), shop.database.transaction() as session:
        rotate_key(session, license.id, by=Owner(owner.id), vault=shop.vault, now=shop.clock())
    assert read_license(shop, license.id).key_hash == license.key_hash


def test_nobody_changes_a_licence_of_somebody_else(
    shop: Shop, make: Factory, license: License
) -> None:
    stranger = Owner(make.user().id)

    with pytest.raises(NotFound), shop.database.transaction() as session:
        rotate_key(session, license.id, by=stranger, vault=shop.vault, now=shop.clock())


def test_a_note_is_for_staff_and_the_audit_keeps_both_texts(
    shop: Shop, staff: User, license: License
) -> None:
    for _ in range(2):
        with shop.database.transaction() as session:
            set_note(session, license.id, note=" runs two towns ", actor_id=staff.id)

    assert read_license(shop, license.id).note == "runs two towns"
    with shop.database.reading() as session:
        entries = session.scalars(select(AuditEntry)).all()
    assert [entry.detail for entry in entries] == [{"changes": {"note": ["", "runs two towns"]}}]
    with pytest.raises(Invalid), shop.database.transaction() as session:
        set_note(session, license.id, note="x" * 1001, actor_id=staff.id)
