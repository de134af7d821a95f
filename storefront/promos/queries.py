"""Reads about promo codes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from storefront.catalog.models import Category, Product
from storefront.kit.money import Money
from storefront.promos.models import PromoCode, PromoKind, PromoScope, PromoUse, UseState
from storefront.promos.rules import Promo, PromoRefused, Refusal, normalize_code

COUNTED = (UseState.RESERVED, UseState.TAKEN)


def get_promo(session: Session, text: str) -> Promo:
    """The code somebody typed, with its terms. Raises PromoRefused `promo_unknown`; two queries,
    one for a code that covers everything."""
    code = normalize_code(text)
    row = None if code is None else session.execute(_by_code(code)).one_or_none()
    if row is None:
        raise PromoRefused(Refusal.UNKNOWN)
    return _promo(row, None if row.covers_all else _covered_products(session, row.id))


def count_customer_uses(
    session: Session, promo_id: UUID, *, user_id: UUID, customer_email: str | None
) -> int:
    """How often this person used the code, by account or by the same verified mailbox."""
    same = [PromoUse.user_id == user_id]
    if customer_email is not None:
        same.append(PromoUse.customer_email == customer_email)
    return (
        session.scalar(
            select(func.count()).where(
                PromoUse.promo_id == promo_id, PromoUse.state.in_(COUNTED), or_(*same)
            )
        )
        or 0
    )


def list_uses(session: Session, promo_id: UUID, *, limit: int = 100) -> list[PromoUse]:
    """The latest uses of a code, for staff."""
    return list(
        session.scalars(
            select(PromoUse)
            .where(PromoUse.promo_id == promo_id)
            .order_by(PromoUse.id.desc())
            .limit(limit)
        )
    )


def _by_code(code: str) -> Any:
    columns = PromoCode.__table__.c
    return select(*columns).where(columns.code == code)


def _covered_products(session: Session, promo_id: UUID) -> frozenset[UUID]:
    """Products named by the code, and those in categories it names or below them."""
    tree = (
        select(PromoScope.category_id.label("id"))
        .where(PromoScope.promo_id == promo_id, PromoScope.category_id.is_not(None))
        .cte("tree", recursive=True)
    )
    tree = tree.union(select(Category.id).join(tree, Category.parent_id == tree.c.id))
    named = select(PromoScope.product_id).where(
        PromoScope.promo_id == promo_id, PromoScope.product_id.is_not(None)
    )
    return frozenset(
        session.scalars(
            select(Product.id).where(
                or_(Product.category_id.in_(select(tree.c.id)), Product.id.in_(named))
            )
        )
    )


def _promo(row: Any, product_ids: frozenset[UUID] | None) -> Promo:
    maximum = row.max_discount_satang
    return Promo(
        id=row.id,
        code=row.code,
        kind=PromoKind(row.kind),
        value=row.value,
        min_subtotal=Money(row.min_subtotal_satang),
        max_discount=None if maximum is None else Money(maximum),
        total_limit=row.total_limit,
        per_customer_limit=row.per_customer_limit,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        first_purchase_only=row.first_purchase_only,
        active=row.active,
        used=row.used,
        product_ids=product_ids,
    )
