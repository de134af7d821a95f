"""What the product list can be narrowed to and ordered by, and what that means in SQL.

The statements are built from the names of the filters that are on; what they are set to goes in
as parameters, so that a statement is built once and not for every value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Uuid, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from storefront.catalog.cards import PRODUCTS, running_items
from storefront.catalog.models import ProductStatus
from storefront.catalog.price_models import FlashSaleItem
from storefront.kit.money import Money

FRAMEWORKS: Final = ("esx", "qbcore", "qbox", "standalone")
DELIVERIES: Final = ("open_source", "protected")

CATEGORY, FRAMEWORK, DELIVERY = "category", "framework", "delivery"
PRICE_FROM, PRICE_TO = "price_from", "price_to"
ON_SALE, IN_STOCK = "on_sale", "in_stock"
ABOUT_OFFERS: Final = frozenset({PRICE_FROM, PRICE_TO, ON_SALE, IN_STOCK})

_ITEMS: Final = FlashSaleItem.__table__.c
_PUBLISHED: Final = ProductStatus.PUBLISHED.value
_IDS: Final = ARRAY(Uuid())


class Sort(StrEnum):
    """Orders of the list, each one number per product so that a page can be found again."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    POPULAR = "popular"
    RATING = "rating"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; both ends of the price range belong to it."""

    phrase: str = ""
    category: str | None = None
    framework: str | None = None
    delivery: str | None = None
    price_from: Money | None = None
    price_to: Money | None = None
    on_sale: bool = False
    in_stock: bool = False

    @property
    def has_price(self) -> bool:
        """Whether an end of the price range is set."""
        return self.price_from is not None or self.price_to is not None

    @property
    def count(self) -> int:
        """How many filters are on, not counting the phrase."""
        chosen = (
            self.category,
            self.framework,
            self.delivery,
            self.has_price,
            self.on_sale,
            self.in_stock,
        )
        return sum(1 for one in chosen if one)


class PLAIN:
    """The offer that stands in the product's own row: that of every product without a flash
    sale."""

    price: Final = PRODUCTS.offer_price_satang
    original: Final = PRODUCTS.offer_original_satang
    sold_out: Final = PRODUCTS.offer_is_sold_out


def names_of(filters: Filters) -> frozenset[str]:
    """The names of the filters that are on, the ends of the price range each for itself."""
    values = {
        CATEGORY: filters.category,
        FRAMEWORK: filters.framework,
        DELIVERY: filters.delivery,
        PRICE_FROM: filters.price_from is not None,
        PRICE_TO: filters.price_to is not None,
        ON_SALE: filters.on_sale,
        IN_STOCK: filters.in_stock,
    }
    return frozenset(name for name, value in values.items() if value)


def values_of(filters: Filters, categories: list[UUID]) -> Mapping[str, Any]:
    """What the conditions of these filters take; `categories` are the chosen one and all below."""
    return {
        CATEGORY: categories,
        FRAMEWORK: [filters.framework],
        DELIVERY: filters.delivery,
        PRICE_FROM: filters.price_from.satang if filters.price_from else 0,
        PRICE_TO: filters.price_to.satang if filters.price_to else 0,
    }


def conditions(names: frozenset[str], *, offer: type[Any]) -> list[ColumnElement[bool]]:
    """What must be true of a product for the filters named."""
    wanted: list[ColumnElement[bool]] = []
    if CATEGORY in names:
        wanted.append(PRODUCTS.category_id == any_(bindparam(CATEGORY, type_=_IDS)))
    if FRAMEWORK in names:
        wanted.append(PRODUCTS.frameworks.contains(bindparam(FRAMEWORK)))
    if DELIVERY in names:
        wanted.append(PRODUCTS.delivery == bindparam(DELIVERY))
    if PRICE_FROM in names:
        wanted.append(offer.price >= bindparam(PRICE_FROM, type_=BigInteger()))
    if PRICE_TO in names:
        wanted.append(offer.price <= bindparam(PRICE_TO, type_=BigInteger()))
    if ON_SALE in names:
        wanted.append(is_on_sale(offer))
    if IN_STOCK in names:
        wanted.append(is_in_stock(offer))
    return wanted


def in_flash_sale() -> ColumnElement[bool]:
    """Whether a flash sale of the product is running at `now`: few products, found at once."""
    return PRODUCTS.id.in_(select(_ITEMS.product_id).where(*running_items()))


def is_on_sale(offer: type[Any]) -> ColumnElement[bool]:
    """Whether the price shown is a reduced one of something that is sold now."""
    return and_(offer.original.is_not(None), PRODUCTS.status == _PUBLISHED)


def is_in_stock(offer: type[Any]) -> ColumnElement[bool]:
    """Whether a tier can be had now."""
    return and_(offer.sold_out.is_(False), PRODUCTS.status == _PUBLISHED)
