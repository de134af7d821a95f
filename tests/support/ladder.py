"""A product whose tiers lie one above the other."""

from __future__ import annotations

from uuid import UUID

from storefront.catalog.models import Product, Variant
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.support.factories import Factory

MONTH, YEAR = 30, 365


class Shelf:
    """A product in three tiers: a month on one server, a year on two, for ever on five."""

    def __init__(self, make: Factory, **values: object) -> None:
        self.product: Product = make.product(
            price=baht(100),
            slots=1,
            duration_days=MONTH,
            **values,  # type: ignore[arg-type]
        )
        self.month = self.product.variants[0].id
        self.year = tier(make, self.product, "year", baht(600), slots=2, days=YEAR)
        self.ever = tier(make, self.product, "ever", baht(1_000), slots=5, days=None)


def tier(
    make: Factory, product: Product, code: str, price: Money, *, slots: int, days: int | None
) -> UUID:
    """One more tier."""
    variant = Variant(
        id=new_id(),
        product_id=product.id,
        code=code,
        position=len(code),
        name_th=code,
        name_en=code.title(),
        price_satang=price.satang,
        slots=slots,
        duration_days=days,
    )
    return make._save(variant).id
