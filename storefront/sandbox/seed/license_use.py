"""What the demo's licences have been through: servers that run, one that was refused, a diary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.kit.ids import id_at
from storefront.licenses.addresses import network_of
from storefront.licenses.events import SERVER, SYSTEM, by_owner
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.usage_models import LicenseCheck, LicenseEvent, LicenseSlot

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
HOME, SECOND, NEW = "203.0.113.24", "203.0.113.87", "198.51.100.61"
_HEARTBEATS: Final = 4
_CHECK_EVERY: Final = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Check:
    """A question of a server so long before the moment of seeding."""

    ago: timedelta
    address: str
    code: str = "VALID"
    event: str = "heartbeat"
    product: str | None = None


GOOD: Final = (
    Check(5 * DAY, SECOND, event="start"),
    Check(4 * DAY, SECOND),
    Check(30 * HOUR, HOME, event="start"),
    *(Check(n * _CHECK_EVERY + HOUR, HOME) for n in range(_HEARTBEATS, 0, -1)),
    Check(100 * timedelta(minutes=1), NEW, "PRODUCT_MISMATCH", "start", "qr-hud"),
    Check(80 * timedelta(minutes=1), NEW, "IP_SLOTS_FULL", "start"),
    Check(timedelta(minutes=20), HOME),
)
ENDED: Final = {
    LicenseStatus.EXPIRED: (
        Check(20 * DAY, HOME),
        Check(14 * DAY, HOME, "EXPIRED", "start"),
        Check(2 * DAY, HOME, "EXPIRED", "start"),
    ),
    LicenseStatus.REVOKED: (
        *(Check(9 * DAY - n * HOUR, f"198.51.100.{n + 10}", "IP_SLOTS_FULL") for n in range(6)),
        Check(3 * DAY, HOME, "REVOKED", "start"),
    ),
}


def seed_license_use(shop: Shop, *, now: datetime) -> None:
    """Servers, checks and events for every licence that has none yet, so seeding again adds
    nothing."""
    with shop.database.transaction() as session:
        found = session.execute(
            select(License, Product.slug)
            .join(Product, Product.id == License.product_id)
            .where(~select(LicenseCheck.id).where(LicenseCheck.license_id == License.id).exists())
            .order_by(License.id)
        ).all()
        for license, slug in found:
            _seed(session, license, slug, now=now)


def _seed(session: Session, license: License, slug: str, *, now: datetime) -> None:
    status = license.effective_status(now)
    _date_issue(session, license)
    if status is LicenseStatus.ACTIVE:
        _bind(session, license, slug, now=now)
    for check in _checks(license, ENDED.get(status, GOOD), now=now):
        _ask(session, license, slug, check, now=now)


def _checks(license: License, story: Sequence[Check], *, now: datetime) -> Sequence[Check]:
    """Those of a story that a licence of this age can have lived through."""
    age = now - license.created_at
    return [check for check in story if check.ago < age]


def _date_issue(session: Session, license: License) -> None:
    session.execute(
        update(LicenseEvent)
        .where(LicenseEvent.license_id == license.id, LicenseEvent.action == "issued")
        .values(id=id_at(license.created_at), created_at=license.created_at)
    )


def _bind(session: Session, license: License, slug: str, *, now: datetime) -> None:
    """The server at home runs; where there is a second place, one that has been idle holds it. The
    last place is always an idle one, so that whoever tries a key of the demo is let in."""
    running = [(HOME, 30 * HOUR, timedelta(minutes=20)), (SECOND, 5 * DAY, 4 * DAY)]
    if license.slots == 1:
        running = running[1:]
    age = now - license.created_at
    for position, (address, bound, seen) in enumerate(running[: license.slots], start=1):
        if bound >= age:
            continue
        session.add(
            LicenseSlot(
                license_id=license.id,
                position=position,
                network=network_of(address),
                server_id=f"town-{position}",
                resource=slug,
                version="1.0.0",
                bound_at=now - bound,
                last_seen_at=now - seen,
            )
        )
        where = {"network": str(network_of(address))}
        _record(session, license, "slot_bound", SERVER, now - bound, where)
    if age > 3 * DAY:
        _record(session, license, "key_shown", by_owner(license.user_id), now - 3 * DAY, {})
    if license.expires_at is not None and license.expires_at < now + 14 * DAY:
        told = {"days": 14, "until": license.expires_at.isoformat()}
        _record(session, license, "expiring", SYSTEM, license.expires_at - 14 * DAY, told)


def _ask(session: Session, license: License, slug: str, check: Check, *, now: datetime) -> None:
    at = now - check.ago
    session.add(
        LicenseCheck(
            id=id_at(at),
            license_id=license.id,
            key_hint=license.key_hint,
            code=check.code,
            address=ip_address(check.address),
            product=check.product or slug,
            resource=check.product or slug,
            version="1.0.0",
            server_id="town-1" if check.address == HOME else None,
            event=check.event,
            created_at=at,
        )
    )


def _record(
    session: Session,
    license: License,
    action: str,
    actor: str,
    at: datetime,
    detail: dict[str, Any],
) -> None:
    session.add(
        LicenseEvent(
            id=id_at(at),
            license_id=license.id,
            action=action,
            actor=actor,
            detail=detail,
            created_at=at,
        )
    )
