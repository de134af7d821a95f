"""Rates as people write them, in basis points inside (1 % = 100): never a float."""

from __future__ import annotations

import re
from typing import Final

_PERCENT: Final = re.compile(r"(?P<whole>[0-9]{1,6})(?:\.(?P<part>[0-9]{1,2}))?\s*%?", re.ASCII)
_THAI_DIGITS: Final = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")


def parse_percent(text: str) -> int | None:
    """Basis points of 10, 12.5 or ๗ %; None for anything else."""
    match = _PERCENT.fullmatch(text.strip().translate(_THAI_DIGITS))
    if match is None:
        return None
    return int(match["whole"]) * 100 + int((match["part"] or "").ljust(2, "0"))


def percent_text(basis_points: int) -> str:
    """A rate as people write it: 10, 12.5 or 6.25."""
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".")
