"""Issuing, showing and ending licences."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.licenses.models import License, LicenseStatus, effective_status
from storefront.licenses.service import Grant, issue_licenses, reveal_key, revoke_license
from storefront.licenses.verification import Code
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory
from tests.support.licenses import code_of


def licenses_of(shop: Shop) -> list[License]:
    with shop.database.reading() as session:
        return list(session.scalars(select(License).order_by(License.id)))


def test_every_unit_gets_a_key_of_its_own_that_ends_when_it_should(
    shop: Shop, make: Factory
) -> None:
    before = shop.clock()
    buyer = make.user()
    buy(shop, make, buyer, (make.product(price=baht(100), duration_days=30, slots=3), 2))

    issued = licenses_of(shop)

    assert len({license.key_hash for license in issued}) == 2
    assert [(license.unit, license.slots) for license in issued] == [(1, 3), (2, 3)]
    for license in issued:
        assert license.expires_at is not None
        assert license.expires_at - license.created_at == timedelta(days=30)
        assert before <= license.created_at <= shop.clock()
        key = shop.vault.open(license.key_encrypted)
        assert shop.vault.hash_key(key) == license.key_hash


def test_issuing_again_issues_nothing_and_changes_no_key(shop: Shop, make: Factory) -> None:
    buyer = make.user()
    buy(shop, make, buyer, (make.product(price=baht(100)), 1))
    (first,) = licenses_of(shop)
    line_id = first.order_line_id
    assert line_id is not None

    with shop.database.transaction() as session:
        issue_licenses(
            session,
            [
                Grant(
                    order_line_id=line_id,
                    product_id=first.product_id,
                    variant_id=first.variant_id,
                    unit=1,
                    slots=9,
                    duration_days=None,
                )
            ],
            user_id=buyer.id,
            vault=shop.vault,
            now=shop.clock(),
        )

    (again,) = licenses_of(shop)
    assert (again.key_hash, again.slots) == (first.key_hash, first.slots)


def test_the_database_refuses_a_second_licence_for_the_same_unit(shop: Shop, make: Factory) -> None:
    buy(shop, make, make.user(), (make.product(price=baht(100)), 1))
    (first,) = licenses_of(shop)
    columns = {column.key: getattr(first, column.key) for column in License.__table__.columns}

    def copy() -> None:
        with shop.database.transaction() as session:
            session.add(License(**columns | {"id": new_id(), "key_hash": "0" * 64}))

    with pytest.raises(IntegrityError, match="uq_licenses"):
        copy()


def test_a_key_is_shown_to_its_owner_alone(shop: Shop, make: Factory) -> None:
    owner, other = make.user(), make.user()
    buy(shop, make, owner, (make.product(price=baht(100)), 1))
    (license,) = licenses_of(shop)

    with shop.database.reading() as session:
        key = reveal_key(session, license.id, user_id=owner.id, vault=shop.vault)
        assert code_of(shop, key) == Code.VALID
        for license_id, user_id in ((license.id, other.id), (new_id(), owner.id)):
            with pytest.raises(NotFound):
                reveal_key(session, license_id, user_id=user_id, vault=shop.vault)


def test_revoking_counts_at_once_and_is_written_down_once(shop: Shop, make: Factory) -> None:
    staff = make.user(role="admin")
    buy(shop, make, make.user(), (make.product(price=baht(100)), 1))
    (license,) = licenses_of(shop)
    key = shop.vault.open(license.key_encrypted)

    for _ in range(2):
        with shop.database.transaction() as session:
            revoke_license(session, license.id, actor_id=staff.id, reason="chargeback")

    with shop.database.reading() as session:
        written = session.scalars(select(AuditEntry)).all()
    assert code_of(shop, key) == Code.REVOKED
    assert [(e.action, e.actor_id, e.detail) for e in written] == [
        ("revoke_license", staff.id, {"reason": "chargeback"})
    ]
    with pytest.raises(NotFound), shop.database.transaction() as session:
        revoke_license(session, new_id(), actor_id=staff.id, reason="x")


def test_only_an_active_licence_can_expire(shop: Shop) -> None:
    now = shop.clock()
    ended, running = now - timedelta(seconds=1), now + timedelta(seconds=1)

    assert effective_status("active", None, now=now) is LicenseStatus.ACTIVE
    assert effective_status("active", running, now=now) is LicenseStatus.ACTIVE
    assert effective_status("active", now, now=now) is LicenseStatus.EXPIRED
    assert effective_status("active", ended, now=now) is LicenseStatus.EXPIRED
    assert effective_status("revoked", ended, now=now) is LicenseStatus.REVOKED
    assert effective_status("suspended", ended, now=now) is LicenseStatus.SUSPENDED
    assert effective_status("expired", None, now=now) is LicenseStatus.EXPIRED
