"""Drawing the pictures that stand beside links to the shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from storefront.bootstrap import Shop
from storefront.catalog.share_art import draw_product_card, draw_shop_card
from storefront.catalog.share_cards import (
    SHOP_PICTURE,
    carries,
    enqueue_missing_cards,
    find_card_facts,
    shop_card_digest,
    shop_card_key,
)
from storefront.errors import NotFound
from storefront.language import LOCALES
from storefront.paths import ROOT

# A worker draws as many in about ten seconds; the rest comes with the next minute.
BATCH: Final = 40


def sweep(shop: Shop) -> int:
    """Ask for cards that are missing, a few at a time; returns how many. Safe to run twice."""
    with shop.database.transaction() as session:
        return enqueue_missing_cards(session, shop_name=shop.settings.shop_name, limit=BATCH)


def draw(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Draw the cards of a product in both languages where what they show has changed. Raises
    FilesUnavailable, after which it is tried again."""
    name = shop.settings.shop_name
    with shop.database.reading() as reader:
        facts = find_card_facts(reader, UUID(payload["product_id"]), shop_name=name)
    if facts is None:
        return
    for locale in LOCALES:
        key = facts.key(locale)
        if not _is_drawn(shop, key, facts.digest):
            cover = _cover(shop, facts.picture)
            _store(shop, key, draw_product_card(facts, locale, shop_name=name, cover=cover))


def draw_general(shop: Shop, _payload: Mapping[str, Any]) -> None:
    """Draw the shop's own cards where they are missing. Raises like `draw`."""
    name = shop.settings.shop_name
    digest = shop_card_digest(name)
    for locale in LOCALES:
        key = shop_card_key(locale)
        if not _is_drawn(shop, key, digest):
            cover = (ROOT / "static" / SHOP_PICTURE).read_bytes()
            _store(shop, key, draw_shop_card(locale, shop_name=name, digest=digest, cover=cover))


def _is_drawn(shop: Shop, key: str, digest: str) -> bool:
    try:
        return carries(shop.files.read(key).body, digest)
    except NotFound:
        return False


def _cover(shop: Shop, key: str | None) -> bytes:
    if key is None:
        return b""
    try:
        return shop.files.read(key).body
    except NotFound:
        return b""


def _store(shop: Shop, key: str, picture: bytes) -> None:
    shop.files.put(key, picture, content_type="image/jpeg")
