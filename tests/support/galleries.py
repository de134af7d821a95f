"""One product's pictures in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.gallery import (
    add_image,
    fail_image,
    finish_image,
    list_images,
    remove_image,
)
from storefront.catalog.models import Product
from storefront.kit.ids import new_id


class Gallery:
    """One product's images, changed the way staff and worker do."""

    def __init__(self, shop: Shop, product: Product, staff: User) -> None:
        self._shop, self.product, self._staff = shop, product, staff

    def change(self, do: Callable[..., Any], image_id: UUID, **values: Any) -> Any:
        with self._shop.database.transaction() as session:
            return do(session, self.product.id, image_id, actor_id=self._staff.id, **values)

    def add(self) -> UUID:
        with self._shop.database.transaction() as session:
            return add_image(
                session, self.product.id, image_id=new_id(), actor_id=self._staff.id
            ).id

    def finish(self, image_id: UUID) -> bool:
        with self._shop.database.transaction() as session:
            return finish_image(session, image_id, width=1_600, height=900)

    def fail(self, image_id: UUID) -> None:
        with self._shop.database.transaction() as session:
            fail_image(session, image_id, reason="picture_unreadable", now=self._shop.clock())

    def remove(self, image_id: UUID) -> None:
        self.change(remove_image, image_id, now=self._shop.clock())

    def ready(self) -> UUID:
        image_id = self.add()
        assert self.finish(image_id)
        return image_id

    @property
    def order(self) -> list[UUID]:
        """The ids in order; the positions have to be 0 to n-1."""
        with self._shop.database.reading() as session:
            images = list_images(session, self.product.id)
        assert [image.position for image in images] == list(range(len(images)))
        return [image.id for image in images]

    @property
    def cover(self) -> str | None:
        with self._shop.database.reading() as session:
            return session.scalar(select(Product.cover).where(Product.id == self.product.id))
