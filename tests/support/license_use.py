"""Licences in use: what servers left behind, as the endpoint would write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from storefront.accounts.models import SignInSession, User
from storefront.accounts.queries import hash_token
from storefront.bootstrap import Shop
from storefront.kit.ids import id_at
from storefront.licenses.addresses import network_of
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseCheck, LicenseEvent, LicenseSlot


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def read_license(shop: Shop, license_id: UUID) -> License:
    """The licence as it stands in the database."""
    with shop.database.reading() as session:
        return session.scalars(select(License).where(License.id == license_id)).one()


def only_license(shop: Shop, user: User) -> License:
    """The one licence of somebody."""
    with shop.database.reading() as session:
        return session.scalars(select(License).where(License.user_id == user.id)).one()


def find_by_key(shop: Shop, key: str) -> UUID | None:
    """The licence that a key opens."""
    with shop.database.reading() as session:
        return session.scalar(
            select(License.id).where(License.key_hash == shop.vault.hash_key(key))
        )


def set_license(shop: Shop, license_id: UUID, **values: Any) -> None:
    """Put a licence into another state."""
    with shop.database.transaction() as session:
        session.execute(update(License).where(License.id == license_id).values(**values))


def bind(
    shop: Shop,
    license_id: UUID,
    address: str,
    *,
    position: int = 1,
    idle: timedelta = timedelta(0),
    **values: Any,
) -> None:
    """A server that has a slot and last asked so long ago."""
    seen = now() - idle
    with shop.database.transaction() as session:
        session.add(
            LicenseSlot(
                **{
                    "license_id": license_id,
                    "position": position,
                    "network": network_of(address),
                    "resource": "qr_script",
                    "version": "1.0.0",
                    "bound_at": seen - timedelta(days=1),
                    "last_seen_at": seen,
                    **values,
                }
            )
        )


def ask(
    shop: Shop,
    license_id: UUID | None,
    address: str,
    *,
    code: str = "VALID",
    ago: timedelta = timedelta(0),
    **values: Any,
) -> None:
    """A check of a server and its answer."""
    at = values.get("created_at", now() - ago)
    with shop.database.transaction() as session:
        session.add(
            LicenseCheck(
                **{
                    "id": id_at(at),
                    "license_id": license_id,
                    "code": code,
                    "address": ip_address(address),
                    "resource": "qr_script",
                    "version": "1.0.0",
                    "event": "heartbeat",
                    "created_at": at,
                    **values,
                }
            )
        )


def networks_of(shop: Shop, license_id: UUID) -> list[str]:
    """The networks that hold a slot, in the order of their places."""
    with shop.database.reading() as session:
        return [
            str(network)
            for network in session.scalars(
                select(LicenseSlot.network)
                .where(LicenseSlot.license_id == license_id)
                .order_by(LicenseSlot.position)
            )
        ]


def diary_of(shop: Shop, license_id: UUID) -> list[str]:
    """What happened to a licence, the oldest first."""
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(LicenseEvent.action)
                .where(LicenseEvent.license_id == license_id)
                .order_by(LicenseEvent.id)
            )
        )


def sign_in_was(shop: Shop, token: str, *, ago: timedelta) -> None:
    """Backdate a sign-in."""
    with shop.database.transaction() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.token_hash == hash_token(token))
            .values(created_at=now() - ago)
        )
