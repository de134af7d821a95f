"""Share cards: the pictures that stand beside a link to the shop where people post it.

What a card shows is folded into a digest, which the picture carries and its address names. So an
old card is never taken for the new one, and drawing twice changes nothing. Drawing itself is in
`share_art`, which only the worker needs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, String, bindparam, case, cast, func, select
from sqlalchemy.orm import Session

from storefront.catalog.cards import PRODUCTS, is_shown
from storefront.catalog.models import Product, ProductStatus
from storefront.kit.money import Money
from storefront.outbox import OutboxMessage, enqueue

# Raised when the drawing changes: every card is then drawn anew.
DESIGN: Final = "1"
SHOP_PICTURE: Final = "img/hero-1600.webp"
"""The picture of the home page, among the static files."""
DIGEST_LENGTH: Final = 12

_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything the card of a product shows, in both languages. `price` is the one a card in a
    list shows outside of flash sales; None while the product is only announced."""

    product_id: UUID
    name_th: str
    name_en: str
    cover: str | None
    price: Money | None
    is_from: bool
    digest: str

    @property
    def picture(self) -> str | None:
        """Where the picture behind the text is stored."""
        return self.cover and f"{self.cover}-1200.webp"

    def key(self, locale: str) -> str:
        """Where the card in this language is stored."""
        return f"share/{self.product_id}-{locale}.jpg"


def shop_card_key(locale: str) -> str:
    """Where the general card of the shop in this language is stored."""
    return f"share/shop-{locale}.jpg"


def shop_card_digest(shop_name: str) -> str:
    """The digest of the general card."""
    return _digest_of(shop_name)


def carries(picture: bytes, digest: str) -> bool:
    """Whether a stored card shows what this digest stands for. It is a comment near the start."""
    return mark(digest) in picture[:1024]


def mark(digest: str) -> bytes:
    """The comment inside a card's file."""
    return f"share card {digest}".encode()


def card_facts(product: Product | Row[*tuple[Any, ...]], *, shop_name: str) -> CardFacts:
    """What the card of a product shows."""
    is_for_sale = product.status == ProductStatus.PUBLISHED
    price = product.offer_price_satang if is_for_sale else None
    is_from = product.tier_count > 1 and product.offer_is_lowest
    return CardFacts(
        product_id=product.id,
        name_th=product.name_th,
        name_en=product.name_en,
        cover=product.cover,
        price=None if price is None else Money(price),
        is_from=is_from,
        digest=_digest_of(
            shop_name,
            product.name_th,
            product.name_en,
            product.cover or "",
            "" if price is None else str(price),
            str(is_from).lower(),
        ),
    )


def find_card_facts(session: Session, product_id: UUID, *, shop_name: str) -> CardFacts | None:
    """The same by id; None for a product that shoppers may not see."""
    row = session.execute(_FACTS, {"product_id": product_id}).one_or_none()
    return None if row is None else card_facts(row, shop_name=shop_name)


def enqueue_share_card(session: Session, product_id: UUID) -> None:
    """Have the cards of a product drawn after a change of its name, cover, price or status. Safe
    to call for any change: what has not changed is not drawn again."""
    enqueue(session, "draw_share_card", {"product_id": str(product_id)})


def enqueue_missing_cards(session: Session, *, shop_name: str, limit: int) -> int:
    """Have up to `limit` cards drawn that nobody asked for yet: new products, changes that came
    without a call of `enqueue_share_card`, and the shop's own card. Returns how many.

    Idempotent: per product and digest the outbox takes one message for as long as it remembers
    it. After that the task looks whether the picture is still there.
    """
    shop_digest = shop_card_digest(shop_name)
    asked = int(
        enqueue(session, "draw_shop_card", {}, dedupe_key=f"shop_card:{shop_digest}") is not None
    )
    values = {"shop_name": shop_name, "most": limit}
    for product_id, key in session.execute(_MISSING, values).all():
        payload = {"product_id": str(product_id)}
        asked += enqueue(session, "draw_share_card", payload, dedupe_key=key) is not None
    return asked


def _digest_of(*shown: str) -> str:
    text = _SEPARATOR.join((DESIGN, *shown))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:DIGEST_LENGTH]


def _digest() -> ColumnElement[str]:
    """`_digest_of` in SQL, so that the sweep need not read every product to find the one that
    changed."""
    price = case((PRODUCTS.status == ProductStatus.PUBLISHED.value, PRODUCTS.offer_price_satang))
    shown = (
        DESIGN,
        bindparam("shop_name", type_=String),
        PRODUCTS.name_th,
        PRODUCTS.name_en,
        func.coalesce(PRODUCTS.cover, ""),
        func.coalesce(cast(price, String), ""),
        cast((PRODUCTS.tier_count > 1) & PRODUCTS.offer_is_lowest, String),
    )
    return func.left(func.md5(func.concat_ws(_SEPARATOR, *shown)), DIGEST_LENGTH)


def _missing() -> Select[UUID, str]:
    key = func.concat("share_card:", cast(PRODUCTS.id, String), ":", _DIGEST)
    known = select(OutboxMessage.id).where(OutboxMessage.dedupe_key == key)
    return (
        select(PRODUCTS.id, key)
        .where(is_shown(), ~known.exists())
        .order_by(PRODUCTS.published_at.desc(), PRODUCTS.id.desc())
        .limit(bindparam("most"))
    )


# Statements are made once: building one costs more than running it.
_DIGEST: Final = _digest()
_FACTS: Final = select(
    PRODUCTS.id,
    PRODUCTS.name_th,
    PRODUCTS.name_en,
    PRODUCTS.cover,
    PRODUCTS.status,
    PRODUCTS.offer_price_satang,
    PRODUCTS.offer_is_lowest,
    PRODUCTS.tier_count,
).where(PRODUCTS.id == bindparam("product_id", type_=PRODUCTS.id.type), is_shown())
_MISSING: Final = _missing()
