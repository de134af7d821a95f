"""Slots: who gets one, who loses one, and what is written down."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.licenses.models import License
from storefront.licenses.slots import (
    IDLE,
    Binding,
    Server,
    Sighting,
    release_slot,
    see_servers,
    take_slot,
)
from storefront.licenses.usage_models import LicenseAddress, LicenseEvent, LicenseSlot
from tests.support.factories import Factory
from tests.support.licenses import events_of, own_license, server, slots_of

ONE, TWO, THREE = (server(f"203.0.113.{n}") for n in (1, 2, 3))


def take(shop: Shop, license: License, who: Server, *, at: datetime | None = None) -> Binding:
    with shop.database.transaction() as session:
        return take_slot(session, license.id, who, now=at or shop.clock())


def allow_only(shop: Shop, license: License, *networks: str) -> None:
    with shop.database.transaction() as session:
        session.execute(update(License).where(License.id == license.id).values(address_mode="list"))
        session.execute(delete(LicenseAddress).where(LicenseAddress.license_id == license.id))
        for network in networks:
            parsed = ipaddress.ip_network(network)
            session.add(LicenseAddress(license_id=license.id, network=parsed))


def test_the_first_servers_get_the_slots_and_the_next_one_none(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=2)

    outcomes = [take(shop, license, who) for who in (ONE, TWO, THREE, ONE, TWO)]

    assert outcomes == [
        *(Binding.BOUND, Binding.BOUND, Binding.FULL),
        *(Binding.HELD, Binding.HELD),
    ]
    assert slots_of(shop, license.id) == {1: "203.0.113.1/32", 2: "203.0.113.2/32"}
    assert events_of(shop, license.id) == ["slot_bound", "slot_bound"]


def test_a_server_that_stops_makes_room_and_the_free_position_is_used_again(
    shop: Shop, make: Factory
) -> None:
    license = own_license(shop, make, slots=2)
    for who in (ONE, TWO):
        take(shop, license, who)

    with shop.database.transaction() as session:
        freed = [release_slot(session, license.id, ONE) for _ in range(2)]
        assert not release_slot(session, license.id, THREE)

    assert freed == [True, False]
    assert take(shop, license, THREE) is Binding.BOUND
    assert slots_of(shop, license.id) == {1: "203.0.113.3/32", 2: "203.0.113.2/32"}
    assert events_of(shop, license.id)[2:] == ["slot_freed", "slot_bound"]


def test_a_neighbour_on_the_same_host_does_not_stop_anothers_slot(
    shop: Shop, make: Factory
) -> None:
    license = own_license(shop, make, slots=1)
    take(shop, license, server("203.0.113.1", server_id="mine"))

    with shop.database.transaction() as session:
        assert not release_slot(session, license.id, server("203.0.113.1", server_id="theirs"))
        assert release_slot(session, license.id, server("203.0.113.1", server_id="mine"))


def test_an_idle_slot_moves_by_itself_and_the_diary_says_from_where_to_where(
    shop: Shop, make: Factory
) -> None:
    license = own_license(shop, make, slots=2)
    now = shop.clock()
    take(shop, license, ONE, at=now - IDLE)
    take(shop, license, TWO, at=now - IDLE + timedelta(seconds=1))

    assert take(shop, license, THREE, at=now) is Binding.MOVED
    assert take(shop, license, ONE, at=now) is Binding.FULL

    assert slots_of(shop, license.id) == {1: "203.0.113.3/32", 2: "203.0.113.2/32"}
    with shop.database.reading() as session:
        moved = session.scalars(
            select(LicenseEvent).where(LicenseEvent.action == "slot_moved")
        ).one()
    facts = {"position": 1, "from": "203.0.113.1/32", "to": "203.0.113.3/32"}
    assert (moved.detail, moved.actor) == (facts, "server")


def test_the_slot_that_was_idle_longest_moves_first(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=2)
    now = shop.clock()
    take(shop, license, ONE, at=now - 2 * IDLE)
    take(shop, license, TWO, at=now - 3 * IDLE)

    take(shop, license, THREE, at=now)

    assert slots_of(shop, license.id) == {1: "203.0.113.1/32", 2: "203.0.113.3/32"}


def test_no_slot_moves_while_one_is_free(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=2)
    now = shop.clock()
    take(shop, license, ONE, at=now - 9 * IDLE)

    assert take(shop, license, TWO, at=now) is Binding.BOUND
    assert slots_of(shop, license.id) == {1: "203.0.113.1/32", 2: "203.0.113.2/32"}


def test_being_seen_keeps_a_slot_and_never_turns_the_clock_back(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=1)
    now = shop.clock()
    take(shop, license, ONE, at=now - IDLE)
    later = Server(network=ONE.network, server_id="s1", resource="other", version="2.0")
    with shop.database.transaction() as session:
        see_servers(
            session,
            [
                Sighting(license_id=license.id, server=later, seen_at=now),
                Sighting(license_id=license.id, server=ONE, seen_at=now - IDLE),
                Sighting(license_id=license.id, server=TWO, seen_at=now),
                Sighting(license_id=new_id(), server=ONE, seen_at=now),
            ],
        )

    assert take(shop, license, TWO, at=now + timedelta(hours=23)) is Binding.FULL
    with shop.database.reading() as session:
        slot = session.scalars(select(LicenseSlot)).one()
    assert (slot.last_seen_at, slot.server_id, slot.bound_at) == (now, "s1", now - IDLE)


def test_with_a_list_only_what_stands_on_it_may_run(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=2)
    allow_only(shop, license, "203.0.113.0/31", "2001:db8::/48")

    assert take(shop, license, ONE) is Binding.BOUND
    assert take(shop, license, TWO) is Binding.NOT_ALLOWED
    assert take(shop, license, server("2001:db8:0:7::/64")) is Binding.BOUND
    assert take(shop, license, server("2001:db8:1:7::/64")) is Binding.NOT_ALLOWED


def test_an_emptied_list_means_nobody_not_everybody(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=2)
    take(shop, license, ONE)
    allow_only(shop, license)

    assert [take(shop, license, who) for who in (ONE, TWO)] == [Binding.NOT_ALLOWED] * 2


def test_a_list_does_not_give_more_slots(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=1)
    allow_only(shop, license, "203.0.113.0/24")

    assert [take(shop, license, who) for who in (ONE, TWO)] == [Binding.BOUND, Binding.FULL]


def test_a_server_taken_off_the_list_gives_way_at_once(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=1)
    take(shop, license, ONE)
    allow_only(shop, license, "203.0.113.2/32")

    assert take(shop, license, TWO) is Binding.MOVED
    assert slots_of(shop, license.id) == {1: "203.0.113.2/32"}


def test_the_database_itself_refuses_one_position_or_one_network_twice(
    shop: Shop, make: Factory
) -> None:
    license = own_license(shop, make, slots=2)
    take(shop, license, ONE)

    for position, who in ((1, TWO), (2, ONE), (0, TWO)):
        with pytest.raises(IntegrityError), shop.database.transaction() as session:
            session.add(LicenseSlot(license_id=license.id, position=position, network=who.network))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    slots=st.integers(1, 3),
    steps=st.lists(
        st.tuples(st.sampled_from(["ask", "stop"]), st.integers(1, 5), st.integers(0, 30)),
        max_size=25,
    ),
)
def test_any_history_leaves_at_most_the_slots_and_everybody_known_by_the_rules(
    shop: Shop, make: Factory, slots: int, steps: list[tuple[str, int, int]]
) -> None:
    """Against a model: a dictionary of who was last seen when."""
    license = own_license(shop, make, slots=slots)
    now, held = shop.clock(), dict[str, datetime]()
    for action, number, hours in steps:
        now += timedelta(hours=hours)
        who = server(f"198.51.100.{number}")
        network = str(who.network)
        if action == "stop":
            with shop.database.transaction() as session:
                assert release_slot(session, license.id, who) == (network in held)
            held.pop(network, None)
            continue
        outcome = take(shop, license, who, at=now)
        idle = [one for one, seen in held.items() if now - seen >= IDLE]
        if network in held:
            assert outcome is Binding.HELD
        elif len(held) < slots:
            assert outcome is Binding.BOUND
        elif idle:
            assert outcome is Binding.MOVED
            del held[min(idle, key=lambda one: held[one])]
        else:
            assert outcome is Binding.FULL
            continue
        held[network] = now

    assert len(held) <= slots
    assert len(slots_of(shop, license.id)) == len(held)
