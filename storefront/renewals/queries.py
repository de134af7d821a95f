"""Reads about what can be bought for keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session, aliased

from storefront.catalog.models import (
    HoldState,
    Product,
    ProductStatus,
    Purpose,
    StockHold,
    Variant,
)
from storefront.catalog.pricing import find_key_prices
from storefront.kit.money import Money
from storefront.licenses.models import License, LicenseSource, LicenseStatus
from storefront.orders.models import OrderLine
from storefront.renewals.models import ChangeState, TermChange
from storefront.renewals.rules import Offers, Standing, Terms, Tier, credit_of_unit, offers_for

_CLOSED = (LicenseStatus.REVOKED, LicenseStatus.SUSPENDED)
_DISPUTE = "dispute:"
_Row = Row[*tuple[Any, ...]]


def list_offers(session: Session, user_id: UUID, *, now: datetime) -> Mapping[UUID, Offers]:
    """What can be bought for each key of one person, by licence; three queries."""
    return _find(session, License.user_id == user_id, now=now, for_order=None)


def find_offers(
    session: Session,
    license_ids: Collection[UUID],
    *,
    user_id: UUID,
    now: datetime,
    for_order: UUID | None = None,
) -> Mapping[UUID, Offers]:
    """The same for some keys of theirs. `for_order` is the order that is being made of it: what
    that holds does not stand against it."""
    if not license_ids:
        return {}
    which = License.id.in_(license_ids) & (License.user_id == user_id)
    return _find(session, which, now=now, for_order=for_order)


def is_built_on(session: Session, line_ids: Collection[UUID]) -> bool:
    """Whether one of these lines is an upgrade that a later one, in effect, counts as paid. The
    orders of the lines are locked by the caller; who upgrades meanwhile waits for the lines."""
    later = aliased(TermChange)
    return bool(
        session.scalar(
            select(
                exists().where(
                    TermChange.order_line_id.in_(line_ids),
                    TermChange.purpose == Purpose.UPGRADE,
                    TermChange.withdrawn_for == [],
                    later.license_id == TermChange.license_id,
                    later.purpose == Purpose.UPGRADE,
                    later.state == ChangeState.APPLIED,
                    later.withdrawn_for == [],
                    later.id > TermChange.id,
                )
            )
        )
    )


def _find(
    session: Session, which: ColumnElement[bool], *, now: datetime, for_order: UUID | None
) -> Mapping[UUID, Offers]:
    histories: defaultdict[UUID, list[_Row]] = defaultdict(list)
    for row in session.execute(_licenses(which)):
        histories[row.id].append(row)
    if not histories:
        return {}
    product_ids = {rows[0].product_id for rows in histories.values()}
    tiers = _list_tiers(session, product_ids, now=now, for_order=for_order)
    return {
        license_id: offers_for(_standing(rows, for_order), tiers[rows[0].product_id], now=now)
        for license_id, rows in histories.items()
    }


def _licenses(which: ColumnElement[bool]) -> Any:
    """Each licence with what it was bought by, once for each change of its terms that stands, or
    once without."""
    paid = aliased(OrderLine)
    return (
        select(
            License.id,
            License.key_hint,
            License.product_id,
            License.variant_id,
            License.slots,
            License.expires_at,
            License.created_at,
            License.status,
            License.source,
            License.unit,
            Product.status.label("product_status"),
            OrderLine.product_id.label("bought_id"),
            OrderLine.quantity,
            OrderLine.total_satang,
            OrderLine.discount_satang,
            OrderLine.refunded_satang,
            TermChange.state.label("change_state"),
            TermChange.purpose.label("change_purpose"),
            TermChange.withdrawn_for,
            paid.order_id.label("change_order_id"),
            (paid.total_satang - paid.discount_satang - paid.refunded_satang).label("change_paid"),
        )
        .join(Product, Product.id == License.product_id)
        .outerjoin(OrderLine, OrderLine.id == License.order_line_id)
        .outerjoin(
            TermChange,
            (TermChange.license_id == License.id) & (TermChange.state != ChangeState.RELEASED),
        )
        .outerjoin(paid, paid.id == TermChange.order_line_id)
        .where(which)
    )


def _list_tiers(
    session: Session, product_ids: Collection[UUID], *, now: datetime, for_order: UUID | None
) -> Mapping[UUID, Sequence[Tier]]:
    own = (
        select(func.coalesce(func.sum(StockHold.quantity), 0))
        .where(
            StockHold.order_id == for_order,
            StockHold.variant_id == Variant.id,
            StockHold.state == HoldState.HELD,
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(Variant, own.label("own"))
        .where(Variant.product_id.in_(product_ids))
        .order_by(Variant.position, Variant.price_satang, Variant.id)
    ).all()
    prices = find_key_prices(session, [row.Variant for row in rows], now=now)
    tiers: defaultdict[UUID, list[Tier]] = defaultdict(list)
    for variant, held in rows:
        tiers[variant.product_id].append(
            Tier(
                variant_id=variant.id,
                name_th=variant.name_th,
                name_en=variant.name_en,
                slots=variant.slots,
                duration_days=variant.duration_days,
                unit_price=prices[variant.id],
                is_sold_out=variant.available is not None and variant.available + held < 1,
            )
        )
    return tiers


def _standing(rows: Sequence[_Row], for_order: UUID | None) -> Standing:
    license = rows[0]
    changes = [row for row in rows if row.change_state is not None]
    is_part = license.bought_id is not None and license.bought_id != license.product_id
    is_disputed = any(
        cause.startswith(_DISPUTE) for change in changes for cause in change.withdrawn_for
    )
    return Standing(
        license_id=license.id,
        key_hint=license.key_hint,
        terms=Terms(license.variant_id, license.slots, license.expires_at),
        issued_at=license.created_at,
        credits=[
            *([] if is_part or license.bought_id is None else [_credit_of_purchase(license)]),
            *(
                Money(change.change_paid)
                for change in changes
                if change.change_purpose == Purpose.UPGRADE
                and change.change_state == ChangeState.APPLIED
                and not change.withdrawn_for
            ),
        ],
        is_part=is_part,
        is_closed=(
            license.status in _CLOSED
            or license.source != LicenseSource.ORDER
            or license.product_status != ProductStatus.PUBLISHED
            or is_disputed
        ),
        is_claimed=any(
            change.change_state == ChangeState.HELD and change.change_order_id != for_order
            for change in changes
        ),
    )


def _credit_of_purchase(row: _Row) -> Money:
    return credit_of_unit(
        paid=Money(row.total_satang - row.discount_satang),
        refunded=Money(row.refunded_satang),
        quantity=row.quantity,
        unit=row.unit,
    )
