"""Servers that ask for the last slots of a licence in the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from threading import Barrier

from sqlalchemy import text
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.errors import DomainError
from storefront.licenses.models import License
from storefront.licenses.slots import IDLE, Binding, Server, release_slot, take_slot
from tests.concurrency.racing import race, race_transactions
from tests.support.factories import Factory
from tests.support.licenses import events_of, own_license, server, slots_of


def take(shop: Shop, license: License, who: Server) -> Binding:
    with shop.database.transaction() as session:
        return take_slot(session, license.id, who, now=shop.clock())


def take_all(shop: Shop, license: License, servers: Sequence[Server]) -> Counter[object]:
    calls: list[Callable[[], Binding | DomainError]] = [
        partial(take, shop, license, who) for who in servers
    ]
    return Counter(race(calls))


def test_fifty_simultaneous_first_checks_bind_exactly_the_slots(shop: Shop, make: Factory) -> None:
    servers = [server(f"198.51.100.{n}") for n in range(1, 51)]
    for slots in (1, 2, 2, 2, 7):
        license = own_license(shop, make, slots=slots)

        outcomes = take_all(shop, license, servers)

        assert outcomes == {Binding.BOUND: slots, Binding.FULL: 50 - slots}
        assert sorted(slots_of(shop, license.id)) == list(range(1, slots + 1))
        assert events_of(shop, license.id) == ["slot_bound"] * slots


def test_fifty_scripts_of_one_new_server_take_one_slot(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=3)

    outcomes = take_all(shop, license, [server("198.51.100.1")] * 50)

    assert outcomes == {Binding.BOUND: 1, Binding.HELD: 49}
    assert slots_of(shop, license.id) == {1: "198.51.100.1/32"}


def test_control_looking_before_binding_lets_too_many_in(database: Database) -> None:
    """The same without the key of the table: everybody sees the free place."""
    with database.transaction() as session:
        session.execute(
            text("CREATE TABLE naive_slots AS SELECT * FROM license_slots WITH NO DATA")
        )

    def bind(session: Session, everybody_has_read: Barrier) -> None:
        taken = session.scalar(text("SELECT count(*) FROM naive_slots")) or 0
        everybody_has_read.wait()
        if taken < 2:
            session.execute(
                text("INSERT INTO naive_slots (position) VALUES (:next)"), {"next": taken + 1}
            )

    race_transactions(database, bind, runners=15)

    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM naive_slots")) == 15


def test_of_many_servers_one_gets_the_idle_slot(shop: Shop, make: Factory) -> None:
    for _ in range(3):
        license = own_license(shop, make, slots=2)
        with shop.database.transaction() as session:
            take_slot(session, license.id, server("203.0.113.1"), now=shop.clock() - IDLE)
            take_slot(session, license.id, server("203.0.113.2"), now=shop.clock())

        outcomes = take_all(shop, license, [server(f"198.51.100.{n}") for n in range(1, 16)])

        assert outcomes == {Binding.MOVED: 1, Binding.FULL: 14}
        assert slots_of(shop, license.id)[2] == "203.0.113.2/32"
        assert events_of(shop, license.id).count("slot_moved") == 1


def test_scripts_of_one_new_server_move_one_idle_slot_only(shop: Shop, make: Factory) -> None:
    license = own_license(shop, make, slots=2)
    with shop.database.transaction() as session:
        for n in (1, 2):
            take_slot(session, license.id, server(f"203.0.113.{n}"), now=shop.clock() - IDLE)

    outcomes = take_all(shop, license, [server("198.51.100.1")] * 15)

    assert outcomes == {Binding.MOVED: 1, Binding.HELD: 14}
    assert slots_of(shop, license.id) == {1: "198.51.100.1/32", 2: "203.0.113.2/32"}


def test_control_without_the_licences_lock_one_server_takes_two_idle_slots(
    database: Database,
) -> None:
    """Everybody finds no slot of theirs, and then an idle one: each takes another."""
    with database.transaction() as session:
        session.execute(
            text("CREATE TABLE idle AS SELECT n, '' AS holder FROM generate_series(1, 5) n")
        )

    def move(session: Session, everybody_has_read: Barrier) -> None:
        held = session.scalar(text("SELECT count(*) FROM idle WHERE holder = 'me'"))
        everybody_has_read.wait()
        if not held:
            session.execute(
                text(
                    "UPDATE idle SET holder = 'me' WHERE n = (SELECT n FROM idle"
                    " WHERE holder = '' ORDER BY n LIMIT 1 FOR UPDATE SKIP LOCKED)"
                )
            )

    race_transactions(database, move, runners=5)

    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM idle WHERE holder = 'me'")) == 5


def test_a_stop_against_checks_of_others_never_lets_one_too_many_in(
    shop: Shop, make: Factory
) -> None:
    for _ in range(5):
        license = own_license(shop, make, slots=1)
        holder = server("203.0.113.1")
        take(shop, license, holder)

        def stop(license: License = license, holder: Server = holder) -> Binding:
            with shop.database.transaction() as session:
                release_slot(session, license.id, holder)
            return Binding.HELD

        others = [server(f"198.51.100.{n}") for n in range(1, 10)]
        calls: list[Callable[[], Binding | DomainError]] = [stop]
        calls += [partial(take, shop, license, who) for who in others]
        outcomes: Counter[object] = Counter(race(calls)[1:])

        assert outcomes[Binding.BOUND] <= 1
        assert outcomes[Binding.FULL] >= 8
        assert len(slots_of(shop, license.id)) <= 1
