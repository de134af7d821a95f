"""Rows that only tests of catalogue pages need."""

from __future__ import annotations

from typing import Any

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, ProductImage, Variant
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory


def add_tier(
    database: Database,
    product: Product,
    *,
    price: Money,
    stock: int = -1,
    code: str = "studio",
    **values: Any,
) -> Variant:
    """A further licence tier after the first."""
    tier = Variant(
        **{
            "id": new_id(),
            "product_id": product.id,
            "code": code,
            "position": 1,
            "name_th": "สตูดิโอ",
            "name_en": "Studio",
            "price_satang": price.satang,
            "stock": stock,
            "slots": 5,
            **values,
        }
    )
    with database.transaction() as session:
        session.add(tier)
    return tier


def add_image(database: Database, product: Product, position: int, **values: Any) -> None:
    """An uploaded picture the worker has finished, unless told otherwise."""
    image = ProductImage(
        **{
            "id": new_id(),
            "product_id": product.id,
            "position": position,
            "state": "ready",
            "original_key": f"uploads/{product.slug}/{position}",
            "stem": f"pictures/{product.slug}-{position}",
            "width": 1600,
            "height": 900,
            "alt_th": f"ภาพ {position}",
            "alt_en": f"Screen {position}",
            **values,
        }
    )
    with database.transaction() as session:
        session.add(image)


def set_stock(database: Database, product: Product, stock: int) -> None:
    """As many units ever, of the first tier."""
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).stock = stock


def owner_of(shop: Shop, make: Factory, *products: Product) -> User:
    """Somebody who has bought these and holds good licences."""
    user = make.user()
    buy(shop, make, user, *((product, 1) for product in products))
    return user
