"""Making the sizes of uploaded pictures, and throwing away what no image needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import structlog

from jobs.rendering import render_apart
from storefront.bootstrap import Shop
from storefront.catalog.gallery import (
    fail_image,
    finish_image,
    is_needed,
    original_key,
    picture_keys,
    picture_stem,
)
from storefront.catalog.models import PictureState, ProductImage
from storefront.catalog.pictures import inspect_picture
from storefront.errors import Invalid, NotFound

log = structlog.get_logger()

CONTENT_TYPES: Final = {"webp": "image/webp", "avif": "image/avif"}


def make_pictures(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Store every size of one upload and show the image; a file that cannot be used fails with
    its reason. Runs again from the beginning, with the same keys, when it was killed. Raises
    FilesUnavailable or RenderingBroke, after which it is tried again."""
    image_id = UUID(payload["image_id"])
    with shop.database.reading() as reader:
        image = reader.get(ProductImage, image_id)
    if image is not None and image.state != PictureState.PROCESSING:
        return
    if image is not None:
        try:
            if _make(shop, image_id):
                return
        except (Invalid, NotFound) as refusal:
            log.info("picture_failed", image=str(image_id), reason=refusal.code)
            with shop.database.transaction() as session:
                fail_image(session, image_id, reason=_reason(refusal), now=shop.clock())
            return
    # Removed meanwhile, perhaps after its files were thrown away for the first time.
    _throw_away(shop, image_id)


def forget_picture(shop: Shop, payload: Mapping[str, Any]) -> None:
    """Delete the files of an image that was removed, has failed, or never came to be. Idempotent.
    Raises FilesUnavailable, after which it is tried again."""
    image_id = UUID(payload["image_id"])
    with shop.database.reading() as reader:
        if is_needed(reader, image_id):
            return
    _throw_away(shop, image_id)


def _make(shop: Shop, image_id: UUID) -> bool:
    body = shop.files.read(original_key(image_id)).body
    facts = inspect_picture(body)
    for ending, size in render_apart(body).items():
        shop.files.put(
            picture_stem(image_id) + ending,
            size,
            content_type=CONTENT_TYPES[ending.rpartition(".")[2]],
        )
    with shop.database.transaction() as session:
        return finish_image(session, image_id, width=facts.width, height=facts.height)


def _throw_away(shop: Shop, image_id: UUID) -> None:
    for key in picture_keys(image_id):
        shop.files.delete(key)


def _reason(refusal: Invalid | NotFound) -> str:
    return "picture_lost" if isinstance(refusal, NotFound) else refusal.code
