"""Versions of releases: Semantic Versioning 2.0.0 (semver.org), kept in an order SQL can sort."""

from __future__ import annotations

from typing import Final

from semver import Version

from storefront.errors import Invalid

_DIGITS: Final = 12
LONGEST: Final = 40


def version_key(version: str) -> str:
    """A text whose byte order is the precedence of versions (section 11 of SemVer): sorted with
    the C collation, a prerelease comes before its release, and 1.10.0 after 1.9.0.

    Build metadata has no precedence and no place here. Raises Invalid `bad_version`.
    """
    if len(version) > LONGEST or not Version.is_valid(version):
        raise Invalid("bad_version", version[:LONGEST])
    parsed = Version.parse(version)
    numbers = (parsed.major, parsed.minor, parsed.patch)
    if parsed.build is not None or any(len(str(number)) > _DIGITS for number in numbers):
        raise Invalid("bad_version", version)
    core = ".".join(f"{number:0{_DIGITS}}" for number in numbers)
    if parsed.prerelease is None:
        return f"{core}~"
    # Fewer identifiers come first, so the end of the list (\x01) sorts below every separator.
    return f"{core}-" + "\x02".join(map(_identifier, parsed.prerelease.split("."))) + "\x01"


def _identifier(text: str) -> str:
    """Numbers by size and before words, as section 11.4 wants."""
    return f"0{int(text):0{LONGEST}}" if text.isdigit() else f"1{text}"
