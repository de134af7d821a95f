"""What staff may write down as a code. Values in, problems out; no database."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from storefront.errors import Invalid
from storefront.kit.money import BASIS_POINTS, Money, baht
from storefront.promos.models import PromoKind
from storefront.promos.rules import normalize_code

LONGEST_NOTE: Final = 200
LONGEST_BATCH: Final = 40
LONGEST_PREFIX: Final = 20
MOST_BAHT: Final = baht(1_000_000)
MOST_USES: Final = 1_000_000
MOST_CHOSEN: Final = 30
MOST_CODES: Final = 5_000
# Without what looks alike (0 O, 1 I L, 2 Z, 5 S, 8 B, U beside V): people read codes out and copy
# them from pictures.
READABLE: Final = "ACDEFGHJKMNPQRTVWXY34679"
# 24 ** 10 is 6 * 10 ** 13: with 5,000 codes about, one guess in 12,000 million is right.
_GROUPS: Final = 2
_GROUP: Final = 5
_PREFIX: Final = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")


class Fault(StrEnum):
    """What can be wrong with a code, or with a batch of them."""

    CODE_FORM = "code_form"
    CODE_TAKEN = "code_taken"
    CODE_FIXED = "code_fixed"
    NOTE_LONG = "note_long"
    PERCENT_RANGE = "percent_range"
    AMOUNT_RANGE = "amount_range"
    MINIMUM_RANGE = "minimum_range"
    MAXIMUM_RANGE = "maximum_range"
    MAXIMUM_OF_FIXED = "maximum_of_fixed"
    TOTAL_RANGE = "total_range"
    TOTAL_BELOW_USED = "total_below_used"
    CUSTOMER_RANGE = "customer_range"
    END_BEFORE_START = "end_before_start"
    END_PAST = "end_past"
    NOTHING_CHOSEN = "nothing_chosen"
    TOO_MUCH_CHOSEN = "too_much_chosen"
    CHOICE_UNKNOWN = "choice_unknown"
    BATCH_NAME = "batch_name"
    BATCH_TAKEN = "batch_taken"
    PREFIX_FORM = "prefix_form"
    COUNT_RANGE = "count_range"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and at which field. `limit` is the number that was passed."""

    fault: Fault
    field: str
    limit: int = 0


class DraftRefused(Invalid):
    """The code breaks rules; `problems` names all of them at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("promo_refused", ", ".join(one.fault for one in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoDraft:
    """A code as staff wrote it down. `value` is basis points or satang, by kind; without
    `covers_all` it covers the products named and all in the categories named or below them."""

    code: str
    kind: PromoKind
    value: int
    note: str = ""
    min_subtotal: Money = Money(0)
    max_discount: Money | None = None
    total_limit: int | None = None
    per_customer_limit: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    first_purchase_only: bool = False
    active: bool = True
    covers_all: bool = True
    product_ids: tuple[UUID, ...] = ()
    category_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What limits a change: uses that are reserved or taken, whether any use was ever written,
    the code and the end as they stand."""

    code: str
    used: int
    was_used: bool
    ends_at: datetime | None


def draw_code(prefix: str = "") -> str:
    """A code nobody guesses, of readable symbols, after the prefix: SUMMER-3XQ7K-RRT4D."""
    parts = ["".join(secrets.choice(READABLE) for _ in range(_GROUP)) for _ in range(_GROUPS)]
    return "-".join([prefix, *parts] if prefix else parts)


def problems_of(
    draft: PromoDraft, *, standing: Standing | None = None, now: datetime
) -> list[Problem]:
    """Everything wrong with a code; `standing` is that of the code it is to change."""
    return [
        *_code_problems(draft, standing),
        *_value_problems(draft),
        *_limit_problems(draft, standing),
        *_window_problems(draft, standing, now),
        *_choice_problems(draft),
    ]


def problems_of_batch(
    template: PromoDraft, *, batch: str, prefix: str, count: int, now: datetime
) -> list[Problem]:
    """Everything wrong with a batch. The template's code and total limit do not matter."""
    found = [
        *_value_problems(template),
        *_window_problems(template, None, now),
        *_choice_problems(template),
    ]
    if not 1 <= len(batch) <= LONGEST_BATCH or not batch.isprintable():
        found.append(Problem(Fault.BATCH_NAME, "batch", LONGEST_BATCH))
    if prefix and not (len(prefix) <= LONGEST_PREFIX and _PREFIX.fullmatch(prefix)):
        found.append(Problem(Fault.PREFIX_FORM, "prefix", LONGEST_PREFIX))
    if not 1 <= count <= MOST_CODES:
        found.append(Problem(Fault.COUNT_RANGE, "count", MOST_CODES))
    return found


def _code_problems(draft: PromoDraft, standing: Standing | None) -> Iterator[Problem]:
    code = normalize_code(draft.code)
    if code is None:
        yield Problem(Fault.CODE_FORM, "code")
    elif standing is not None and standing.was_used and code != standing.code:
        yield Problem(Fault.CODE_FIXED, "code")


def _value_problems(draft: PromoDraft) -> Iterator[Problem]:
    if len(draft.note) > LONGEST_NOTE:
        yield Problem(Fault.NOTE_LONG, "note", LONGEST_NOTE)
    if draft.kind is PromoKind.PERCENT and not 1 <= draft.value <= BASIS_POINTS:
        yield Problem(Fault.PERCENT_RANGE, "value")
    if draft.kind is PromoKind.FIXED and not 1 <= draft.value <= MOST_BAHT.satang:
        yield Problem(Fault.AMOUNT_RANGE, "value", MOST_BAHT.satang)
    if not 0 <= draft.min_subtotal.satang <= MOST_BAHT.satang:
        yield Problem(Fault.MINIMUM_RANGE, "minimum", MOST_BAHT.satang)
    if draft.max_discount is not None:
        if draft.kind is PromoKind.FIXED:
            yield Problem(Fault.MAXIMUM_OF_FIXED, "maximum")
        elif not 1 <= draft.max_discount.satang <= MOST_BAHT.satang:
            yield Problem(Fault.MAXIMUM_RANGE, "maximum", MOST_BAHT.satang)


def _limit_problems(draft: PromoDraft, standing: Standing | None) -> Iterator[Problem]:
    total, each = draft.total_limit, draft.per_customer_limit
    if total is not None and not 1 <= total <= MOST_USES:
        yield Problem(Fault.TOTAL_RANGE, "total_limit", MOST_USES)
    elif total is not None and standing is not None and total < standing.used:
        yield Problem(Fault.TOTAL_BELOW_USED, "total_limit", standing.used)
    if each is not None and not 1 <= each <= MOST_USES:
        yield Problem(Fault.CUSTOMER_RANGE, "per_customer_limit", MOST_USES)


def _window_problems(
    draft: PromoDraft, standing: Standing | None, now: datetime
) -> Iterator[Problem]:
    if draft.ends_at is None:
        return
    if draft.starts_at is not None and draft.ends_at <= draft.starts_at:
        yield Problem(Fault.END_BEFORE_START, "ends_at")
    elif draft.ends_at <= now and (standing is None or draft.ends_at != standing.ends_at):
        yield Problem(Fault.END_PAST, "ends_at")


def _choice_problems(draft: PromoDraft) -> Iterator[Problem]:
    chosen = len(draft.product_ids) + len(draft.category_ids)
    if not draft.covers_all and not chosen:
        yield Problem(Fault.NOTHING_CHOSEN, "chosen")
    if chosen > MOST_CHOSEN:
        yield Problem(Fault.TOO_MUCH_CHOSEN, "chosen", MOST_CHOSEN)
