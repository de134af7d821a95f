"""Licences in use, for the pages of staff: servers that hold slots, checks, flags."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.kit.ids import new_id
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseCheck, LicenseFlag, LicenseSlot
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory


def bought(shop: Shop, make: Factory, *, item: Product | None = None, **owner: Any) -> License:
    """One unit, bought by somebody new."""
    user = make.user(**owner)
    product = item or make.product(duration_days=30)
    buy(shop, make, user, (product, 1))
    with shop.database.reading() as session:
        return (
            session.scalars(
                select(License).where(License.user_id == user.id).order_by(License.id.desc())
            ).first()
            or raise_missing()
        )


def raise_missing() -> License:
    raise AssertionError("nothing was bought")


def key_of(shop: Shop, license: License) -> str:
    """The whole key, as its owner reads it."""
    return shop.vault.open(license.key_encrypted)


def now_in(shop: Shop, license_id: UUID) -> License:
    """The licence as it stands now."""
    with shop.database.reading() as session:
        return session.get_one(License, license_id)


def binds(shop: Shop, license: License, address: str, *, position: int = 1) -> None:
    """A server holds a slot."""
    with shop.database.transaction() as session:
        session.add(
            LicenseSlot(
                license_id=license.id,
                position=position,
                network=ip_network(address),
                resource="qr-garage",
            )
        )


def asks(
    shop: Shop, license: License, address: str, *, code: str = "VALID", times: int = 1
) -> None:
    """A server asked."""
    with shop.database.transaction() as session:
        session.add_all(
            LicenseCheck(
                id=new_id(),
                license_id=license.id,
                key_hint=license.key_hint,
                code=code,
                address=ip_address(address),
                resource="qr-garage",
                event="start",
            )
            for _ in range(times)
        )


def flags(shop: Shop, license: License, kind: str, evidence: dict[str, Any]) -> UUID:
    """Something about it looks wrong."""
    flag = LicenseFlag(id=new_id(), license_id=license.id, kind=kind, evidence=evidence)
    with shop.database.transaction() as session:
        session.add(flag)
    return flag.id


def audits(shop: Shop) -> list[AuditEntry]:
    """What staff did, the sign-ins aside."""
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(AuditEntry)
                .where(AuditEntry.action.not_in(("sign_in", "sign_out")))
                .order_by(AuditEntry.id)
            )
        )


def many_networks(at: datetime) -> dict[str, Any]:
    """The evidence of a key in many networks, as the job writes it."""
    return {
        "hours": 24,
        "count": 9,
        "limit": 5,
        "networks": [
            {
                "network": "203.0.113.7/32",
                "checks": 12,
                "good": 3,
                "last_seen": (at - timedelta(hours=1)).isoformat(),
            }
        ],
    }
