"""The list of what game servers asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from jobs.cleanup import purge
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.licenses.checks import KEPT, Check, forget_checks, list_checks, write_checks
from storefront.licenses.usage_models import LicenseCheck
from tests.support.factories import Factory
from tests.support.licenses import own_license


def check(shop: Shop, **values: Any) -> Check:
    made = Check(
        id=new_id(),
        license_id=None,
        key_hint="ABCD",
        code="VALID",
        address="203.0.113.7",
        product="qr-mdt",
        resource="qr_mdt",
        version="1.0.0",
        server_id=None,
        event="",
        created_at=shop.clock(),
    )
    return made._replace(**values)


def written(shop: Shop) -> int:
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(LicenseCheck)) or 0


def test_the_newest_checks_come_first_and_only_those_of_this_licence(
    shop: Shop, make: Factory
) -> None:
    license, other = own_license(shop, make), own_license(shop, make)
    codes = [f"CODE{n}" for n in range(25)]
    checks = [check(shop, license_id=license.id, code=code, server_id="s") for code in codes]
    checks.insert(7, check(shop, license_id=other.id, address="2001:db8::1"))
    with shop.database.transaction() as session:
        write_checks(session, checks)

    with shop.database.reading() as session:
        rows = list_checks(session, license.id)
        (row,) = list_checks(session, other.id)
    assert [one.code for one in rows] == codes[:-21:-1]
    assert (row.address, row.server_id, row.resource) == ("2001:db8::1", None, "qr_mdt")


def test_writing_twice_writes_once_and_a_licence_that_is_gone_is_no_fault(shop: Shop) -> None:
    checks = [check(shop), check(shop, license_id=new_id())]
    for _ in range(2):
        with shop.database.transaction() as session:
            write_checks(session, checks)
            write_checks(session, [])

    assert written(shop) == 2


def test_checks_are_forgotten_after_ninety_days(shop: Shop) -> None:
    now = shop.clock()
    with shop.database.transaction() as session:
        write_checks(
            session,
            [
                check(shop, created_at=now - KEPT - timedelta(seconds=1)),
                check(shop, created_at=now - KEPT + timedelta(seconds=1)),
            ],
        )

    purge(shop)

    assert written(shop) == 1
    with shop.database.transaction() as session:
        assert forget_checks(session, now=now) == 0
