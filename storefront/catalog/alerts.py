"""Members who want to know when something can be bought: asking, taking back, and telling them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import UNLIMITED, Product, ProductStatus, StockAlert, Variant
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.notifications.service import notify, queue_mail

EVENT: Final = "back_in_stock"
MOST_ALERTS: Final = 100
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something a member waits for; `variant_id` None means any tier of the product."""

    id: UUID
    product_id: UUID
    variant_id: UUID | None
    slug: str
    name_th: str
    name_en: str
    variant_name_th: str | None
    variant_name_en: str | None
    cover: str | None
    is_shown: bool


def ask_for_alert(
    session: Session, slug: str, *, variant_id: UUID | None, user_id: UUID, now: datetime
) -> None:
    """Remember that this member wants to be told when the tier, or with None anything of the
    product, can be bought. Idempotent.

    Raises NotFound `product`, Conflict `can_be_bought` when there is nothing to wait for and
    `too_many_alerts` past 100. Locks the member's row, so that two requests count one by one.
    """
    product_id = _get_awaited(session, slug, variant_id)
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    others = select(func.count()).where(
        StockAlert.user_id == user_id, ~_is_about(product_id, variant_id)
    )
    if (session.scalar(others) or 0) >= MOST_ALERTS:
        raise Conflict("too_many_alerts")
    session.execute(
        insert(StockAlert)
        .values(
            id=new_id(),
            product_id=product_id,
            variant_id=variant_id,
            user_id=user_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )


def withdraw_alert(session: Session, slug: str, *, variant_id: UUID | None, user_id: UUID) -> None:
    """Forget the alert again; forgetting twice is harmless."""
    session.execute(
        delete(StockAlert).where(
            StockAlert.user_id == user_id,
            StockAlert.product_id.in_(select(Product.id).where(Product.slug == slug)),
            _same_variant(variant_id),
        )
    )


def list_waiting(session: Session, user_id: UUID) -> Sequence[Waiting]:
    """What this member waits for, the latest first; at most 100."""
    rows = session.execute(
        select(
            StockAlert.id,
            Product.id.label("product_id"),
            StockAlert.variant_id,
            Product.slug,
            Product.name_th,
            Product.name_en,
            Variant.name_th.label("variant_name_th"),
            Variant.name_en.label("variant_name_en"),
            Product.cover,
            Product.status.in_(_SHOWN).label("is_shown"),
        )
        .join(Product, Product.id == StockAlert.product_id)
        .outerjoin(Variant, Variant.id == StockAlert.variant_id)
        .where(StockAlert.user_id == user_id)
        .order_by(StockAlert.id.desc())
        .limit(MOST_ALERTS)
    )
    return [Waiting(**row._mapping) for row in rows]


def find_waiting_ids(session: Session, user_id: UUID) -> frozenset[UUID]:
    """The ids of the tiers this member waits for, and of the products where any tier will do: what
    buttons are drawn from."""
    rows = session.scalars(
        select(func.coalesce(StockAlert.variant_id, StockAlert.product_id)).where(
            StockAlert.user_id == user_id
        )
    )
    return frozenset(rows)


def tell_next(session: Session, *, now: datetime, batch: int = BATCH) -> int:
    """Tell up to `batch` members whose alert is due, with a notice and a mail, and forget
    their alerts; returns how many.

    Everything of one alert happens in this transaction or not at all. Rows that another scheduler
    has in hand are skipped (FOR UPDATE SKIP LOCKED); the keys of notice and mail are the alert's.
    """
    found = session.execute(_fulfilled(batch)).all()
    for row in found:
        _tell(session, row, now=now)
    session.execute(delete(StockAlert).where(StockAlert.id.in_([row.id for row in found])))
    return len(found)


def notice_key(alert_id: UUID) -> str:
    """The key of the notice about this alert, by which its mail finds it when the alert is gone."""
    return f"{EVENT}:{alert_id}"


_SHOWN: Final = (ProductStatus.PUBLISHED.value, ProductStatus.COMING_SOON.value)


def _tell(session: Session, row: Row[*tuple[Any, ...]], *, now: datetime) -> None:
    tier = f"?tier={row.variant_id}" if row.variant_id else ""
    notify(
        session,
        row.user_id,
        type="update",
        event=EVENT,
        context={
            "name_th": row.name_th,
            "name_en": row.name_en,
            "variant_name_th": row.variant_name_th,
            "variant_name_en": row.variant_name_en,
        },
        path=f"/products/{row.slug}{tier}",
        dedupe_key=notice_key(row.id),
        now=now,
    )
    queue_mail(session, event=EVENT, subject_id=row.id)


def _get_awaited(session: Session, slug: str, variant_id: UUID | None) -> UUID:
    """The product that is shown and cannot be bought in the way that is asked for."""
    product = session.execute(
        select(Product.id, Product.status).where(Product.slug == slug, Product.status.in_(_SHOWN))
    ).one_or_none()
    if product is None:
        raise NotFound("product")
    product_id, status = product
    tiers = select(Variant.id).where(Variant.product_id == product_id)
    if variant_id is not None:
        tiers = tiers.where(Variant.id == variant_id)
        if session.scalar(tiers) is None:
            raise NotFound("product")
    is_for_sale = status == ProductStatus.PUBLISHED
    if is_for_sale and session.scalar(tiers.where(_is_available()).limit(1)) is not None:
        raise Conflict("can_be_bought")
    return product_id


def _fulfilled(batch: int) -> Select[*tuple[Any, ...]]:
    """Alerts for what is published and not sold out, the oldest first."""
    any_tier = exists().where(Variant.product_id == StockAlert.product_id, _is_available())
    tier = Variant.__table__.alias("tier")
    return (
        select(
            StockAlert.id,
            StockAlert.user_id,
            StockAlert.variant_id,
            Product.slug,
            Product.name_th,
            Product.name_en,
            tier.c.name_th.label("variant_name_th"),
            tier.c.name_en.label("variant_name_en"),
        )
        .join(Product, Product.id == StockAlert.product_id)
        .outerjoin(tier, tier.c.id == StockAlert.variant_id)
        .where(
            Product.status == ProductStatus.PUBLISHED,
            or_(
                and_(StockAlert.variant_id.is_(None), any_tier),
                (tier.c.stock == UNLIMITED) | (tier.c.sold + tier.c.held < tier.c.stock),
            ),
        )
        .order_by(StockAlert.id)
        .limit(batch)
        .with_for_update(of=StockAlert, skip_locked=True)
    )


def _is_available() -> ColumnElement[bool]:
    return (Variant.stock == UNLIMITED) | (Variant.sold + Variant.held < Variant.stock)


def _is_about(product_id: UUID, variant_id: UUID | None) -> ColumnElement[bool]:
    return and_(StockAlert.product_id == product_id, _same_variant(variant_id))


def _same_variant(variant_id: UUID | None) -> ColumnElement[bool]:
    return StockAlert.variant_id.is_not_distinct_from(variant_id)
