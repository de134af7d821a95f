"""The worker and the pictures: sizes made once, killed half-way, refused with a reason."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from sqlalchemy import select, update

from jobs import pictures as job
from jobs.outbox import sweep_outbox
from jobs.rendering import RenderingBroke, render_apart
from storefront.bootstrap import Shop
from storefront.catalog.flow import upload_picture
from storefront.catalog.gallery import picture_keys, remove_image
from storefront.catalog.models import PictureState, Product, ProductImage
from storefront.catalog.pictures import render_sizes
from storefront.errors import Invalid
from storefront.outbox import MessageState, OutboxMessage
from storefront.paths import ROOT
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.pictures import opened, picture, png_claiming

NOW = timedelta(0)
GOOD = picture("JPEG", size=(900, 500))
BREAKS_OFF = png_claiming(1_000, 800)


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product()
    return product


@pytest.fixture
def upload(shop: Shop, make: Factory, product: Product) -> Callable[[bytes], UUID]:
    def upload(body: bytes) -> UUID:
        return upload_picture(
            shop.database,
            shop.files,
            product.id,
            body=body,
            actor_id=make.user(role="admin").id,
            now=shop.clock(),
        ).id

    return upload


def image_of(shop: Shop, image_id: UUID) -> ProductImage:
    with shop.database.reading() as session:
        return session.get_one(ProductImage, image_id)


def stored(shop: Shop, image_id: UUID) -> list[str]:
    return [key for key in picture_keys(image_id) if shop.files.has(key)]


def let_an_hour_pass(shop: Shop) -> None:
    with shop.database.transaction() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.state == MessageState.PENDING)
            .values(available_at=OutboxMessage.available_at - timedelta(hours=1, seconds=1))
        )


def program(folder: Path, script: str) -> str:
    """Stands where Python would be: a decoder with bad luck."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_an_upload_becomes_eight_sizes_and_the_cover(
    shop: Shop, upload: Callable[[bytes], UUID], product: Product
) -> None:
    image_id = upload(GOOD)

    sweep_outbox(shop, overdue=NOW)

    image = image_of(shop, image_id)
    assert (image.state, image.width, image.height) == (PictureState.READY, 900, 500)
    assert image.stem == f"pictures/{image_id}"
    assert len(stored(shop, image_id)) == 9
    avif = shop.files.read(f"pictures/{image_id}-800.avif")
    assert avif.content_type == "image/avif"
    assert (opened(avif.body).format, opened(avif.body).width) == ("AVIF", 800)
    with shop.database.reading() as session:
        assert session.get_one(Product, product.id).cover == image.stem


