"""The pictures of a product: their order, their words, and which of them is the cover.

Positions run from 0 without gaps. Whatever changes the set, the order or a state locks the
product's row first, so that two people ordering at once leave one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.models import PictureState, Product, ProductImage
from storefront.catalog.pictures import WIDTHS
from storefront.catalog.share_cards import enqueue_share_card
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.state import Illegal, Machine
from storefront.outbox import enqueue

MOST_IMAGES: Final = 12
LONGEST_ALT: Final = 200
FORMATS: Final = ("webp", "avif")

# A page that was opened before still loads its pictures, and an upload on its way has its time.
_KEPT_UNUSED: Final = timedelta(hours=1)


# By the name of what changed: before and after.
Changes = Mapping[str, list[str | int | None]]


class PictureAction(StrEnum):
    """What the worker reports of an uploaded picture."""

    FINISH = "finish"
    FAIL = "fail"


PICTURE_MACHINE: Final = Machine(
    {
        PictureAction.FINISH: {PictureState.PROCESSING: PictureState.READY},
        PictureAction.FAIL: {PictureState.PROCESSING: PictureState.FAILED},
    }
)


def original_key(image_id: UUID) -> str:
    """Where the upload lies, as it came: private."""
    return f"uploads/pictures/{image_id}"


def picture_stem(image_id: UUID) -> str:
    """Where the finished sizes lie, without the ending: public."""
    return f"pictures/{image_id}"


def picture_keys(image_id: UUID) -> tuple[str, ...]:
    """Every file that can belong to an image."""
    stem = picture_stem(image_id)
    sizes = (f"{stem}-{width}.{format}" for width in WIDTHS for format in FORMATS)
    return (original_key(image_id), *sizes)


def get_product(session: Session, product_id: UUID) -> Product:
    """A product whatever its status: for staff. Raises NotFound `product`."""
    product = session.get(Product, product_id, populate_existing=True)
    if product is None:
        raise NotFound("product")
    return product


def list_images(session: Session, product_id: UUID) -> Sequence[ProductImage]:
    """All images of a product in their order, whatever their state: for staff."""
    return session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product_id)
        .order_by(ProductImage.position, ProductImage.id)
        .execution_options(populate_existing=True)
    ).all()


def list_ready_images(session: Session, product_id: UUID) -> Sequence[ProductImage]:
    """The images shoppers see, in their order: `stem`, `width` and `height` are set."""
    return [one for one in list_images(session, product_id) if one.state == PictureState.READY]


def plan_image(session: Session, image_id: UUID, *, now: datetime) -> None:
    """Before an upload is stored: should its row never come, its file goes again."""
    _forget_later(session, image_id, now=now)


def add_image(
    session: Session, product_id: UUID, *, image_id: UUID, actor_id: UUID
) -> ProductImage:
    """Put an upload that is stored under `original_key` at the end and let the worker make its
    sizes. Locks the product. Raises NotFound `product`, Conflict `images_full`."""
    product = _lock_product(session, product_id)
    count = session.scalar(
        select(func.count()).select_from(ProductImage).where(ProductImage.product_id == product.id)
    )
    if (count or 0) >= MOST_IMAGES:
        raise Conflict("images_full", f"{count} images")
    image = ProductImage(
        id=image_id,
        product_id=product.id,
        position=count or 0,
        state=PictureState.PROCESSING,
        original_key=original_key(image_id),
        alt_th="",
        alt_en="",
    )
    session.add(image)
    session.flush()
    make_again(session, image.id)
    _record(session, "add_image", image, {"position": [None, image.position]}, actor_id=actor_id)
    return image


def make_again(session: Session, image_id: UUID) -> None:
    """Ask the worker for the sizes. Harmless to repeat: it does nothing for what is made."""
    enqueue(session, "make_pictures", {"image_id": str(image_id)})


def retry_image(session: Session, product_id: UUID, image_id: UUID) -> None:
    """Ask again for an image the worker gave up on. Raises NotFound `image`, Conflict
    `image_not_processing`."""
    image = _find_image(session, product_id, image_id)
    if image.state != PictureState.PROCESSING:
        raise Conflict("image_not_processing", image.state)
    make_again(session, image.id)


def finish_image(session: Session, image_id: UUID, *, width: int, height: int) -> bool:
    """All sizes are stored: the image shows from now on. `width` and `height` are those of the
    original, in pixels. Locks the product. Idempotent; False when the image was removed or has
    failed, so that its files are not needed."""
    image, product = _lock_image(session, image_id)
    if image is None or product is None:
        return False
    if not _move(image, PictureAction.FINISH):
        return image.state == PictureState.READY
    image.stem = picture_stem(image.id)
    image.width, image.height = width, height
    session.flush()
    _settle(session, product)
    return True


def fail_image(session: Session, image_id: UUID, *, reason: str, now: datetime) -> None:
    """The upload cannot be used: `reason` is a code of `storefront.messages`, and the upload is
    thrown away. Idempotent; nothing for an image that is gone or ready."""
    image, _product = _lock_image(session, image_id)
    if image is None or not _move(image, PictureAction.FAIL):
        return
    image.failure = reason
    _forget_later(session, image.id, now=now)


def move_image(
    session: Session,
    product_id: UUID,
    image_id: UUID,
    *,
    to: int,
    actor_id: UUID,
) -> None:
    """Give an image this place, counted from 0; a place outside the row of images is its end.
    The others close up. Locks the product. Raises NotFound `product` or `image`."""
    product = _lock_product(session, product_id)
    images = list(list_images(session, product.id))
    image = _among(images, image_id)
    before = image.position
    images.remove(image)
    images.insert(max(0, min(to, len(images))), image)
    for position, one in enumerate(images):
        one.position = position
    session.flush()
    _settle(session, product)
    if image.position != before:
        _record(
            session, "move_image", image, {"position": [before, image.position]}, actor_id=actor_id
        )


def describe_image(
    session: Session,
    product_id: UUID,
    image_id: UUID,
    *,
    alt_th: str,
    alt_en: str,
    actor_id: UUID,
) -> None:
    """Set what the picture shows, in words. Raises NotFound `product` or `image`, Invalid
    `alt_too_long`."""
    if max(len(alt_th), len(alt_en)) > LONGEST_ALT:
        raise Invalid("alt_too_long")
    product = _lock_product(session, product_id)
    image = _among(list_images(session, product.id), image_id)
    if (image.alt_th, image.alt_en) == (alt_th, alt_en):
        return
    changes: Changes = {
        "alt_th": [image.alt_th, alt_th],
        "alt_en": [image.alt_en, alt_en],
    }
    image.alt_th, image.alt_en = alt_th, alt_en
    _record(session, "describe_image", image, changes, actor_id=actor_id)


def remove_image(
    session: Session, product_id: UUID, image_id: UUID, *, actor_id: UUID, now: datetime
) -> None:
    """Take an image away; the others close up and its files go an hour later. Locks the product.
    Raises NotFound `product` or `image`."""
    product = _lock_product(session, product_id)
    image = _among(list_images(session, product.id), image_id)
    changes: Changes = {"position": [image.position, None]}
    _record(session, "remove_image", image, changes, actor_id=actor_id)
    session.delete(image)
    session.flush()
    _forget_later(session, image.id, now=now)
    _settle(session, product)


def is_needed(session: Session, image_id: UUID) -> bool:
    """Whether the files of an image are still to be kept."""
    state = session.scalar(select(ProductImage.state).where(ProductImage.id == image_id))
    return state in (PictureState.PROCESSING, PictureState.READY)


def _forget_later(session: Session, image_id: UUID, *, now: datetime) -> None:
    enqueue(session, "forget_picture", {"image_id": str(image_id)}, not_before=now + _KEPT_UNUSED)


def _lock_product(session: Session, product_id: UUID) -> Product:
    # Not FOR UPDATE: a cart line that points to the product need not wait.
    product = session.scalar(
        select(Product)
        .where(Product.id == product_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if product is None:
        raise NotFound("product")
    return product


def _lock_image(
    session: Session, image_id: UUID
) -> tuple[ProductImage, Product] | tuple[None, None]:
    """The product first, like everybody; the image may be gone by then."""
    product_id = session.scalar(select(ProductImage.product_id).where(ProductImage.id == image_id))
    if product_id is None:
        return None, None
    product = _lock_product(session, product_id)
    image = session.get(ProductImage, image_id, populate_existing=True)
    return (None, None) if image is None else (image, product)


def _find_image(session: Session, product_id: UUID, image_id: UUID) -> ProductImage:
    image = session.get(ProductImage, image_id)
    if image is None or image.product_id != product_id:
        raise NotFound("image")
    return image


def _among(images: Sequence[ProductImage], image_id: UUID) -> ProductImage:
    for image in images:
        if image.id == image_id:
            return image
    raise NotFound("image")


def _move(image: ProductImage, action: PictureAction) -> bool:
    """Whether the image changed; a second report, or a late one, changes nothing."""
    state = PictureState(image.state)
    outcome = PICTURE_MACHINE.next_state(state, action)
    if isinstance(outcome, Illegal) or outcome.state is state:
        return False
    image.state = outcome.state
    return True


def _settle(session: Session, product: Product) -> None:
    """Close gaps in the order; the first ready picture is the cover. A cover that was never
    uploaded (a generated one) stays until there is a picture."""
    images = list_images(session, product.id)
    for position, image in enumerate(images):
        if image.position != position:
            image.position = position
    stem = next((one.stem for one in images if one.state == PictureState.READY), None)
    is_generated = product.cover is not None and not product.cover.startswith("pictures/")
    if product.cover != stem and (stem is not None or not is_generated):
        product.cover = stem
        enqueue_share_card(session, product.id)
    session.flush()


def _record(
    session: Session,
    action: str,
    image: ProductImage,
    changes: Changes,
    *,
    actor_id: UUID,
) -> None:
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("product", image.product_id),
        detail={"image": str(image.id), "changes": dict(changes)},
    )
