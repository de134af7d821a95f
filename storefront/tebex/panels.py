"""Purchases made at Tebex as staff read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, literal_column, or_, select
from sqlalchemy import String as Text
from sqlalchemy.orm import Session, selectinload

from storefront.accounts.models import User
from storefront.catalog.models import Product, Variant
from storefront.errors import NotFound
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.licenses.models import License, LicenseSource
from storefront.payments.models import WebhookEvent
from storefront.providers.tebex import SOURCE
from storefront.renewals.elsewhere import count_renewed
from storefront.tebex.models import (
    PurchaseState,
    TebexPackage,
    TebexPurchase,
    TebexPurchaseLine,
    TebexRenewal,
)

PAGE_SIZE: Final = 50
MOST_UNKNOWN: Final = 50
MOST_CHOICES: Final = 2000
_WHOLE: Final = (
    selectinload(TebexPurchase.lines),
    selectinload(TebexPurchase.user),
    selectinload(TebexPurchase.renewals),
    selectinload(TebexPurchase.plan),
)


class PurchaseTab(StrEnum):
    """How the list is divided. `unknown` holds packages that nobody has said anything about."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PurchaseDossier:
    """One purchase with its keys, its renewals and what Tebex said of all of it, the latest first.
    `renewed` says how many keys each renewal reached, by its transaction."""

    purchase: TebexPurchase
    licenses: Sequence[tuple[License, Product]]
    events: Sequence[WebhookEvent]
    tiers: dict[str, tuple[Variant, Product]]
    renewed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UnknownPackage:
    """A package that was bought and that nobody has said anything about."""

    package_id: str
    name: str
    purchases: int


@dataclass(frozen=True, slots=True)
class KnownPackage:
    """A package and the tier it is here."""

    package: TebexPackage
    variant: Variant
    product: Product


def list_purchases(
    session: Session,
    *,
    tab: PurchaseTab | None = None,
    search: str = "",
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[TebexPurchase]:
    """One page, newest first, in five queries however deep. A search is a transaction, also that of
    a renewal, a subscription, or the buyer's e-mail, Discord id or name at Tebex, each as a
    whole."""
    query = (
        select(TebexPurchase)
        .where(*_conditions(tab, search))
        .order_by(TebexPurchase.id.desc())
        .options(*_WHOLE)
    )
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(TebexPurchase.id < last_id)
    rows = session.scalars(query.limit(limit + 1)).all()
    return page_by_id(rows, limit, id_of=lambda purchase: purchase.id)


def open_purchase(session: Session, purchase_id: UUID) -> PurchaseDossier:
    """One purchase, in nine queries at most. Raises NotFound `tebex_purchase`."""
    purchase = session.scalar(
        select(TebexPurchase).where(TebexPurchase.id == purchase_id).options(*_WHOLE)
    )
    if purchase is None:
        raise NotFound("tebex_purchase")
    licenses = session.execute(
        select(License, Product)
        .join(Product, Product.id == License.product_id)
        .where(
            License.source == LicenseSource.TEBEX,
            License.source_reference == purchase.transaction_id,
        )
        .order_by(License.unit, License.id)
    ).all()
    return PurchaseDossier(
        purchase=purchase,
        licenses=[(license, product) for license, product in licenses],
        events=_events_of(session, purchase),
        tiers={
            one.package.package_id: (one.variant, one.product)
            for one in list_packages(session, of=[line.package_id for line in purchase.lines])
        },
        renewed=count_renewed(session, [one.transaction_id for one in purchase.renewals]),
    )


def list_packages(session: Session, *, of: Sequence[str] | None = None) -> Sequence[KnownPackage]:
    """What is known, by the name of the product; `of` asks about these packages alone."""
    query = (
        select(TebexPackage, Variant, Product)
        .join(Variant, Variant.id == TebexPackage.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .order_by(Product.name_en, TebexPackage.package_id)
    )
    if of is not None:
        query = query.where(TebexPackage.package_id.in_(of))
    return [KnownPackage(*row) for row in session.execute(query)]


def list_unknown(session: Session) -> Sequence[UnknownPackage]:
    """Packages that were bought and mean nothing here yet, those bought most often first."""
    rows = session.execute(
        select(
            TebexPurchaseLine.package_id,
            func.max(TebexPurchaseLine.name).label("name"),
            func.count(TebexPurchaseLine.purchase_id.distinct()).label("purchases"),
        )
        .where(_is_unknown())
        .group_by(TebexPurchaseLine.package_id)
        .order_by(func.count().desc(), TebexPurchaseLine.package_id)
        .limit(MOST_UNKNOWN)
    )
    return [UnknownPackage(row.package_id, row.name, row.purchases) for row in rows]


def list_tiers(session: Session) -> Sequence[tuple[Variant, Product]]:
    """Every tier that a package may be."""
    rows = session.execute(
        select(Variant, Product)
        .join(Product, Product.id == Variant.product_id)
        .order_by(Product.name_en, Variant.position, Variant.id)
        .limit(MOST_CHOICES)
    )
    return [(variant, product) for variant, product in rows]


def _conditions(tab: PurchaseTab | None, search: str) -> Iterator[ColumnElement[bool]]:
    if tab is PurchaseTab.UNKNOWN:
        yield exists().where(TebexPurchaseLine.purchase_id == TebexPurchase.id, _is_unknown())
        yield TebexPurchase.state != PurchaseState.ENDED
    elif tab is not None:
        yield TebexPurchase.state == tab.value
    if search:
        owners = select(User.id).where(User.discord_id == search)
        renewed = select(TebexRenewal.purchase_id).where(TebexRenewal.transaction_id == search)
        yield or_(
            TebexPurchase.transaction_id == search,
            TebexPurchase.subscription == search,
            TebexPurchase.id.in_(renewed),
            TebexPurchase.email == search.lower(),
            TebexPurchase.discord_id == search,
            TebexPurchase.username == search,
            TebexPurchase.user_id.in_(owners),
        )


def _is_unknown() -> ColumnElement[bool]:
    return TebexPurchaseLine.variant_id.is_(None) & TebexPurchaseLine.package_id.not_in(
        select(TebexPackage.package_id)
    )


def _events_of(session: Session, purchase: TebexPurchase) -> Sequence[WebhookEvent]:
    about = literal_column("(webhook_events.payload #>> '{subject,transaction_id}')", Text)
    news_of = literal_column("(webhook_events.payload #>> '{subject,reference}')", Text)
    transactions = [purchase.transaction_id, *(one.transaction_id for one in purchase.renewals)]
    wanted: ColumnElement[bool] = about.in_(transactions)
    if purchase.subscription:
        wanted |= news_of == purchase.subscription
    return session.scalars(
        select(WebhookEvent)
        .where(WebhookEvent.source == SOURCE, wanted)
        .order_by(WebhookEvent.id.desc())
        .limit(50)
    ).all()
