"""Servers leave their slots by hand, and running ones only a few times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

import pytest
from sqlalchemy import select, update

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.errors import Conflict, DomainError, Invalid, NotFound
from storefront.licenses.actors import Actor, Owner, Staff
from storefront.licenses.addresses import network_of, parse_network
from storefront.licenses.allowing import (
    allow_address,
    list_address,
    list_addresses,
    remove_address,
    set_address_mode,
)
from storefront.licenses.budgets import find_budget
from storefront.licenses.models import AddressMode, License
from storefront.licenses.moves import free_slot, reset_slots
from storefront.licenses.rules import budget_of
from storefront.licenses.usage_models import LicenseEvent
from tests.support.factories import Factory
from tests.support.license_use import bind, diary_of, networks_of, set_license

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FIRST, SECOND, THIRD = "203.0.113.1", "203.0.113.2", "203.0.113.3"


@pytest.fixture
def by(owner: User) -> Owner:
    return Owner(owner.id)


@pytest.fixture
def reset(shop: Shop, license: License) -> Callable[..., int]:
    def reset(by: Actor, *, later: timedelta = timedelta(0)) -> int:
        bind(shop, license.id, FIRST) if not networks_of(shop, license.id) else None
        with shop.database.transaction() as session:
            return reset_slots(session, license.id, by=by, now=shop.clock() + later)

    return reset


def moved(shop: Shop, license_id: UUID, *, ago: timedelta) -> None:
    """The last move was so long ago."""
    with shop.database.transaction() as session:
        last = session.scalars(
            select(LicenseEvent.id)
            .where(
                LicenseEvent.license_id == license_id,
                LicenseEvent.detail["counts"].astext == "true",
            )
            .order_by(LicenseEvent.id.desc())
            .limit(1)
        ).one()
        session.execute(
            update(LicenseEvent)
            .where(LicenseEvent.id == last)
            .values(created_at=shop.clock() - ago)
        )


def moves_left(shop: Shop, license_id: UUID) -> int:
    with shop.database.reading() as session:
        return find_budget(session, license_id, now=shop.clock()).left


def test_one_move_a_day_and_five_in_thirty_days() -> None:
    fresh = budget_of([], now=NOW)
    assert (fresh.left, fresh.is_free) == (5, True)

    today = budget_of([NOW - timedelta(hours=3)], now=NOW)
    assert (today.left, today.next_at) == (4, NOW + timedelta(hours=21))

    spent = budget_of([NOW - n * DAY for n in (2, 5, 9, 20, 29)], now=NOW)
    assert (spent.left, spent.next_at) == (0, NOW + DAY)

    assert budget_of([NOW - 30 * DAY], now=NOW).left == 5
    just_a_day = budget_of([NOW - DAY], now=NOW)
    assert (just_a_day.left, just_a_day.is_free) == (4, True)


def test_both_rules_at_once_give_the_later_moment() -> None:
    spent = budget_of([NOW - timedelta(hours=1), *(NOW - n * DAY for n in (2, 3, 4, 29))], now=NOW)

    assert spent.next_at == NOW + DAY
    full = budget_of([NOW - timedelta(hours=1), *(NOW - n * DAY for n in (2, 3, 4, 10))], now=NOW)
    assert full.next_at == NOW + 20 * DAY


def test_a_reset_frees_all_places_and_is_an_event(shop: Shop, license: License, by: Owner) -> None:
    bind(shop, license.id, FIRST)
    bind(shop, license.id, "2001:db8:1:2::9", position=2, idle=3 * DAY)

    with shop.database.transaction() as session:
        assert reset_slots(session, license.id, by=by, now=shop.clock()) == 2

    assert networks_of(shop, license.id) == []
    with shop.database.reading() as session:
        event = session.scalars(
            select(LicenseEvent).where(LicenseEvent.action == "slots_reset")
        ).one()
    assert event.actor == by.name
    assert event.detail == {"counts": True, "freed": ["203.0.113.1/32", "2001:db8:1:2::/64"]}


def test_an_owner_resets_once_in_24_hours(
    shop: Shop, license: License, by: Owner, reset: Callable[..., int]
) -> None:
    assert reset(by) == 1
    with pytest.raises(DomainError) as refused:
        reset(by)

    assert refused.value.code == "no_move_left"
    assert networks_of(shop, license.id) == ["203.0.113.1/32"]
    assert reset(by, later=timedelta(hours=25)) == 1


def test_an_owner_resets_five_times_in_30_days_and_staff_as_they_like(
    shop: Shop, staff: User, license: License, by: Owner, reset: Callable[..., int]
) -> None:
    for days in (25, 20, 15, 10, 2):
        reset(by)
        moved(shop, license.id, ago=days * DAY)

    with pytest.raises(DomainError) as refused:
        reset(by)
    assert refused.value.code == "no_move_left"
    for _ in range(2):
        assert reset(Staff(staff.id, "moved house")) == 1
    assert moves_left(shop, license.id) == 0
    with shop.database.reading() as session:
        audit = session.scalars(
            select(AuditEntry.detail).where(AuditEntry.action == "reset_slots")
        ).all()
    assert [entry["reason"] for entry in audit] == ["moved house"] * 2


def test_a_reset_without_servers_costs_nothing(shop: Shop, license: License, by: Owner) -> None:
    with shop.database.transaction() as session:
        assert reset_slots(session, license.id, by=by, now=shop.clock()) == 0

    assert diary_of(shop, license.id) == ["issued"]


@pytest.mark.parametrize(("idle", "left"), [(timedelta(hours=1), 4), (timedelta(hours=25), 5)])
def test_removing_a_server_counts_while_it_runs(
    shop: Shop, license: License, by: Owner, idle: timedelta, left: int
) -> None:
    bind(shop, license.id, FIRST, idle=idle)
    for _ in range(2):
        with shop.database.transaction() as session:
            free_slot(session, license.id, network=network_of(FIRST), by=by, now=shop.clock())

    assert networks_of(shop, license.id) == []
    assert moves_left(shop, license.id) == left
    assert diary_of(shop, license.id) == ["issued", "slot_freed"]


def allow(shop: Shop, license: License, address: str, by: Actor, **more: object) -> None:
    with shop.database.transaction() as session:
        allow_address(session, license.id, ip_address(address), by=by, now=shop.clock(), **more)  # type: ignore[arg-type]


def test_an_address_gets_a_free_place_for_nothing(shop: Shop, license: License, by: Owner) -> None:
    bind(shop, license.id, FIRST, position=2)
    for _ in range(2):
        allow(shop, license, "::ffff:203.0.113.2", by)

    assert networks_of(shop, license.id) == ["203.0.113.2/32", "203.0.113.1/32"]
    assert moves_left(shop, license.id) == 5
    assert diary_of(shop, license.id) == ["issued", "address_allowed"]


def test_it_takes_the_place_that_was_idle_longest_for_nothing(
    shop: Shop, license: License, by: Owner
) -> None:
    bind(shop, license.id, FIRST, idle=2 * DAY)
    bind(shop, license.id, SECOND, position=2, idle=3 * DAY)

    allow(shop, license, THIRD, by, accepts_cost=False)

    assert networks_of(shop, license.id) == ["203.0.113.1/32", "203.0.113.3/32"]
    assert moves_left(shop, license.id) == 5


def test_taking_the_place_of_a_running_server_is_a_move_that_must_be_agreed_to(
    shop: Shop, license: License, by: Owner
) -> None:
    bind(shop, license.id, FIRST, idle=timedelta(hours=2))
    bind(shop, license.id, SECOND, position=2)
    with pytest.raises(Conflict) as refused:
        allow(shop, license, THIRD, by, accepts_cost=False)
    assert refused.value.code == "would_count"

    allow(shop, license, THIRD, by, instead_of=ip_network("203.0.113.2/32"))

    assert networks_of(shop, license.id) == ["203.0.113.1/32", "203.0.113.3/32"]
    assert moves_left(shop, license.id) == 4
    with pytest.raises(DomainError) as refused_again:
        allow(shop, license, SECOND, by)
    assert refused_again.value.code == "no_move_left"
    with pytest.raises(NotFound):
        allow(shop, license, SECOND, by, instead_of=ip_network("203.0.113.99/32"))


def test_a_list_that_begins_holds_who_runs_now_and_an_emptied_one_allows_nobody(
    shop: Shop, license: License, by: Owner
) -> None:
    bind(shop, license.id, FIRST, idle=2 * DAY)
    with shop.database.transaction() as session:
        set_address_mode(session, license.id, AddressMode.LIST, by=by)
        (entry,) = list_addresses(session, license.id)
        assert str(entry.network) == "203.0.113.1/32"
        remove_address(session, license.id, address_id=entry.id, by=by, now=shop.clock())
        assert list_addresses(session, license.id) == []

    assert networks_of(shop, license.id) == []


def test_allowing_in_list_mode_lists_and_binds(shop: Shop, license: License, by: Owner) -> None:
    with shop.database.transaction() as session:
        set_address_mode(session, license.id, AddressMode.LIST, by=by)
        list_address(session, license.id, "203.0.113.0/28", by=by)
    allow(shop, license, FIRST, by)
    allow(shop, license, "198.51.100.4", by)

    with shop.database.reading() as session:
        listed = [str(entry.network) for entry in list_addresses(session, license.id)]
    assert listed == ["203.0.113.0/28", "198.51.100.4/32"]
    assert networks_of(shop, license.id) == ["203.0.113.1/32", "198.51.100.4/32"]


def test_taking_a_block_off_frees_only_servers_that_nothing_else_allows(
    shop: Shop, license: License, by: Owner
) -> None:
    with shop.database.transaction() as session:
        set_address_mode(session, license.id, AddressMode.LIST, by=by)
        list_address(session, license.id, "203.0.113.0/24", by=by)
        list_address(session, license.id, FIRST, by=by)
    bind(shop, license.id, FIRST)
    bind(shop, license.id, SECOND, position=2)

    with shop.database.transaction() as session:
        block = list_addresses(session, license.id)[0]
        remove_address(session, license.id, address_id=block.id, by=by, now=shop.clock())

    assert networks_of(shop, license.id) == ["203.0.113.1/32"]
    assert moves_left(shop, license.id) == 4


def test_a_list_has_at_most_twenty_entries(shop: Shop, license: License, by: Owner) -> None:
    with shop.database.transaction() as session:
        set_address_mode(session, license.id, AddressMode.LIST, by=by)
        for n in range(20):
            list_address(session, license.id, f"198.51.100.{n}", by=by)
        list_address(session, license.id, "198.51.100.0", by=by)
        with pytest.raises(Conflict) as refused:
            list_address(session, license.id, "198.51.100.20", by=by)
    assert refused.value.code == "list_full"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_address"),
        ("example.com", "bad_address"),
        ("203.0.113.256", "bad_address"),
        ("203.0.113.0/33", "bad_address"),
        ("203.0.112.0/23", "address_too_wide"),
        ("0.0.0.0/0", "address_too_wide"),
        ("2001:db8::/32", "address_too_wide"),
        ("::/0", "address_too_wide"),
    ],
)
def test_what_is_no_address_or_far_too_many_is_refused(
    shop: Shop, license: License, by: Owner, text: str, code: str
) -> None:
    with shop.database.transaction() as session:
        set_address_mode(session, license.id, AddressMode.LIST, by=by)
        with pytest.raises(Invalid) as refused:
            list_address(session, license.id, text, by=by)
        assert refused.value.code == code
        assert list_addresses(session, license.id) == []


def test_without_a_list_there_is_nothing_to_put_on_it(
    shop: Shop, license: License, by: Owner
) -> None:
    with pytest.raises(Conflict) as refused, shop.database.transaction() as session:
        list_address(session, license.id, FIRST, by=by)
    assert refused.value.code == "not_by_list"


def test_a_network_is_read_as_the_endpoint_reads_it() -> None:
    assert str(network_of("::ffff:203.0.113.7")) == "203.0.113.7/32"
    assert str(network_of("2001:db8:1:2:3::4")) == "2001:db8:1:2::/64"
    assert str(parse_network(" 203.0.113.77/24 ")) == "203.0.113.0/24"
    assert str(parse_network("2001:db8:1:2:3::4")) == "2001:db8:1:2::/64"
    assert str(parse_network("::ffff:203.0.113.0/120")) == "203.0.113.0/24"
    assert str(parse_network("2001:db8:1:2::9/128")) == "2001:db8:1:2::/64"


@pytest.mark.parametrize("change", ["reset", "free", "allow", "mode"])
def test_what_was_withdrawn_or_is_anothers_is_left_alone(
    shop: Shop, make: Factory, license: License, by: Owner, change: str
) -> None:
    bind(shop, license.id, FIRST)
    stranger = Owner(make.user().id)

    def do(by: Owner) -> None:
        with shop.database.transaction() as session:
            match change:
                case "reset":
                    reset_slots(session, license.id, by=by, now=shop.clock())
                case "free":
                    free_slot(
                        session, license.id, network=network_of(FIRST), by=by, now=shop.clock()
                    )
                case "allow":
                    allow_address(session, license.id, ip_address(SECOND), by=by, now=shop.clock())
                case _mode:
                    set_address_mode(session, license.id, AddressMode.LIST, by=by)

    with pytest.raises(NotFound):
        do(stranger)
    set_license(shop, license.id, status="revoked")
    with pytest.raises(Conflict) as refused:
        do(by)
    assert refused.value.code == "license_is_revoked"
    assert networks_of(shop, license.id) == ["203.0.113.1/32"]
