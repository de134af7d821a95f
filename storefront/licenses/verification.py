"""Is this key good? The verdict a game server gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from storefront.accounts.models import User
from storefront.catalog.models import Product, Release
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import License, LicenseStatus, effective_status

NEXT_CHECK: Final = timedelta(hours=6)
GRACE: Final = timedelta(hours=72)


class Code(StrEnum):
    """Verdicts, stable for programs."""

    VALID = "VALID"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    PRODUCT_MISMATCH = "PRODUCT_MISMATCH"


MESSAGES: Final = {
    Code.VALID: "The licence is valid.",
    Code.NOT_FOUND: "This licence key is unknown. Check it for typing mistakes.",
    Code.EXPIRED: "This licence has expired. Renew it in the shop.",
    Code.REVOKED: "This licence was revoked. Contact the seller.",
    Code.SUSPENDED: "This licence is suspended. Contact the seller.",
    Code.PRODUCT_MISMATCH: "This licence key belongs to another product.",
}
_BY_STATUS: Final = {
    LicenseStatus.ACTIVE: Code.VALID,
    LicenseStatus.EXPIRED: Code.EXPIRED,
    LicenseStatus.SUSPENDED: Code.SUSPENDED,
    LicenseStatus.REVOKED: Code.REVOKED,
}


_newest = aliased(Release)
# Built once: an alias made per call would be compiled anew for every game server that asks.
_FACTS: Final = (
    select(
        License.status,
        License.expires_at,
        License.slots,
        Product.slug,
        User.username,
        select(_newest.version)
        .where(
            _newest.product_id == License.product_id,
            _newest.channel == "stable",
            _newest.published_at <= bindparam("now"),
            _newest.yanked_at.is_(None),
        )
        .order_by(_newest.published_at.desc())
        .limit(1)
        .scalar_subquery()
        .label("latest_version"),
    )
    .join(Product, Product.id == License.product_id)
    .join(User, User.id == License.user_id)
    .where(License.key_hash == bindparam("key_hash"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a licence that was found."""

    product: str
    status: LicenseStatus
    expires_at: datetime | None
    slots: int
    username: str
    latest_version: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision; `facts` is None when the key is unknown."""

    code: Code
    facts: Facts | None


def verify_key(
    session: Session, key: str, *, product: str | None, vault: KeyVault, now: datetime
) -> Verdict:
    """Look a key up and judge it: one indexed query, no writes, no locks.

    `product` is the slug the caller asks for; without one any product is right. A key bought for
    another product says so only when it is otherwise known, whatever its state.
    """
    key_hash = vault.hash_key(key)
    facts = None if key_hash is None else _find_facts(session, key_hash, now=now)
    if facts is None:
        return Verdict(Code.NOT_FOUND, None)
    if product and product.strip().lower() != facts.product:
        return Verdict(Code.PRODUCT_MISMATCH, facts)
    return Verdict(_BY_STATUS[facts.status], facts)


def _find_facts(session: Session, key_hash: str, *, now: datetime) -> Facts | None:
    row = session.execute(_FACTS, {"key_hash": key_hash, "now": now}).one_or_none()
    if row is None:
        return None
    return Facts(
        product=row.slug,
        status=effective_status(row.status, row.expires_at, now=now),
        expires_at=row.expires_at,
        slots=row.slots,
        username=row.username,
        latest_version=row.latest_version or "",
    )
