"""ZIP archives for tests, good and hostile."""

from __future__ import annotations

import zipfile
from io import BytesIO

GOOD_FILES = {"qr-garage/fxmanifest.lua": b"fx_version 'cerulean'\n", "qr-garage/a.lua": b"x = 1"}


def archive(files: dict[str, bytes] = GOOD_FILES, *, comment: bytes = b"") -> bytes:
    """These files, compressed."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, body in files.items():
            written.writestr(name, body)
        written.comment = comment
    return out.getvalue()


def archive_with_mode(name: str, body: bytes, mode: int) -> bytes:
    """One entry with these Unix permissions and kind (stat.S_IFLNK ...)."""
    out = BytesIO()
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(out, "w") as written:
        written.writestr(entry, body)
    return out.getvalue()


def renamed(body: bytes, old: bytes, new: bytes) -> bytes:
    """The same archive with another name inside; what the library would clean stays as it is."""
    assert len(old) == len(new)
    assert old in body
    return body.replace(old, new)
