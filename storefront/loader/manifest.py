"""The loader's line in an fxmanifest.lua. Everything else in the file stays byte for byte."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Final

from storefront.errors import Invalid
from storefront.loader.files import FOLDER, MARK, SCRIPTS, OnRefusal

LINE: Final = (
    f"server_scripts {{ {', '.join(repr(FOLDER + name) for name in SCRIPTS)} }}"
    f" -- {MARK}, see {FOLDER}README.txt"
).encode()
_PRESENT: Final = re.compile(
    rb"^server_scripts \{[^}\r\n]*'" + re.escape(f"{FOLDER}license.lua".encode()) + rb"'[^\r\n]*",
    re.MULTILINE,
)
# `license_on_refusal 'stop'`, as manifests are written: with or without brackets, any quotes.
_ON_REFUSAL: Final = re.compile(
    rb"""^[ \t]*license_on_refusal[ \t]*\(?[ \t]*["']([^"'\r\n]*)["']""", re.MULTILINE
)


def has_loader(manifest: bytes) -> bool:
    """Whether the loader's line stands in it, of this version or an earlier one."""
    return _PRESENT.search(_without_mark(manifest)) is not None


def with_loader(manifest: bytes) -> bytes:
    """The manifest with the loader's line; unchanged when it has it already.

    The line is the first: a script may then use the loader from its own first line, and nothing
    that stands further down, not even a `return`, can keep it from being read.
    """
    text = _without_mark(manifest)
    start = manifest[: len(manifest) - len(text)]
    if _PRESENT.search(text):
        return start + _PRESENT.sub(lambda _: LINE, text, count=1)
    return start + LINE + (b"\r\n" if b"\r\n" in text else b"\n") + text


def on_refusal_of(manifest: bytes) -> OnRefusal | None:
    """What the script's author wants a refusal to do, if the manifest says so.

    Raises Invalid `bad_on_refusal` for any other word.
    """
    found = _ON_REFUSAL.search(_without_mark(manifest))
    if found is None:
        return None
    try:
        return OnRefusal(found[1].decode(errors="replace"))
    except ValueError as error:
        raise Invalid("bad_on_refusal") from error


def _without_mark(manifest: bytes) -> bytes:
    """Without the byte order mark some editors begin a file with."""
    return manifest.removeprefix(BOM_UTF8)
