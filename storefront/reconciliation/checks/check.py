"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of everything, made by the database in one statement, so that it sees one
    moment of the shop.

    `sql` lists what differs, and nothing else: code (one of `codes`), subject_type, subject_id,
    expected, actual (bigint: satang of `currency`, null for nothing there), currency and detail
    (jsonb: what leads staff to the things behind it). It may use :cutoff, before which both sides
    must know of a thing, and :attributed_by, before which money must belong to somebody.
    """

    codes: tuple[str, ...]
    sql: str
