"""The pictures of a product: taken in, ordered, described, removed, and the cover they make."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.catalog.flow import upload_picture
from storefront.catalog.gallery import (
    PICTURE_MACHINE,
    PictureAction,
    describe_image,
    is_needed,
    list_ready_images,
    move_image,
    original_key,
    remove_image,
    retry_image,
)
from storefront.catalog.models import PictureState, ProductImage
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.state import Illegal, Moved
from storefront.outbox import OutboxMessage
from storefront.providers.files import FilesUnavailable
from tests.support.factories import Factory
from tests.support.galleries import Gallery
from tests.support.pictures import picture

PICTURE = picture("WEBP", size=(400, 225))


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def gallery(shop: Shop, make: Factory, staff: User) -> Gallery:
    return Gallery(shop, make.product(), staff)


def tasks(shop: Shop, name: str) -> list[OutboxMessage]:
    with shop.database.reading() as session:
        return list(session.scalars(select(OutboxMessage).where(OutboxMessage.task == name)))


def test_an_upload_is_stored_privately_and_waits_for_the_worker(
    shop: Shop, gallery: Gallery, staff: User
) -> None:
    image = upload_picture(
        shop.database,
        shop.files,
        gallery.product.id,
        body=PICTURE,
        actor_id=staff.id,
        now=shop.clock(),
    )

    assert (image.state, image.position, image.stem) == (PictureState.PROCESSING, 0, None)
    assert image.original_key == f"uploads/pictures/{image.id}"
    assert shop.files.read(image.original_key).body == PICTURE
    assert [task.payload for task in tasks(shop, "make_pictures")] == [{"image_id": str(image.id)}]
    assert gallery.cover is None


def test_a_refused_upload_leaves_nothing(shop: Shop, gallery: Gallery, staff: User) -> None:
    with pytest.raises(Invalid):
        upload_picture(
            shop.database,
            shop.files,
            gallery.product.id,
            body=b"<html>",
            actor_id=staff.id,
            now=shop.clock(),
        )

    assert gallery.order == []
    assert not tasks(shop, "make_pictures") + tasks(shop, "forget_picture")


def test_an_upload_whose_row_never_came_is_forgotten_later(
    shop: Shop, make: Factory, staff: User
) -> None:
    with pytest.raises(NotFound):
        upload_picture(
            shop.database,
            shop.files,
            new_id(),
            body=PICTURE,
            actor_id=staff.id,
            now=shop.clock(),
        )

    [task] = tasks(shop, "forget_picture")
    assert shop.files.has(original_key(UUID(task.payload["image_id"])))
    assert task.available_at > shop.clock() + timedelta(minutes=50)


def test_when_the_store_is_away_no_image_appears(
    shop: Shop, gallery: Gallery, staff: User, sandbox: Any
) -> None:
    class Away:
        def put(self, *_: object, **__: object) -> None:
            raise FilesUnavailable("503")

    with pytest.raises(FilesUnavailable):
        upload_picture(
            shop.database,
            Away(),  # type: ignore[arg-type]
            gallery.product.id,
            body=PICTURE,
            actor_id=staff.id,
            now=shop.clock(),
        )

    assert gallery.order == []


def test_the_first_ready_picture_is_the_cover_whatever_was_uploaded_first(
    gallery: Gallery,
) -> None:
    slow, quick = gallery.add(), gallery.add()

    gallery.finish(quick)
    assert gallery.cover == f"pictures/{quick}"

    gallery.finish(slow)
    assert gallery.cover == f"pictures/{slow}"


def test_moving_a_picture_to_the_front_makes_it_the_cover(shop: Shop, gallery: Gallery) -> None:
    first, second, third = gallery.ready(), gallery.ready(), gallery.ready()

    asked = len(tasks(shop, "draw_share_card"))

    gallery.change(move_image, third, to=0)
    gallery.change(move_image, second, to=1)

    assert gallery.order == [third, second, first]
    assert gallery.cover == f"pictures/{third}"
    assert len(tasks(shop, "draw_share_card")) == asked + 1, "once: the cover changed once"


@pytest.mark.parametrize(("to", "place"), [(0, 0), (1, 1), (2, 2), (99, 2), (-5, 0)], ids=str)
def test_a_place_outside_the_row_is_its_end(gallery: Gallery, to: int, place: int) -> None:
    moved, *_others = [gallery.ready() for _ in range(3)]

    gallery.change(move_image, moved, to=to)

    assert gallery.order.index(moved) == place


def test_removing_the_cover_closes_the_gap_and_the_next_is_the_cover(
    shop: Shop, gallery: Gallery
) -> None:
    first, second, third = gallery.ready(), gallery.ready(), gallery.ready()

    gallery.remove(first)

    assert gallery.order == [second, third]
    assert gallery.cover == f"pictures/{second}"
    [task] = tasks(shop, "forget_picture")
    assert task.payload == {"image_id": str(first)}
    assert task.available_at > shop.clock() + timedelta(minutes=50), "open pages still show it"


def test_without_pictures_there_is_no_cover(gallery: Gallery) -> None:
    only = gallery.ready()

    gallery.remove(only)

    assert gallery.cover is None


def test_a_generated_cover_stays_until_there_is_a_picture(
    shop: Shop, make: Factory, staff: User
) -> None:
    gallery = Gallery(shop, make.product(cover="covers/qr-garage"), staff)

    broken = gallery.add()
    gallery.fail(broken)
    gallery.remove(broken)
    assert gallery.cover == "covers/qr-garage"

    image = gallery.ready()
    assert gallery.cover == f"pictures/{image}"


def test_shoppers_see_ready_pictures_only(shop: Shop, gallery: Gallery) -> None:
    gallery.add()
    ready = gallery.ready()
    gallery.fail(gallery.add())

    with shop.database.reading() as session:
        seen = list_ready_images(session, gallery.product.id)

    assert [image.id for image in seen] == [ready]


def test_a_failed_picture_says_why_and_its_upload_is_thrown_away(
    shop: Shop, gallery: Gallery
) -> None:
    image_id = gallery.add()

    gallery.fail(image_id)
    gallery.fail(image_id)

    with shop.database.reading() as session:
        image = session.get_one(ProductImage, image_id)
        assert (image.state, image.failure) == (PictureState.FAILED, "picture_unreadable")
        assert not is_needed(session, image_id)
    assert len(tasks(shop, "forget_picture")) == 1


def test_the_workers_second_report_changes_nothing(gallery: Gallery) -> None:
    image_id = gallery.ready()

    assert gallery.finish(image_id)
    gallery.fail(image_id)

    assert gallery.cover == f"pictures/{image_id}"


def test_the_worker_learns_that_a_picture_was_removed_meanwhile(gallery: Gallery) -> None:
    image_id = gallery.add()
    gallery.remove(image_id)

    assert not gallery.finish(image_id)
    gallery.fail(image_id)
    assert gallery.order == []


@pytest.mark.parametrize("state", PictureState)
@pytest.mark.parametrize("action", PictureAction)
def test_every_state_meets_every_action(state: PictureState, action: PictureAction) -> None:
    outcome = PICTURE_MACHINE.next_state(state, action)

    leads_to = {
        PictureAction.FINISH: PictureState.READY,
        PictureAction.FAIL: PictureState.FAILED,
    }[action]
    if state is PictureState.PROCESSING:
        assert outcome == Moved(leads_to)
    else:
        assert isinstance(outcome, Illegal) is (state is not leads_to)


def test_words_for_a_picture_are_kept_and_recorded(
    shop: Shop, gallery: Gallery, staff: User
) -> None:
    image_id = gallery.add()

    for _ in range(2):
        gallery.change(describe_image, image_id, alt_th="เมนูจอดรถ", alt_en="The garage menu")

    with shop.database.reading() as session:
        image = session.get_one(ProductImage, image_id)
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "describe_image")
        ).all()
    assert (image.alt_th, image.alt_en) == ("เมนูจอดรถ", "The garage menu")
    [entry] = entries
    assert (entry.actor_id, entry.subject_id) == (staff.id, str(gallery.product.id))
    assert entry.detail["changes"]["alt_en"] == ["", "The garage menu"]
    with pytest.raises(Invalid, match="alt_too_long"):
        gallery.change(describe_image, image_id, alt_th="ก" * 201, alt_en="")


def test_every_change_is_in_the_audit_log(shop: Shop, gallery: Gallery) -> None:
    first, second = gallery.ready(), gallery.ready()
    gallery.change(move_image, second, to=0)
    gallery.remove(first)

    with shop.database.reading() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()

    assert actions == ["add_image", "add_image", "move_image", "remove_image"]


def test_an_image_of_another_product_is_not_found(
    shop: Shop, gallery: Gallery, make: Factory, staff: User
) -> None:
    foreign = Gallery(shop, make.product(), staff).ready()
    before = foreign

    for do, values in (
        (move_image, {"to": 0}),
        (describe_image, {"alt_th": "", "alt_en": "x"}),
        (remove_image, {"now": shop.clock()}),
    ):
        with pytest.raises(NotFound):
            gallery.change(do, foreign, **values)
    with shop.database.transaction() as session, pytest.raises(NotFound):
        retry_image(session, gallery.product.id, foreign)
    with shop.database.reading() as session:
        assert session.get_one(ProductImage, before).alt_en == ""


def test_only_what_is_being_made_can_be_asked_for_again(shop: Shop, gallery: Gallery) -> None:
    waiting, done = gallery.add(), gallery.ready()

    with shop.database.transaction() as session:
        retry_image(session, gallery.product.id, waiting)
    assert len(tasks(shop, "make_pictures")) == 3
    with shop.database.transaction() as session, pytest.raises(Conflict):
        retry_image(session, gallery.product.id, done)
