"""The top-up form."""

from __future__ import annotations

import re
from typing import Final

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Regexp, ValidationError

from storefront.kit.ids import new_token
from storefront.kit.money import MINOR_UNITS, Money, baht
from storefront.wallet.service import LARGEST_TOP_UP, LEAST_TOP_UP

PACKAGES: Final = (baht(100), baht(300), baht(500), baht(1000))

_AMOUNT = re.compile(r"(?P<baht>[0-9]{1,9})(?:\.(?P<satang>[0-9]{1,2}))?")
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")


class TopUpForm(FlaskForm):  # type: ignore[misc]
    """A package, or an amount of one's own, which wins over the package when both are sent."""

    package = StringField()
    amount = StringField()
    idempotency_key = StringField(
        validators=[
            Regexp(
                r"\A[\w-]{16,64}\Z",
                re.ASCII,
                message=_("This form is incomplete. Please try again."),
            )
        ]
    )

    def validate_amount(self, field: StringField) -> None:
        """Say what is wrong with the amount, at the amount."""
        chosen = self.chosen_amount()
        if chosen is None and not self._text():
            raise ValidationError(_("Choose an amount, or write one."))
        if chosen is None:
            raise ValidationError(_("Write the amount in baht, like 250 or 250.50."))
        if not _is_allowed(chosen):
            raise ValidationError(_("Choose an amount between ฿20 and ฿50,000."))

    def chosen_amount(self) -> Money | None:
        """What to put into the wallet; None when it cannot be read."""
        return parse_baht(self._text())

    def packages(self) -> list[tuple[str, Money]]:
        """What to choose from: the packages, after an amount of one's own that was chosen."""
        amounts = list(PACKAGES)
        own = parse_baht(self.package.data or "")
        if own is not None and own not in amounts and _is_allowed(own):
            amounts.insert(0, own)
        return [(baht_text(amount), amount) for amount in amounts]

    def _text(self) -> str:
        return (self.amount.data or "").strip() or (self.package.data or "").strip()


def parse_baht(text: str) -> Money | None:
    """Read an amount as people write it: 250, 250.50, 1,000, ฿300, or in Thai digits.

    None for everything else, negative amounts and more than two decimals included.
    """
    plain = text.strip().removeprefix("฿").strip().translate(_THAI_DIGITS)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    match = _AMOUNT.fullmatch(plain)
    if match is None:
        return None
    satang = (match["satang"] or "").ljust(2, "0")
    return Money(int(match["baht"]) * MINOR_UNITS + int(satang))


def baht_text(amount: Money) -> str:
    """An amount as it is put into the field: 250 or 250.50."""
    whole, rest = divmod(amount.satang, MINOR_UNITS)
    return f"{whole}.{rest:02d}" if rest else str(whole)


def new_form_key() -> str:
    """The idempotency key of one rendering: sending that rendering twice asks once."""
    return new_token()


def _is_allowed(amount: Money) -> bool:
    return LEAST_TOP_UP <= amount <= LARGEST_TOP_UP
