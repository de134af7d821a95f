"""Reads about licences. None of them gives a key: only `service.reveal_key` does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import Session

from storefront.catalog.models import Product, Release, Variant
from storefront.errors import NotFound
from storefront.licenses.models import License, LicenseStatus
from storefront.licenses.rules import IDLE_AFTER
from storefront.licenses.usage_models import LicenseSlot
from storefront.orders.models import Order, OrderLine

_HIDDEN = "-••••-••••-••••"


@dataclass(frozen=True, slots=True)
class LicenseRow:
    """One licence as its owner and staff see it in a list; the key is masked. Without an order and
    its reference where it was a gift, of somebody or of the shop."""

    id: UUID
    product_id: UUID
    product_slug: str
    name_th: str
    name_en: str
    variant_name_th: str
    variant_name_en: str
    cover: str | None
    masked_key: str
    status: LicenseStatus
    slots: int
    created_at: datetime
    expires_at: datetime | None
    order_id: UUID | None
    order_reference: str
    latest_release: str | None

    @property
    def is_active(self) -> bool:
        """Whether it is good right now, for downloads and for the key check."""
        return self.status == LicenseStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class LicenseCount:
    """How many licences somebody has, and how many of them are good."""

    active: int
    all: int


def list_licenses(session: Session, user_id: UUID, *, now: datetime) -> tuple[LicenseRow, ...]:
    """One person's licences, newest first, with the status that counts at `now`; one query."""
    query = _licenses().add_columns(_latest_release(now)).where(License.user_id == user_id)
    return tuple(_row(*row, now=now) for row in session.execute(query))


def get_license(session: Session, license_id: UUID, *, user_id: UUID) -> License:
    """The licence of this owner, read anew. Raises NotFound for anybody else's."""
    license = session.scalar(
        select(License)
        .where(License.id == license_id, License.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    if license is None:
        raise NotFound("license")
    return license


def get_license_row(
    session: Session, license_id: UUID, *, user_id: UUID, now: datetime
) -> tuple[License, LicenseRow]:
    """The licence of this owner, read anew, and how it is shown; one query. Raises NotFound for
    anybody else's."""
    found = session.execute(
        _licenses()
        .add_columns(_latest_release(now))
        .where(License.id == license_id, License.user_id == user_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("license")
    return found[0], _row(*found, now=now)


def list_order_licenses(
    session: Session, order_id: UUID, *, now: datetime, owner_id: UUID | None = None
) -> tuple[LicenseRow, ...]:
    """The licences that came of an order or that it renewed, without their latest release; who may
    see that order is for the caller to check. Of `owner_id` only those that are still theirs,
    because what was given away is another's."""
    renewed = select(OrderLine.license_id).where(
        OrderLine.order_id == order_id, OrderLine.license_id.is_not(None)
    )
    query = _licenses().where((OrderLine.order_id == order_id) | License.id.in_(renewed))
    if owner_id is not None:
        query = query.where(License.user_id == owner_id)
    found = session.execute(query).all()
    return tuple(_row(*row, None, now=now) for row in found)


def count_licenses(session: Session, user_id: UUID, *, now: datetime) -> LicenseCount:
    """How many licences this person has at `now`."""
    is_good = (License.status == LicenseStatus.ACTIVE) & (
        License.expires_at.is_(None) | (License.expires_at > now)
    )
    row = session.execute(
        select(func.count().filter(is_good), func.count()).where(License.user_id == user_id)
    ).one()
    return LicenseCount(active=row[0], all=row[1])


def find_owned_products(session: Session, user_id: UUID, *, now: datetime) -> frozenset[UUID]:
    """The products this person has a good licence for at `now`."""
    return frozenset(
        session.scalars(
            select(License.product_id)
            .where(
                License.user_id == user_id,
                License.status == LicenseStatus.ACTIVE,
                License.expires_at.is_(None) | (License.expires_at > now),
            )
            .distinct()
        )
    )


def count_servers(session: Session, product_id: UUID, version: str, *, now: datetime) -> int:
    """How many servers run this version of a product: they hold a slot, and have asked within the
    last 24 hours."""
    return (
        session.scalar(
            select(func.count())
            .select_from(LicenseSlot)
            .join(License, License.id == LicenseSlot.license_id)
            .where(
                License.product_id == product_id,
                LicenseSlot.version == version,
                LicenseSlot.last_seen_at > now - IDLE_AFTER,
            )
        )
        or 0
    )


def mask_key(hint: str) -> str:
    """A key as it is shown before somebody asks for it: its first four symbols."""
    return hint + _HIDDEN


def _licenses() -> Select[License, Product, Variant, OrderLine | None, Order | None]:
    return (
        select(License, Product, Variant, OrderLine, Order)
        .join(Product, Product.id == License.product_id)
        .join(Variant, Variant.id == License.variant_id)
        .outerjoin(OrderLine, OrderLine.id == License.order_line_id)
        .outerjoin(Order, Order.id == OrderLine.order_id)
        .order_by(License.id.desc())
    )


def _row(
    license: License,
    product: Product,
    variant: Variant,
    line: OrderLine | None,
    order: Order | None,
    latest_release: str | None,
    *,
    now: datetime,
) -> LicenseRow:
    # What came as a gift came of an order that is none of its owner's business.
    is_bought = order is not None and order.user_id == license.user_id
    # Its tier as it was sold: that may have got another name since. An upgrade made it another.
    as_sold = line if line is not None and line.variant_id == license.variant_id else None
    return LicenseRow(
        id=license.id,
        product_id=product.id,
        product_slug=product.slug,
        name_th=product.name_th,
        name_en=product.name_en,
        variant_name_th=as_sold.variant_name_th if as_sold else variant.name_th,
        variant_name_en=as_sold.variant_name_en if as_sold else variant.name_en,
        cover=product.cover,
        masked_key=mask_key(license.key_hint),
        status=license.effective_status(now),
        slots=license.slots,
        created_at=license.created_at,
        expires_at=license.expires_at,
        order_id=order.id if order and is_bought else None,
        order_reference=order.reference
        if order and is_bought
        else license.purchase_reference or "",
        latest_release=latest_release,
    )


def _latest_release(now: datetime) -> ScalarSelect[str | None]:
    """A beta only where there is nothing else: whoever wants one finds it among the downloads."""
    return (
        select(Release.version)
        .where(
            Release.product_id == License.product_id,
            Release.published_at <= now,
            Release.yanked_at.is_(None),
        )
        .order_by(Release.channel == "beta", Release.version_key.desc())
        .limit(1)
        .correlate(License)
        .scalar_subquery()
    )
