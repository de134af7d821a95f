"""A licence of somebody, and game servers that want to run on it."""

from __future__ import annotations

import ipaddress
from uuid import UUID

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.licenses.lookup import KeyLookup
from storefront.licenses.models import License
from storefront.licenses.slots import Server
from storefront.licenses.usage_models import LicenseEvent, LicenseSlot
from storefront.licenses.verification import Code, Question, judge
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory


def own_license(shop: Shop, make: Factory, *, slots: int = 2, owner: User | None = None) -> License:
    """A licence with so many slots, bought by `owner` or by somebody new."""
    owner = owner or make.user()
    buy(shop, make, owner, (make.product(price=baht(100), slots=slots), 1))
    with shop.database.reading() as session:
        return (
            session.scalars(
                select(License).where(License.user_id == owner.id).order_by(License.id.desc())
            ).first()
            or License()
        )


def code_of(shop: Shop, key: str) -> Code:
    """The verdict on a key as far as it does not hang on slots, from the desk's own look-up."""
    lookup = KeyLookup(shop.settings.database_url)
    question = Question(key, "", "", "", "", "", "", "203.0.113.7", "203.0.113.7/32")
    try:
        facts = lookup.find(shop.vault.hash_key(key) or "", network=question.network, version="")
    finally:
        lookup.close()
    return judge(facts, question, now=shop.clock())


def server(address: str, *, server_id: str | None = None, resource: str = "qr") -> Server:
    """A game server at this address, IPv4 or a whole IPv6 /64."""
    return Server(
        network=ipaddress.ip_network(address), server_id=server_id, resource=resource, version="1.0"
    )


def slots_of(shop: Shop, license_id: UUID) -> dict[int, str]:
    """The networks that hold a slot, by position."""
    with shop.database.reading() as session:
        rows = session.execute(
            select(LicenseSlot.position, LicenseSlot.network)
            .where(LicenseSlot.license_id == license_id)
            .order_by(LicenseSlot.position)
        )
        return {row.position: str(row.network) for row in rows}


def events_of(shop: Shop, license_id: UUID) -> list[str]:
    """What the diary of a licence says about its slots, oldest first."""
    with shop.database.reading() as session:
        return [
            action
            for action in session.scalars(
                select(LicenseEvent.action)
                .where(LicenseEvent.license_id == license_id)
                .order_by(LicenseEvent.id)
            )
            if action.startswith("slot")
        ]
