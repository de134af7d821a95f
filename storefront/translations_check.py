"""Translations: gathering sentences, and finding those that lack a Thai one."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from storefront.paths import ROOT

THAI = ROOT / "storefront" / "translations" / "th" / "LC_MESSAGES" / "messages.po"
_METHODS = [("templates/**", "jinja2"), ("storefront/**.py", "python"), ("admin/**.py", "python")]
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "_n": (1, 2),
}


def find_gaps() -> list[str]:
    """Every sentence without a translation, with a fuzzy one, or with other placeholders."""
    wanted, thai = gather(), _read(THAI)
    gaps = []
    for message in wanted:
        if not message.id:
            continue
        known = thai.get(message.id)
        if known is None or known.fuzzy or not all(_strings(known.string)):
            gaps.append(f"untranslated: {message.id!r} ({message.locations[0][0]})")
            continue
        for error in known.check(thai):
            gaps.append(f"{message.id!r}: {error}")
    return gaps


def update() -> None:
    """Bring the Thai catalogue in line with code and templates: new sentences come in empty,
    those no longer used go."""
    thai = _read(THAI) if THAI.exists() else Catalog(locale="th")
    thai.update(gather(), no_fuzzy_matching=True)
    thai.obsolete.clear()
    buffer = BytesIO()
    write_po(buffer, thai, omit_header=False, sort_output=True, width=100, no_location=True)
    THAI.write_bytes(buffer.getvalue())


def gather() -> Catalog:
    """Every translatable sentence of the templates and the code."""
    catalog = Catalog(project="storefront", charset="utf-8")
    found = extract_from_dir(
        ROOT,
        method_map=_METHODS,
        options_map={"templates/**": {"newstyle_gettext": "true", "silent": "false"}},
        keywords=_KEYWORDS,
        directory_filter=lambda path: Path(path).name not in {".venv", "node_modules", "sandbox"},
    )
    for name, line, message, _comments, context in found:
        catalog.add(message, locations=[(name, line)], context=context)
    return catalog


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale="th")


def _strings(string: object) -> tuple[str, ...]:
    return tuple(string) if isinstance(string, list | tuple) else (str(string or ""),)


if __name__ == "__main__":
    update()
