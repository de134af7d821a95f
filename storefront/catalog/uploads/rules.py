"""How an archive is cut into parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from storefront.catalog.archives import MOST_BYTES
from storefront.errors import Invalid

# Large enough that 512 MB are 64 parts, small enough to send one again without regret. S3 wants
# five megabytes at least, and some stores want all parts but the last of one size.
PART_BYTES: Final = 8 * 1024 * 1024
PART_LINK_LIFETIME: Final = timedelta(minutes=10)


def check_size(size_bytes: int) -> None:
    """Raises Invalid `archive_missing` for an empty file, `archive_too_heavy` past 512 MB."""
    if size_bytes < 1:
        raise Invalid("archive_missing")
    if size_bytes > MOST_BYTES:
        raise Invalid("archive_too_heavy", f"{size_bytes} bytes")


def count_parts(size_bytes: int) -> int:
    """How many parts a file of this size has."""
    return -(-size_bytes // PART_BYTES)


def part_size(size_bytes: int, number: int) -> int:
    """How many bytes the part of this number (from 1) has. Raises Invalid `no_such_part`."""
    parts = count_parts(size_bytes)
    if not 1 <= number <= parts:
        raise Invalid("no_such_part", f"{number} of {parts}")
    return PART_BYTES if number < parts else size_bytes - PART_BYTES * (parts - 1)
