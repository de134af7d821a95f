"""What tests of the staff side of promo codes share."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.quotes import get_quote
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.promos import editing
from storefront.promos.drafting import (
    DraftRefused,
    Fault,
    PromoDraft,
)
from storefront.promos.models import PromoCode, PromoKind
from tests.support.factories import Factory

DAY = timedelta(days=1)
TENTH = PromoDraft(code="TENTH", kind=PromoKind.PERCENT, value=1_000)


def create(shop: Shop, actor: UUID, **terms: Any) -> UUID:
    with shop.database.transaction() as session:
        return editing.create_promo(
            session, replace(TENTH, **terms), actor_id=actor, now=shop.clock()
        )


def change(shop: Shop, actor: UUID, promo_id: UUID, *, revision: int = 1, **terms: Any) -> None:
    with shop.database.transaction() as session:
        editing.change_promo(
            session,
            promo_id,
            replace(TENTH, **terms),
            revision=revision,
            actor_id=actor,
            now=shop.clock(),
        )


def generate(shop: Shop, actor: UUID, count: int, **values: Any) -> None:
    terms = {"batch": "Flyers", "prefix": "FLY", **values}
    template = terms.pop("template", TENTH)
    with shop.database.transaction() as session:
        editing.generate_batch(
            session, template, count=count, actor_id=actor, now=shop.clock(), **terms
        )


def promo_of(shop: Shop, promo_id: UUID) -> PromoCode:
    with shop.database.reading() as session:
        return session.get_one(PromoCode, promo_id)


def codes_of(shop: Shop) -> list[str]:
    with shop.database.reading() as session:
        return list(session.scalars(select(PromoCode.code).order_by(PromoCode.code)))


def audit_of(shop: Shop) -> list[AuditEntry]:
    with shop.database.reading() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def use(
    shop: Shop, make: Factory, code: str, method: PaymentMethod = PaymentMethod.BALANCE
) -> UUID:
    """An order of ฿490 with the code, from the wallet or waiting for its payment."""
    user = make.user()
    make.cart(user, (make.product(price=baht(490)), 1), promo_code=code)
    make.wallet(user, baht(490))
    with shop.database.reading() as session:
        total = get_quote(session, user.id, now=shop.clock()).total
    return flow.place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    ).order_id


def faults(refused: pytest.ExceptionInfo[DraftRefused]) -> list[tuple[Fault, str]]:
    return [(one.fault, one.field) for one in refused.value.problems]
