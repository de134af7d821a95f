"""Cover art of the demo shop, drawn here: one picture per product, a hero and a share picture.

`python -m storefront.sandbox.seed.covers --out build/covers`
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .content import products
from .covers_canvas import HEIGHT, WIDTH, Canvas, Palette
from .covers_goods import clothing, crafting, job_pack, shops, ui_pack
from .covers_panels import (
    admin,
    banking,
    inventory,
    loading,
    mdt,
    notify,
    phone,
    radial,
    scoreboard,
)
from .covers_signals import (
    creator,
    dispatch,
    ems,
    hud,
    multichar,
    police_pack,
    shield,
)
from .covers_vehicles import courier, dealership, garage, mechanic, queue, racing, territory
from .covers_world import (
    farming,
    fishing,
    hero_city,
    housing,
    minimap,
    mining,
    starter_city,
    weather,
)

# Raise this when a motif changes: pictures of an older version are drawn again.
CONTENT_VERSION = 1
WIDTHS = (400, 800, 1200)
QUALITY = 82

VIOLET, CYAN, MAGENTA, AMBER, INDIGO, ROSE = 264.0, 191.0, 306.0, 37.0, 236.0, 338.0


@dataclass(frozen=True)
class Motif:
    """How one theme is drawn, and its two lights as hues in degrees."""

    draw: Callable[[Canvas], None]
    main: float
    second: float


MOTIFS: dict[str, Motif] = {
    "garage": Motif(garage, VIOLET, CYAN),
    "dealership": Motif(dealership, MAGENTA, VIOLET),
    "mechanic": Motif(mechanic, CYAN, VIOLET),
    "racing": Motif(racing, AMBER, ROSE),
    "territory": Motif(territory, INDIGO, CYAN),
    "courier": Motif(courier, ROSE, AMBER),
    "queue": Motif(queue, VIOLET, CYAN),
    "banking": Motif(banking, VIOLET, CYAN),
    "phone": Motif(phone, MAGENTA, VIOLET),
    "mdt": Motif(mdt, CYAN, VIOLET),
    "inventory": Motif(inventory, AMBER, MAGENTA),
    "scoreboard": Motif(scoreboard, INDIGO, CYAN),
    "notify": Motif(notify, ROSE, AMBER),
    "loading": Motif(loading, VIOLET, AMBER),
    "admin": Motif(admin, VIOLET, CYAN),
    "radial": Motif(radial, MAGENTA, VIOLET),
    "fishing": Motif(fishing, VIOLET, CYAN),
    "farming": Motif(farming, MAGENTA, AMBER),
    "housing": Motif(housing, CYAN, VIOLET),
    "weather": Motif(weather, AMBER, MAGENTA),
    "minimap": Motif(minimap, INDIGO, CYAN),
    "mining": Motif(mining, ROSE, AMBER),
    "hud": Motif(hud, MAGENTA, VIOLET),
    "dispatch": Motif(dispatch, CYAN, VIOLET),
    "ems": Motif(ems, ROSE, CYAN),
    "shield": Motif(shield, VIOLET, MAGENTA),
    "creator": Motif(creator, VIOLET, CYAN),
    "multichar": Motif(multichar, INDIGO, VIOLET),
    "crafting": Motif(crafting, MAGENTA, VIOLET),
    "shops": Motif(shops, CYAN, VIOLET),
    "clothing": Motif(clothing, AMBER, ROSE),
    "starter-city": Motif(starter_city, VIOLET, AMBER),
    "police-pack": Motif(police_pack, INDIGO, ROSE),
    "ui-pack": Motif(ui_pack, INDIGO, CYAN),
    "job-pack": Motif(job_pack, ROSE, AMBER),
}
HERO = Motif(hero_city, VIOLET, CYAN)


def render_cover(slug: str, theme: str) -> Image.Image:
    """The 1200 x 675 master of one product. The same slug always gives the same picture.

    Raises KeyError for a theme nobody has drawn.
    """
    return _render(slug, MOTIFS[theme], (WIDTH, HEIGHT))


def generate_covers(out_dir: Path, jobs: int = 2) -> list[Path]:
    """Write every picture the demo shows into `out_dir` and return the paths written.

    Per product `<slug>-400.webp`, `-800`, `-1200`; besides `hero-1600.webp` and `og.png`.
    What stands there already in this content version is left alone, so it is cheap to run
    at every start.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    stamp = out_dir / ".content-version"
    fresh = stamp.exists() and stamp.read_text() == str(CONTENT_VERSION)
    todo = [
        (out_dir, product.slug, product.theme)
        for product in products()
        if not fresh or not all(path.exists() for path in _paths(out_dir, product.slug))
    ]
    todo += [(out_dir, name, "") for name in SCENES if not fresh or not (out_dir / name).exists()]
    written: list[Path] = []
    if todo:
        with ProcessPoolExecutor(max_workers=max(1, jobs)) as pool:
            for paths in pool.map(_write, todo, chunksize=2):
                written += paths
    stamp.write_text(str(CONTENT_VERSION))
    return written


SCENES: dict[str, tuple[int, int]] = {"hero-1600.webp": (1600, 760), "og.png": (1200, 630)}


def _render(seed: str, motif: Motif, size: tuple[int, int]) -> Image.Image:
    rng = random.Random(seed)
    palette = Palette.of(motif.main + rng.uniform(-5, 5), motif.second + rng.uniform(-5, 5))
    canvas = Canvas(palette, rng, size)
    motif.draw(canvas)
    return canvas.finish()


def _paths(out_dir: Path, slug: str) -> list[Path]:
    return [out_dir / f"{slug}-{width}.webp" for width in WIDTHS]


def _write(task: tuple[Path, str, str]) -> list[Path]:
    out_dir, name, theme = task
    if name in SCENES:
        return [_write_scene(out_dir / name, SCENES[name])]
    master = render_cover(name, theme)
    paths = _paths(out_dir, name)
    for path, width in zip(paths, WIDTHS, strict=True):
        size = (width, round(width * HEIGHT / WIDTH))
        image = master if width == WIDTH else master.resize(size, Image.Resampling.LANCZOS)
        _save(image, path)
    return paths


def _write_scene(path: Path, size: tuple[int, int]) -> Path:
    image = _render(path.stem, HERO, size)
    if path.suffix == ".png":
        # A palette keeps the share picture small; link previews do not all read WebP.
        image = image.quantize(128, dither=Image.Dither.FLOYDSTEINBERG)
    _save(image, path)
    return path


def _save(image: Image.Image, path: Path) -> None:
    # Written beside and moved into place: a run that is killed leaves no half picture.
    part = path.with_suffix(".part")
    if path.suffix == ".webp":
        image.save(part, "WEBP", quality=QUALITY, method=4)
    else:
        image.save(part, "PNG", optimize=True)
    part.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draw the cover art of the demo shop.")
    parser.add_argument("--out", type=Path, default=Path("build/covers"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    written = generate_covers(options.out, options.jobs)
    sys.stdout.write(f"{len(written)} pictures drawn in {options.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
