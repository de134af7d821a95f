"""Several people at one product's pictures at once."""

from __future__ import annotations

from threading import Barrier

import pytest
from sqlalchemy.orm import Session

from storefront.bootstrap import Shop
from storefront.catalog.gallery import MOST_IMAGES, list_images, move_image, original_key
from storefront.catalog.models import ProductImage
from storefront.kit.ids import new_id
from tests.concurrency.racing import CONNECTIONS, codes_of, race, race_transactions, successes_in
from tests.support.factories import Factory
from tests.support.galleries import Gallery


@pytest.fixture
def gallery(shop: Shop, make: Factory) -> Gallery:
    return Gallery(shop, make.product(), make.user(role="admin"))


def test_uploads_at_once_never_exceed_twelve(gallery: Gallery) -> None:
    for _ in range(MOST_IMAGES - 3):
        gallery.add()

    outcomes = race([gallery.add] * 10)

    assert codes_of(outcomes) == ["images_full"] * 7
    assert set(successes_in(outcomes)) < set(gallery.order)
    assert len(gallery.order) == MOST_IMAGES


def test_control_counting_without_the_lock_exceeds_twelve(shop: Shop, gallery: Gallery) -> None:
    def add(session: Session, everybody_has_read: Barrier) -> None:
        there = len(list_images(session, gallery.product.id))
        everybody_has_read.wait()
        if there < MOST_IMAGES:
            image_id = new_id()
            session.add(
                ProductImage(
                    id=image_id,
                    product_id=gallery.product.id,
                    position=there,
                    original_key=original_key(image_id),
                )
            )

    race_transactions(shop.database, add, runners=CONNECTIONS)

    with shop.database.reading() as session:
        assert len(list_images(session, gallery.product.id)) > MOST_IMAGES


def test_two_orders_at_once_leave_one_order(gallery: Gallery) -> None:
    images = [gallery.ready() for _ in range(6)]

    race(
        [
            lambda image=image, to=to: gallery.change(move_image, image, to=to)  # type: ignore[misc]
            for image in images
            for to in (0, 3)
        ]
    )

    assert sorted(gallery.order) == sorted(images)
    assert gallery.cover == f"pictures/{gallery.order[0]}"


def test_control_swapping_places_without_the_lock_leaves_two_in_front(
    shop: Shop, gallery: Gallery
) -> None:
    images = [gallery.ready() for _ in range(3)]
    movers = iter((1, 2))

    def swap(session: Session, everybody_has_read: Barrier) -> None:
        rows = list_images(session, gallery.product.id)
        mover = next(movers)
        everybody_has_read.wait()
        rows[0].position, rows[mover].position = rows[mover].position, 0

    race_transactions(shop.database, swap, runners=2)

    with shop.database.reading() as session:
        places = [one.position for one in list_images(session, gallery.product.id)]
    assert places.count(0) == 2
    assert len(places) == len(images)


def test_moving_removing_and_finishing_at_once_keep_cover_and_order(gallery: Gallery) -> None:
    images = [gallery.ready() for _ in range(4)]
    waiting = [gallery.add() for _ in range(4)]

    race(
        [
            *(lambda one=one: gallery.finish(one) for one in waiting),
            *(lambda one=one: gallery.remove(one) for one in images[:3]),
            lambda: gallery.change(move_image, waiting[3], to=0),
        ]
    )

    assert sorted(gallery.order) == sorted([images[3], *waiting])
    assert gallery.cover == f"pictures/{gallery.order[0]}"
