"""Put what browsers need from others into `static/vendor/` and what papers are set in into
`build/fonts/`, and compile the translations.

    python -m storefront.assets_build

npm has installed the packages of `package.json` into `node_modules/` before; only the few files
that pages really load are copied, so nothing else can ever be served. Running it again is safe:
a new folder replaces the old one in one step.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from storefront.paths import PAPER_FONTS, ROOT

SCRIPTS = ("htmx.org/dist/htmx.min.js",)

# One weight of each: a bolder text face would cost a third of what a page may weigh.
FONTS = tuple(
    f"@fontsource/{family}/files/{family}-{script}-{weight}-normal.woff2"
    for family, weight in (("chakra-petch", 600), ("ibm-plex-sans-thai", 400))
    for script in ("latin", "thai")
)

# The press takes whole fonts, not the pieces for browsers.
_PLEX = "@expo-google-fonts/ibm-plex-sans-thai"
PRESS_FILES = (
    f"{_PLEX}/400Regular/IBMPlexSansThai_400Regular.ttf",
    f"{_PLEX}/600SemiBold/IBMPlexSansThai_600SemiBold.ttf",
    f"{_PLEX}/LICENSE_FONT",
)

LICENSES = (
    "htmx.org/LICENSE",
    "@fontsource/chakra-petch/LICENSE",
    "@fontsource/ibm-plex-sans-thai/LICENSE",
    "lucide-static/LICENSE",
)

ICONS = (
    *("arrow-right", "bell", "box", "check", "chevron-down", "chevron-left", "chevron-right"),
    *("circle-alert", "circle-check", "clock", "code", "copy", "credit-card", "download"),
    *("external-link", "eye", "eye-off", "file-text", "flame", "gauge", "globe", "heart"),
    *(
        "history",
        "house",
        "info",
        "key",
        "keyboard",
        "layers",
        "layout-grid",
        "life-buoy",
        "list",
        "lock",
    ),
    *(
        "log-in",
        "log-out",
        "megaphone",
        "menu",
        "message-circle",
        "minus",
        "monitor",
        "moon",
        "package",
        "plus",
    ),
    *("qr-code", "receipt", "refresh-cw", "rotate-ccw", "search", "server", "settings"),
    *("chevron-up", "image", "mail", "printer", "upload"),
    *("shield-check", "shopping-cart", "sliders-horizontal", "sparkles", "star", "sun"),
    *("tag", "trash-2", "triangle-alert", "undo-2", "user", "wallet", "x", "zap"),
    *("scale", "webhook"),
)


class AssetError(Exception):
    """A file that a package should hold is not there."""


def main() -> int:
    """Build everything; the exit code for the shell."""
    try:
        build_vendor(ROOT / "node_modules", ROOT / "static" / "vendor")
        build_paper_fonts(ROOT / "node_modules", PAPER_FONTS)
    except AssetError as error:
        print(f"{error}\nInstall the packages first: npm ci --ignore-scripts", file=sys.stderr)
        return 1
    compile_translations(ROOT / "storefront" / "translations")
    return 0


def build_vendor(packages: Path, target: Path) -> None:
    """Copy scripts and fonts and draw the icon sprite.

    Layout: `htmx.min.js`, `fonts/*.woff2`, `icons.svg` (one symbol per icon, its name as the id)
    and `licenses.txt`. Raises AssetError, leaving the old folder as it was.
    """
    building = target.with_name(f"{target.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    (building / "fonts").mkdir(parents=True)
    for name in SCRIPTS:
        shutil.copyfile(_existing(packages, name), building / Path(name).name)
    for name in FONTS:
        shutil.copyfile(_existing(packages, name), building / "fonts" / Path(name).name)
    (building / "icons.svg").write_text(icon_sprite(packages / "lucide-static" / "icons", ICONS))
    notices = [f"{name}\n\n{_existing(packages, name).read_text()}" for name in LICENSES]
    (building / "licenses.txt").write_text("\n\n".join(notices))
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)


def build_paper_fonts(packages: Path, target: Path) -> None:
    """Copy the fonts of papers with their licence. Raises AssetError, leaving the old folder as it
    was."""
    building = target.with_name(f"{target.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for name in PRESS_FILES:
        shutil.copyfile(_existing(packages, name), building / Path(name).name)
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)


def icon_sprite(folder: Path, names: Sequence[str]) -> str:
    """One SVG with a symbol per icon, for `<use href="...icons.svg#name">`."""
    frame = (
        'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round"'
    )
    symbols = []
    for name in names:
        drawing = re.search(
            r"<svg[^>]*>(.*)</svg>", _existing(folder, f"{name}.svg").read_text(), re.S
        )
        if drawing is None:
            raise AssetError(f"{name}.svg is not a drawing")
        shapes = re.sub(r"\s*\n\s*", "", drawing[1]).replace(" />", "/>")
        symbols.append(f'<symbol id="{name}" {frame}>{shapes}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def compile_translations(folder: Path) -> None:
    """Compile every catalogue (`<language>/LC_MESSAGES/*.po`) beside itself; fuzzy entries are
    left out, so an unchecked guess never reaches a page."""
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as file:
            catalog = read_po(file, locale=source.parent.parent.name)
        with source.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)


def _existing(packages: Path, name: str) -> Path:
    path = packages / name
    if not path.is_file():
        raise AssetError(f"{name} is missing in {packages.name}")
    return path


if __name__ == "__main__":
    sys.exit(main())
