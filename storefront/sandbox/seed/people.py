"""The people of the demo and what they bought, through the shop's own functions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from storefront.accounts.service import register_identity
from storefront.bootstrap import Shop
from storefront.cart.queries import count_units
from storefront.cart.rules import CartOwner
from storefront.cart.service import add_line
from storefront.catalog.models import Product, Variant
from storefront.checkout import flow
from storefront.checkout.quotes import get_quote
from storefront.kit.clock import fixed_clock
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.licenses.models import License
from storefront.licenses.service import revoke_license
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.outbox import OutboxMessage
from storefront.providers.discord import Identity


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the sandbox's Discord knows too."""

    discord_id: str
    username: str
    display_name: str
    locale: str
    wallet: Money


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order of the past, paid from the wallet."""

    name: str
    slug: str
    variant: str
    days_ago: int
    revoked: bool = False


PEOPLE = (
    Person("100000000000000001", "mali", "Mali", "th", baht(0)),
    Person("100000000000000002", "somchai", "Somchai", "th", baht(2_500)),
    Person("100000000000000003", "anna", "Anna", "en", baht(150)),
)
OWNER, BUYER = PEOPLE[0], PEOPLE[1]
PURCHASES = (
    Purchase("expired", "qr-mdt", "trial-30", 45),
    Purchase("revoked", "qr-notify", "standard", 30, revoked=True),
    Purchase("active", "qr-garage", "standard", 12),
    # Ends in six days: to be renewed, or upgraded for what the trial did not cost already.
    Purchase("expiring", "qr-phone", "trial-30", 24),
)


def seed_people(shop: Shop, *, now: datetime) -> None:
    """Users, the buyer's wallet and past orders. Every step has a key of its own, so seeding
    again adds nothing."""
    users = {person.username: _register(shop, person) for person in PEOPLE}
    for purchase in PURCHASES:
        _buy(shop, users[BUYER.username], purchase, staff_id=users[OWNER.username], now=now)
    for person in PEOPLE:
        if person.wallet:
            _give(shop, users[person.username], person.wallet, reference="welcome", now=now)


def _register(shop: Shop, person: Person) -> UUID:
    with shop.database.transaction() as session:
        user = register_identity(
            session,
            Identity(
                discord_id=person.discord_id,
                username=person.username,
                display_name=person.display_name,
                avatar_url=None,
                email=f"{person.username}@example.com",
                email_verified=True,
                locale=person.locale,
            ),
            admin_discord_ids=shop.settings.admin_discord_ids,
        )
        return user.id


def _buy(shop: Shop, user_id: UUID, purchase: Purchase, *, staff_id: UUID, now: datetime) -> None:
    then = now - timedelta(days=purchase.days_ago)
    key = f"seed-order-{purchase.name}"
    with shop.database.reading() as reader:
        variant = reader.scalars(
            select(Variant)
            .join(Product, Product.id == Variant.product_id)
            .where(Product.slug == purchase.slug, Variant.code == purchase.variant)
        ).one()
        known = reader.scalar(
            select(License.id).where(
                License.user_id == user_id, License.product_id == variant.product_id
            )
        )
    if known is not None:
        return
    _give(shop, user_id, variant.price, reference=key, now=then)
    order_id = _order(shop, user_id, variant, key=key, then=then)
    with shop.database.transaction() as session:
        if purchase.revoked:
            license_id = session.scalars(
                select(License.id)
                .join(OrderLine, OrderLine.id == License.order_line_id)
                .where(OrderLine.order_id == order_id)
            ).one()
            revoke_license(session, license_id, actor_id=staff_id, reason="shared in public")
        # Their mail would arrive today for what happened weeks ago.
        session.flush()
        session.execute(delete(OutboxMessage).where(OutboxMessage.task == "send_mail"))


def _order(shop: Shop, user_id: UUID, variant: Variant, *, key: str, then: datetime) -> UUID:
    with shop.database.transaction() as session:
        owner = CartOwner.member(user_id)
        if not count_units(session, owner):
            add_line(session, owner, variant.id, quantity=1, now=then)
    with shop.database.reading() as reader:
        total = get_quote(reader, user_id, now=then).total
    placed = flow.place_order(
        dataclasses.replace(shop, clock=fixed_clock(then)),
        user_id=user_id,
        method=PaymentMethod.BALANCE,
        expected_total=total,
        idempotency_key=key,
        locale="th",
    )
    return placed.order_id


def _give(shop: Shop, user_id: UUID, amount: Money, *, reference: str, now: datetime) -> None:
    with shop.database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference=f"demo:{reference}:{user_id}",
            legs=[
                Leg(AccountKind.ADJUSTMENTS, -amount),
                Leg(AccountKind.WALLET_PAID, amount, user_id),
            ],
            now=now,
        )