def test_a_worker_killed_between_two_sizes_begins_again_with_the_same_keys(
    shop: Shop, upload: Callable[[bytes], UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = upload(GOOD)
    whole = render_sizes(GOOD)

    class Killed(BaseException):
        """Not caught by anybody, like the end of a process."""

    def half(_body: bytes) -> Mapping[str, bytes]:
        class Half(dict[str, bytes]):
            def items(self) -> Any:
                yield from list(super().items())[:3]
                raise Killed

        return Half(whole)

    with monkeypatch.context() as patched:
        patched.setattr(job, "render_apart", half)
        with pytest.raises(Killed):
            job.make_pictures(shop, {"image_id": str(image_id)})
    assert len(stored(shop, image_id)) == 4
    assert image_of(shop, image_id).state == PictureState.PROCESSING

    for _ in range(2):
        job.make_pictures(shop, {"image_id": str(image_id)})

    assert image_of(shop, image_id).state == PictureState.READY
    assert stored(shop, image_id) == list(picture_keys(image_id))


def test_a_picture_that_breaks_off_fails_with_its_reason_and_the_upload_goes(
    shop: Shop, upload: Callable[[bytes], UUID], product: Product
) -> None:
    image_id = upload(BREAKS_OFF)

    sweep_outbox(shop, overdue=NOW)

    image = image_of(shop, image_id)
    assert (image.state, image.failure) == (PictureState.FAILED, "picture_unreadable")
    let_an_hour_pass(shop)
    sweep_outbox(shop, overdue=NOW)
    assert stored(shop, image_id) == []
    with shop.database.reading() as session:
        assert session.get_one(Product, product.id).cover is None


def test_an_upload_that_is_gone_is_said_so(shop: Shop, upload: Callable[[bytes], UUID]) -> None:
    image_id = upload(GOOD)
    shop.files.delete(f"uploads/pictures/{image_id}")

    sweep_outbox(shop, overdue=NOW)

    assert image_of(shop, image_id).failure == "picture_lost"


def test_a_removed_picture_leaves_no_files(
    shop: Shop, make: Factory, upload: Callable[[bytes], UUID], product: Product
) -> None:
    image_id = upload(GOOD)
    sweep_outbox(shop, overdue=NOW)
    staff = make.user()
    with shop.database.transaction() as session:
        remove_image(session, product.id, image_id, actor_id=staff.id, now=shop.clock())
    sweep_outbox(shop, overdue=NOW)
    assert len(stored(shop, image_id)) == 9, "pages that are open still show it"

    let_an_hour_pass(shop)
    sweep_outbox(shop, overdue=NOW)

    assert stored(shop, image_id) == []


def test_a_picture_removed_while_it_is_made_leaves_no_files(
    shop: Shop,
    make: Factory,
    upload: Callable[[bytes], UUID],
    product: Product,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image_id = upload(GOOD)
    sizes, staff = render_sizes(GOOD), make.user()

    def remove_meanwhile(_body: bytes) -> Mapping[str, bytes]:
        with shop.database.transaction() as session:
            remove_image(session, product.id, image_id, actor_id=staff.id, now=shop.clock())
        return sizes

    monkeypatch.setattr(job, "render_apart", remove_meanwhile)
    job.make_pictures(shop, {"image_id": str(image_id)})

    assert stored(shop, image_id) == []


def test_what_is_needed_is_not_thrown_away(shop: Shop, upload: Callable[[bytes], UUID]) -> None:
    image_id = upload(GOOD)
    sweep_outbox(shop, overdue=NOW)

    let_an_hour_pass(shop)
    sweep_outbox(shop, overdue=NOW)

    assert len(stored(shop, image_id)) == 9
    with shop.database.reading() as session:
        states = session.scalars(select(OutboxMessage.state)).all()
    assert set(states) == {MessageState.DONE}


def test_a_store_that_is_away_means_another_attempt(
    shop: Shop, upload: Callable[[bytes], UUID], sandbox: RunningSandbox
) -> None:
    image_id = upload(GOOD)
    requests.post(f"{sandbox.url}/control/s3", json={"down": True}, timeout=10)
    try:
        sweep_outbox(shop, overdue=NOW)
    finally:
        requests.post(f"{sandbox.url}/control/s3", json={"down": False}, timeout=10)
    assert image_of(shop, image_id).state == PictureState.PROCESSING

    let_an_hour_pass(shop)
    sweep_outbox(shop, overdue=NOW)

    assert image_of(shop, image_id).state == PictureState.READY


def test_decoding_apart_makes_the_same_sizes() -> None:
    assert set(render_apart(GOOD)) == set(render_sizes(GOOD))


def test_decoding_apart_refuses_with_the_same_reason() -> None:
    with pytest.raises(Invalid) as refused:
        render_apart(BREAKS_OFF)

    assert refused.value.code == "picture_unreadable"


def test_the_decoders_memory_ends_where_we_say() -> None:
    # The same program with less room than a picture of 30 megapixels takes.
    body = picture("PNG", size=(6_000, 5_000))
    narrow = (
        "import sys; from jobs import rendering;"
        "rendering.MOST_MEMORY = 150 * 1024 * 1024; sys.argv[1:] = ['/nonexistent'];"
        "rendering.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", narrow], input=body, capture_output=True, cwd=ROOT, check=False
    )

    assert (done.returncode, done.stdout) == (3, b"picture_too_large")


@pytest.mark.parametrize("ending", [signal.SIGSEGV, signal.SIGXCPU, signal.SIGABRT])
def test_a_decoder_that_crashes_is_the_pictures_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: signal.Signals
) -> None:
    monkeypatch.setattr(sys, "executable", program(tmp_path, f"kill -{ending.value} $$"))

    with pytest.raises(Invalid) as refused:
        render_apart(GOOD)

    assert refused.value.code == "picture_unreadable"


@pytest.mark.parametrize("ending", ["kill -9 $$", "kill -15 $$", "exit 1"])
def test_a_decoder_that_was_ended_from_outside_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    monkeypatch.setattr(sys, "executable", program(tmp_path, ending))

    with pytest.raises(RenderingBroke):
        render_apart(GOOD)


def test_the_decoder_is_told_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    monkeypatch.setattr(sys, "executable", program(tmp_path, "env >&2; exit 1"))

    with pytest.raises(RenderingBroke) as broke:
        render_apart(GOOD)

    assert "PATH=" in str(broke.value)
    assert "hunter2" not in str(broke.value)
