"""Everything the shop knows about one licence, gathered for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import Product, Variant
from storefront.delivery.models import Download
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.licenses.allowing import list_addresses
from storefront.licenses.events import SERVER
from storefront.licenses.models import License, LicenseSource, LicenseStatus
from storefront.licenses.moves import list_slots
from storefront.licenses.usage_models import (
    LicenseAddress,
    LicenseCheck,
    LicenseEvent,
    LicenseFlag,
    LicenseSlot,
)
from storefront.orders.models import Order, OrderLine
from storefront.tebex.models import TebexPurchase

CHECKS_PAGE: Final = 20
MOST_EVENTS: Final = 100
MOST_DOWNLOADS: Final = 20


@dataclass(frozen=True, slots=True)
class DiaryRow:
    """A step in a licence's life, and the name of the person who made it, if one did."""

    event: LicenseEvent
    person: str


@dataclass(frozen=True, slots=True)
class LicenseDossier:
    """One licence with all that came of it. `seen` is the mark of its latest change, which a form
    carries along, so that the second of two who change it is told."""

    license: License
    status: LicenseStatus
    product: Product
    variant: Variant
    owner: User
    order: Order | None
    purchase: TebexPurchase | None
    slots: Sequence[LicenseSlot]
    addresses: Sequence[LicenseAddress]
    checks: Page[LicenseCheck]
    diary: Sequence[DiaryRow]
    downloads: Sequence[Download]
    flags: Sequence[LicenseFlag]
    seen: str


def open_license(
    session: Session, license_id: UUID, *, now: datetime, cursor: str | None = None
) -> LicenseDossier:
    """Gather it in at most ten queries; `cursor` pages through the checks. Raises NotFound."""
    row = session.execute(
        select(License, Product, Variant, User, Order)
        .join(Product, Product.id == License.product_id)
        .join(Variant, Variant.id == License.variant_id)
        .join(User, User.id == License.user_id)
        .outerjoin(OrderLine, OrderLine.id == License.order_line_id)
        .outerjoin(Order, Order.id == OrderLine.order_id)
        .where(License.id == license_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("license")
    license, product, variant, owner, order = row
    diary = _diary(session, license_id)
    return LicenseDossier(
        license=license,
        status=license.effective_status(now),
        product=product,
        variant=variant,
        owner=owner,
        order=order,
        purchase=_purchase_of(session, license),
        slots=list_slots(session, license_id),
        addresses=list_addresses(session, license_id),
        checks=_checks(session, license_id, cursor),
        diary=diary,
        downloads=_downloads(session, license_id),
        flags=_flags(session, license_id),
        seen=last_change(session, license_id),
    )


def last_change(session: Session, license_id: UUID) -> str:
    """The mark of the latest change that a person, or the shop, made; what servers do, and that an
    owner looked at the key, is no change."""
    found = session.scalar(
        select(LicenseEvent.id)
        .where(
            LicenseEvent.license_id == license_id,
            LicenseEvent.actor != SERVER,
            LicenseEvent.action != "key_shown",
        )
        .order_by(LicenseEvent.id.desc())
        .limit(1)
    )
    return str(found or "")


def _purchase_of(session: Session, license: License) -> TebexPurchase | None:
    if license.source != LicenseSource.TEBEX:
        return None
    return session.scalar(
        select(TebexPurchase).where(TebexPurchase.transaction_id == license.source_reference)
    )


def _checks(session: Session, license_id: UUID, cursor: str | None) -> Page[LicenseCheck]:
    query = (
        select(LicenseCheck)
        .where(LicenseCheck.license_id == license_id)
        .order_by(LicenseCheck.id.desc())
        .limit(CHECKS_PAGE + 1)
    )
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(LicenseCheck.id < last_id)
    rows = session.scalars(query).all()
    return page_by_id(rows, CHECKS_PAGE, id_of=lambda check: check.id)


def _diary(session: Session, license_id: UUID) -> Sequence[DiaryRow]:
    events = session.scalars(
        select(LicenseEvent)
        .where(LicenseEvent.license_id == license_id)
        .order_by(LicenseEvent.id.desc())
        .limit(MOST_EVENTS)
    ).all()
    ids = {event.id: parse_id(event.actor.partition(":")[2]) for event in events}
    wanted = {one for one in ids.values() if one is not None}
    rows = session.execute(select(User.id, User.display_name).where(User.id.in_(wanted)))
    names = {row.id: row.display_name for row in rows}
    return [DiaryRow(event, names.get(ids[event.id], "")) for event in events]


def _downloads(session: Session, license_id: UUID) -> Sequence[Download]:
    return session.scalars(
        select(Download)
        .where(Download.license_id == license_id)
        .order_by(Download.id.desc())
        .limit(MOST_DOWNLOADS)
    ).all()


def _flags(session: Session, license_id: UUID) -> Sequence[LicenseFlag]:
    return session.scalars(
        select(LicenseFlag)
        .where(LicenseFlag.license_id == license_id)
        .order_by(LicenseFlag.id.desc())
        .limit(20)
    ).all()
