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


def list_offers(session: Session, user_id: UUID, *, now: datetime) -> Mapping[UUID, Offers]:
    """What can be bought for each key of one person, by licence; four queries."""
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
    rows = session.execute(_licenses(which)).all()
    if not rows:
        return {}
    tiers = _list_tiers(session, {row.product_id for row in rows}, now=now, for_order=for_order)
    changes = _list_changes(session, [row.id for row in rows])
    return {
        row.id: offers_for(
            _standing(row, changes[row.id], for_order), tiers[row.product_id], now=now
        )
        for row in rows
    }


def _licenses(which: ColumnElement[bool]) -> Any:
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
        )
        .join(Product, Product.id == License.product_id)
        .outerjoin(OrderLine, OrderLine.id == License.order_line_id)
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


def _list_changes(
    session: Session, license_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[Row[*tuple[Any, ...]]]]:
    rows = session.execute(
        select(
            TermChange.license_id,
            TermChange.state,
            TermChange.purpose,
            TermChange.withdrawn_for,
            OrderLine.order_id,
            OrderLine.total_satang,
            OrderLine.discount_satang,
            OrderLine.refunded_satang,
        )
        .join(OrderLine, OrderLine.id == TermChange.order_line_id)
        .where(TermChange.license_id.in_(license_ids), TermChange.state != ChangeState.RELEASED)
    )
    changes: defaultdict[UUID, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in rows:
        changes[row.license_id].append(row)
    return changes


def _standing(
    row: Row[*tuple[Any, ...]],
    changes: Sequence[Row[*tuple[Any, ...]]],
    for_order: UUID | None,
) -> Standing:
    is_part = row.bought_id is not None and row.bought_id != row.product_id
    is_disputed = any(
        cause.startswith(_DISPUTE) for change in changes for cause in change.withdrawn_for
    )
    return Standing(
        license_id=row.id,
        key_hint=row.key_hint,
        terms=Terms(row.variant_id, row.slots, row.expires_at),
        issued_at=row.created_at,
        credits=[
            *([] if is_part or row.bought_id is None else [_credit_of_purchase(row)]),
            *(
                Money(change.total_satang - change.discount_satang - change.refunded_satang)
                for change in changes
                if change.purpose == Purpose.UPGRADE
                and change.state == ChangeState.APPLIED
                and not change.withdrawn_for
            ),
        ],
        is_part=is_part,
        is_closed=(
            row.status in _CLOSED
            or row.source != LicenseSource.ORDER
            or row.product_status != ProductStatus.PUBLISHED
            or is_disputed
        ),
        is_claimed=any(
            change.state == ChangeState.HELD and change.order_id != for_order for change in changes
        ),
    )


def _credit_of_purchase(row: Row[*tuple[Any, ...]]) -> Money:
    return credit_of_unit(
        paid=Money(row.total_satang - row.discount_satang),
        refunded=Money(row.refunded_satang),
        quantity=row.quantity,
        unit=row.unit,
    )
