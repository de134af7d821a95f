"""Reading the form that changes a wallet, and saying in words what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from storefront.kit.money import Money
from storefront.ledger.models import Pot
from storefront.wallet.adjustments import (
    CONFIRMED_FROM,
    LARGEST_ADJUSTMENT,
    LONGEST_REASON,
    AdjustmentDraft,
)
from storefront.wallet.forms import new_form_key, parse_baht
from storefront.wallet.packages import MOST_DAYS

GIVE: Final = "give"
TAKE: Final = "take"
KEY_LENGTHS: Final = range(16, 65)

# The id of the control, and the sentence.
FieldError = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AdjustmentFields:
    """The form as it was typed."""

    direction: str = GIVE
    pot: str = Pot.PAID
    amount: str = ""
    days: str = ""
    reason: str = ""
    again: str = ""
    key: str = ""


def new_fields() -> AdjustmentFields:
    """An empty form with a key of its own: sent twice, it is applied once."""
    return AdjustmentFields(key=new_form_key())


def read_fields(form: MultiDict[str, str]) -> AdjustmentFields:
    """What was typed; too much of anything is cut, a broken key is replaced."""

    def text(name: str, longest: int = 40) -> str:
        return form.get(name, "").replace("\0", "").strip()[:longest]

    key = text("idempotency_key", 65)
    is_sound = len(key) in KEY_LENGTHS and key.replace("-", "").replace("_", "").isalnum()
    return AdjustmentFields(
        direction=text("direction"),
        pot=text("pot"),
        amount=text("amount"),
        days=text("days"),
        reason=text("reason", LONGEST_REASON + 1),
        again=text("again"),
        key=key if is_sound and key.isascii() else new_form_key(),
    )


def read_draft(
    fields: AdjustmentFields, *, now: datetime
) -> tuple[AdjustmentDraft | None, list[FieldError]]:
    """The change that was typed, or everything in it that cannot be read. The amount of a large
    one has to be there twice, but that is for `is_confirmed`."""
    errors: list[FieldError] = []
    amount = parse_baht(fields.amount)
    if amount is None or not Money(0) < amount <= LARGEST_ADJUSTMENT:
        errors.append(("field-amount", _("Write an amount above zero, at most ฿100,000.")))
    if fields.pot not in list(Pot) or fields.direction not in (GIVE, TAKE):
        errors.append(("pot-paid", _("Choose the pot, and whether to give or to take.")))
    if not fields.reason or len(fields.reason) > LONGEST_REASON:
        errors.append(("field-reason", _("Write the reason in up to 300 characters.")))
    days = _days(fields.days)
    if fields.days and days is None:
        errors.append(("field-days", _("Write between 1 and 3,650 days, or leave it empty.")))
    elif days is not None and (fields.pot != Pot.BONUS or fields.direction != GIVE):
        errors.append(("field-days", _("Only bonus that is given can have a last day.")))
    if errors or amount is None:
        return None, errors
    draft = AdjustmentDraft(
        pot=Pot(fields.pot),
        amount=amount if fields.direction == GIVE else -amount,
        reason=fields.reason,
        expires_at=now + timedelta(days=days) if days else None,
    )
    return draft, []


def needs_confirmation(draft: AdjustmentDraft) -> bool:
    """Whether the amount has to be typed a second time."""
    return max(draft.amount, -draft.amount) >= CONFIRMED_FROM


def is_confirmed(fields: AdjustmentFields, draft: AdjustmentDraft) -> bool:
    """Whether a large amount stands there twice."""
    return not needs_confirmation(draft) or parse_baht(fields.again) == max(
        draft.amount, -draft.amount
    )


def _days(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > 4:
        return None
    return int(text) if 1 <= int(text) <= MOST_DAYS else None
