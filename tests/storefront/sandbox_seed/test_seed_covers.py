"""Cover art: one picture stands for all, the rest is looked at by people."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from storefront.sandbox.seed import covers
from storefront.sandbox.seed.content import products


def test_every_theme_of_the_catalogue_is_drawn() -> None:
    assert {product.theme for product in products()} <= covers.MOTIFS.keys()


def test_no_two_products_share_a_motif() -> None:
    assert len({product.theme for product in products()}) == len(products())


def test_a_cover_has_the_right_size_and_is_the_same_every_time() -> None:
    first, second = (covers.render_cover("qr-shops", "shops") for _ in range(2))
    assert first.size == (1200, 675)
    assert first.tobytes() == second.tobytes()


def test_an_800_pixel_cover_stays_under_60_kilobytes() -> None:
    master = covers.render_cover("qr-farming", "farming")
    buffer = io.BytesIO()
    small = master.resize((800, 450), Image.Resampling.LANCZOS)
    small.save(buffer, "WEBP", quality=covers.QUALITY, method=4)
    assert len(buffer.getvalue()) < 60_000


def test_pictures_of_this_version_are_not_drawn_again(tmp_path: Path) -> None:
    names = [f"{product.slug}-{width}.webp" for product in products() for width in covers.WIDTHS]
    for name in [*names, *covers.SCENES]:
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / ".content-version").write_text(str(covers.CONTENT_VERSION))
    assert covers.generate_covers(tmp_path) == []
    assert (tmp_path / names[0]).read_bytes() == b"kept"


def test_a_missing_picture_is_drawn_alone(tmp_path: Path) -> None:
    names = [f"{product.slug}-{width}.webp" for product in products() for width in covers.WIDTHS]
    for name in [*names, *covers.SCENES]:
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / ".content-version").write_text(str(covers.CONTENT_VERSION))
    (tmp_path / "qr-shops-800.webp").unlink()
    written = covers.generate_covers(tmp_path, jobs=1)
    assert {path.name for path in written} == {f"qr-shops-{w}.webp" for w in covers.WIDTHS}
    with Image.open(tmp_path / "qr-shops-800.webp") as image:
        assert image.size == (800, 450)
