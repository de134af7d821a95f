"""Which licences look shared, read from the checks of the last 24 hours.

A suspicion says what was seen, not what it means: many people rent servers behind one address, and
a server that moves house is in two places on that day. Staff decide (see `flags`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, distinct, func, select
from sqlalchemy.orm import Session

from storefront.catalog.models import Product
from storefront.kit.ids import first_id_at
from storefront.licenses.abuse_rules import AbuseRules
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.usage_models import LicenseCheck

MANY_NETWORKS: Final = "many_networks"
MORE_LIVE: Final = "more_live_than_slots"
NEVER_TOGETHER: Final = "products_never_together"

WINDOW: Final = timedelta(hours=24)
LIVE_WINDOW: Final = timedelta(hours=1)
MOST: Final = 200
MOST_EVIDENCE: Final = 20

# IPv4 exactly, IPv6 by its /64: as `addresses.network_of` tells servers apart.
_NETWORK: Final = func.network(
    func.set_masklen(
        LicenseCheck.address, case((func.family(LicenseCheck.address) == 4, 32), else_=64)
    )
)
_IS_GOOD: Final = LicenseCheck.code == "VALID"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What looks wrong about a licence, as it is kept in `license_flags`."""

    license_id: UUID
    kind: str
    evidence: Mapping[str, Any]


def find_suspicions(session: Session, rules: AbuseRules, *, now: datetime) -> Sequence[Suspicion]:
    """Everything that looks wrong now, at most 200 licences of each kind; reads only."""
    return (
        *_many_networks(session, rules.networks_a_day, now=now),
        *_more_live_than_slots(session, now=now),
        *_never_together(session, now=now),
    )


def _many_networks(session: Session, most: int, *, now: datetime) -> Sequence[Suspicion]:
    """One key from more networks in 24 hours than the rules allow, good or refused: a key that was
    passed around is mostly refused, as its slots are taken."""
    since = _since(now - WINDOW)
    found = session.execute(
        _per_license(since).having(func.count(distinct(_NETWORK)) > most).limit(MOST)
    ).all()
    return tuple(
        Suspicion(
            row.id,
            MANY_NETWORKS,
            {
                "hours": 24,
                "count": row.networks,
                "limit": most,
                "networks": _networks(session, row.id, since),
            },
        )
        for row in found
    )


def _more_live_than_slots(session: Session, *, now: datetime) -> Sequence[Suspicion]:
    """Good answers to more networks within one hour than the licence has slots: servers that take
    turns by resets and moves."""
    since = and_(_since(now - LIVE_WINDOW), _IS_GOOD)
    found = session.execute(
        _per_license(since).having(func.count(distinct(_NETWORK)) > License.slots).limit(MOST)
    ).all()
    return tuple(
        Suspicion(
            row.id,
            MORE_LIVE,
            {
                "hours": 1,
                "count": row.networks,
                "slots": row.slots,
                "networks": _networks(session, row.id, since),
            },
        )
        for row in found
    )


def _never_together(session: Session, *, now: datetime) -> Sequence[Suspicion]:
    """One server, by address and its own id, that started scripts within one minute whose keys
    belong to different accounts. It shows that keys of several people run on one machine: friends
    who built a server together do that, and so do people who trade keys. An address alone shows
    nothing, because many rent behind one."""
    minute = func.date_trunc("minute", LicenseCheck.created_at)
    found = session.execute(
        select(
            _NETWORK.label("network"),
            LicenseCheck.server_id,
            minute.label("minute"),
            func.count(distinct(License.user_id)).label("accounts"),
            func.array_agg(distinct(License.id)).label("licenses"),
            func.array_agg(distinct(Product.slug)).label("products"),
        )
        .join(License, License.id == LicenseCheck.license_id)
        .join(Product, Product.id == License.product_id)
        .where(
            _since(now - WINDOW),
            _IS_GOOD,
            LicenseCheck.event == "start",
            LicenseCheck.server_id.is_not(None),
            LicenseCheck.server_id != "",
        )
        .group_by(_NETWORK, LicenseCheck.server_id, minute)
        .having(func.count(distinct(License.user_id)) > 1)
        .order_by(minute)
        .limit(MOST)
    ).all()
    # The last time for each licence.
    seen = {
        license_id: {
            "address": str(row.network),
            "server_id": row.server_id,
            "minute": row.minute.isoformat(),
            "accounts": row.accounts,
            "licenses": [str(one) for one in row.licenses[:MOST_EVIDENCE]],
            "products": list(row.products[:MOST_EVIDENCE]),
        }
        for row in found
        for license_id in row.licenses
    }
    return tuple(Suspicion(one, NEVER_TOGETHER, evidence) for one, evidence in seen.items())


def _since(moment: datetime) -> ColumnElement[bool]:
    return and_(LicenseCheck.id >= first_id_at(moment), LicenseCheck.created_at > moment)


def _per_license(which: ColumnElement[bool]) -> Select[UUID, int, int]:
    return (
        select(License.id, License.slots, func.count(distinct(_NETWORK)).label("networks"))
        .join(LicenseCheck, LicenseCheck.license_id == License.id)
        .where(which, License.status == LicenseStatus.ACTIVE)
        .group_by(License.id)
        .order_by(License.id)
    )


def _networks(
    session: Session, license_id: UUID, which: ColumnElement[bool]
) -> list[dict[str, Any]]:
    rows = session.execute(
        select(
            _NETWORK.label("network"),
            func.count().label("checks"),
            func.count().filter(_IS_GOOD).label("good"),
            func.max(LicenseCheck.created_at).label("last_seen"),
        )
        .where(LicenseCheck.license_id == license_id, which)
        .group_by(_NETWORK)
        .order_by(func.max(LicenseCheck.created_at).desc())
        .limit(MOST_EVIDENCE)
    )
    return [
        {
            "network": str(row.network),
            "checks": row.checks,
            "good": row.good,
            "last_seen": row.last_seen.isoformat(),
        }
        for row in rows
    ]
