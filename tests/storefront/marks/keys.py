"""A key and marks for tests."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from storefront.marks.archives import Reading, mark_archive, read_archive
from storefront.marks.code import MarkKey

KEY = MarkKey.from_pepper("p" * 32)
MARKS = [f"{n:032x}" for n in range(1, 501)]
ONE, OTHER, THIRD = MARKS[7], MARKS[123], MARKS[300]


def marked(body: bytes, mark: str = ONE) -> bytes:
    """The archive with this mark."""
    out = BytesIO()
    mark_archive(BytesIO(body), out, key=KEY, mark=mark)
    return out.getvalue()


def unpacked(body: bytes) -> dict[str, bytes]:
    """Every file of an archive."""
    with ZipFile(BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    """An archive as anybody would pack it: no comment, no records, times of its own."""
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def reading_of(body: bytes) -> Reading:
    """What can be read in an archive."""
    return read_archive(BytesIO(body), key=KEY)
