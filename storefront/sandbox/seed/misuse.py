"""A licence of the demo that looks shared: servers, checks and an open flag with its evidence."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.kit.ids import new_id
from storefront.licenses.abuse import MANY_NETWORKS, find_suspicions
from storefront.licenses.abuse_rules import find_rules
from storefront.licenses.flags import raise_flag
from storefront.licenses.models import License, LicenseSource, LicenseStatus
from storefront.licenses.usage_models import LicenseCheck, LicenseFlag

SLUG: Final = "qr-garage"
ADDRESSES: Final = tuple(f"198.51.100.{20 + n}" for n in range(9))


def seed_misuse(shop: Shop, *, now: datetime) -> None:
    """Checks of one day from nine networks, and what the nightly look makes of them. Seeding again
    adds nothing."""
    with shop.database.transaction() as session:
        license_id = session.scalar(
            select(License.id)
            .join(Product, Product.id == License.product_id)
            .where(
                Product.slug == SLUG,
                License.status == LicenseStatus.ACTIVE,
                License.source == LicenseSource.ORDER,
            )
            .order_by(License.id)
            .limit(1)
        )
        if license_id is None or _has_flag(session, license_id):
            return
        license = session.get_one(License, license_id)
        session.add_all(_checks(license, now))
        session.flush()
        rules, _revision = find_rules(session)
        for suspicion in find_suspicions(session, rules, now=now):
            if suspicion.kind == MANY_NETWORKS:
                raise_flag(session, suspicion, rules, now=now)


def _has_flag(session: Session, license_id: object) -> bool:
    found = session.scalar(
        select(LicenseFlag.id).where(LicenseFlag.license_id == license_id).limit(1)
    )
    return found is not None


def _checks(license: License, now: datetime) -> list[LicenseCheck]:
    return [
        LicenseCheck(
            id=new_id(),
            license_id=license.id,
            key_hint=license.key_hint,
            code="VALID" if n < license.slots else "IP_SLOTS_FULL",
            address=ip_address(address),
            product=SLUG,
            resource=SLUG,
            version="1.0.0",
            event="start",
            created_at=now - timedelta(minutes=5 + 50 * n),
        )
        for n, address in reversed(list(enumerate(ADDRESSES)))
    ]
