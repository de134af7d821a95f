"""Licences that look shared are flagged, and suspended only by a rule somebody switched on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from jobs.licenses import watch_licenses
from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.licenses.abuse_rules import AbuseRules, change_rules, find_rules
from storefront.licenses.flags import close_flag, list_flags
from storefront.licenses.models import License
from storefront.licenses.usage_models import FlagState, LicenseFlag
from storefront.notifications.models import Notification
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory
from tests.support.gateway import at
from tests.support.license_use import ask, diary_of, now, only_license, read_license


def flags_of(shop: Shop) -> list[LicenseFlag]:
    with shop.database.reading() as session:
        return list(session.scalars(select(LicenseFlag).order_by(LicenseFlag.id)))


def rule(shop: Shop, staff: User, **values: object) -> None:
    with shop.database.transaction() as session:
        _rules, revision = find_rules(session)
        change_rules(
            session,
            AbuseRules(**values),  # type: ignore[arg-type]
            revision=revision,
            actor_id=staff.id,
        )


def spread(shop: Shop, license_id: UUID, networks: int, **values: object) -> None:
    for n in range(networks):
        ask(shop, license_id, f"198.51.100.{n + 1}", **values)  # type: ignore[arg-type]


def test_a_key_in_more_networks_than_the_rules_allow_is_flagged_with_the_evidence(
    shop: Shop, owner: User, license: License
) -> None:
    spread(shop, license.id, 8, code="IP_SLOTS_FULL")
    assert watch_licenses(shop) == 0
    ask(shop, license.id, "198.51.100.99")

    assert [watch_licenses(shop), watch_licenses(shop)] == [1, 0]

    (flag,) = flags_of(shop)
    assert (flag.kind, flag.state) == ("many_networks", "open")
    assert (flag.evidence["count"], flag.evidence["limit"]) == (9, 8)
    assert flag.evidence["networks"][0]["network"] == "198.51.100.99/32"
    assert flag.evidence["networks"][0]["good"] == 1
    assert read_license(shop, license.id).status == "active"


def test_many_addresses_of_one_ipv6_network_are_one_server(shop: Shop, license: License) -> None:
    for n in range(12):
        ask(shop, license.id, f"2001:db8:1:2::{n + 1:x}")

    assert watch_licenses(shop) == 0


def test_what_was_asked_the_day_before_is_forgotten(shop: Shop, license: License) -> None:
    spread(shop, license.id, 12, ago=timedelta(hours=25))

    assert watch_licenses(shop) == 0


def test_the_owner_is_told_once_a_day(shop: Shop, owner: User, license: License) -> None:
    spread(shop, license.id, 9)
    for _ in range(3):
        watch_licenses(shop)

    with shop.database.reading() as session:
        told = session.scalars(
            select(Notification.context).where(Notification.event == "license_many_networks")
        ).all()
    assert [context["count"] for context in told] == [9]
    assert diary_of(shop, license.id) == ["issued", "many_networks"]


def test_more_good_servers_in_an_hour_than_slots_are_flagged(shop: Shop, license: License) -> None:
    spread(shop, license.id, 2)
    spread(shop, license.id, 3, code="IP_SLOTS_FULL")
    ask(shop, license.id, "198.51.100.77", ago=timedelta(minutes=61))
    assert watch_licenses(shop) == 0
    ask(shop, license.id, "198.51.100.78")

    assert watch_licenses(shop) == 1
    (flag,) = flags_of(shop)
    assert (flag.kind, flag.evidence["count"], flag.evidence["slots"]) == (
        "more_live_than_slots",
        3,
        2,
    )


def test_keys_of_two_accounts_that_start_on_one_server_are_flagged(
    shop: Shop, make: Factory, license: License
) -> None:
    other = make.user()
    buy(shop, make, other, (make.product(), 1))
    theirs = only_license(shop, other)
    minute = now().replace(second=30) - timedelta(minutes=5)

    def start(license_id: UUID, server_id: str | None, event: str = "start") -> None:
        ask(
            shop,
            license_id,
            "203.0.113.7",
            server_id=server_id,
            event=event,
            created_at=minute,
        )

    # One address is many customers of one host, and a heartbeat is no start.
    for license_id in (license.id, theirs.id):
        start(license_id, None)
        start(license_id, f"box-{license_id}")
        start(license_id, "box", event="heartbeat")
    assert watch_licenses(shop) == 0
    for license_id in (license.id, theirs.id):
        start(license_id, "box")

    assert watch_licenses(shop) == 2
    for flag in flags_of(shop):
        assert flag.kind == "products_never_together"
        assert flag.evidence["accounts"] == 2
        assert set(flag.evidence["licenses"]) == {str(license.id), str(theirs.id)}


def test_scripts_of_one_account_start_together_all_the_time(
    shop: Shop, make: Factory, owner: User
) -> None:
    buy(shop, make, owner, (make.product(), 2))
    with shop.database.reading() as session:
        ids = session.scalars(select(License.id)).all()
    for license_id in ids:
        ask(shop, license_id, "203.0.113.7", server_id="box", event="start")

    assert watch_licenses(shop) == 0


@pytest.mark.parametrize(
    ("values", "suspended"),
    [
        ({}, False),
        ({"suspend_more_live": True}, False),
        ({"suspend_many_networks": True}, True),
    ],
)
def test_only_the_rule_for_it_suspends(
    shop: Shop,
    owner: User,
    staff: User,
    license: License,
    values: dict[str, bool],
    suspended: bool,
) -> None:
    rule(shop, staff, networks_a_day=3, **values)
    spread(shop, license.id, 4, code="IP_SLOTS_FULL")

    watch_licenses(shop)
    watch_licenses(shop)

    assert (read_license(shop, license.id).status == "suspended") is suspended
    (flag,) = flags_of(shop)
    assert flag.state == ("acted_on" if suspended else "open")
    with shop.database.reading() as session:
        audit = session.scalars(
            select(AuditEntry.detail).where(AuditEntry.action == "suspend_license")
        ).all()
    assert audit == ([{"rule": "many_networks"}] if suspended else [])


def test_what_staff_have_closed_is_not_raised_again_by_the_same_day(
    shop: Shop, staff: User, license: License
) -> None:
    spread(shop, license.id, 9, code="IP_SLOTS_FULL")
    watch_licenses(shop)
    (flag,) = flags_of(shop)

    def close(state: FlagState, reason: str = "a big community", flag_id=flag.id) -> None:
        with shop.database.transaction() as session:
            close_flag(
                session,
                flag_id,
                state=state,
                actor_id=staff.id,
                reason=reason,
                now=shop.clock(),
            )

    with pytest.raises(Invalid):
        close(FlagState.DISMISSED, reason=" ")
    with pytest.raises(Invalid):
        close(FlagState.OPEN)
    with pytest.raises(NotFound):
        close(FlagState.DISMISSED, flag_id=new_id())
    for _ in range(2):
        close(FlagState.DISMISSED)
    with pytest.raises(Conflict):
        close(FlagState.ACTED_ON)

    assert watch_licenses(shop) == 0
    (closed,) = flags_of(shop)
    assert (closed.state, closed.closed_by) == ("dismissed", staff.id)
    later = at(shop, shop.clock() + timedelta(hours=25))
    seen = later.clock() - timedelta(minutes=5)
    spread(shop, license.id, 9, code="IP_SLOTS_FULL", created_at=seen)
    assert watch_licenses(later) == 1


def test_flags_are_listed_with_licence_and_owner(shop: Shop, owner: User, license: License) -> None:
    spread(shop, license.id, 9)
    watch_licenses(shop)

    with shop.database.reading() as session:
        found = list_flags(session, kind="many_networks")
        none = list_flags(session, state=FlagState.DISMISSED)
    assert [(row.license.id, row.owner.id) for row in found.items] == [(license.id, owner.id)]
    assert none.items == []


def test_rules_are_saved_once_with_an_audit_entry(shop: Shop, staff: User) -> None:
    rule(shop, staff, networks_a_day=5)
    rule(shop, staff, networks_a_day=5)
    with shop.database.reading() as session:
        assert find_rules(session) == (AbuseRules(networks_a_day=5), 1)
        entries = session.scalars(select(AuditEntry.detail)).all()
    assert entries == [{"changes": {"networks_a_day": [8, 5]}}]
    for refused, wrong in ((Invalid, 1), (Conflict, 6)):
        with pytest.raises(refused), shop.database.transaction() as session:
            change_rules(session, AbuseRules(networks_a_day=wrong), revision=0, actor_id=staff.id)
