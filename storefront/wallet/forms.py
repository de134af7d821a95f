"""The top-up form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Regexp, ValidationError

from storefront.kit.ids import new_token, parse_id
from storefront.kit.money import MINOR_UNITS, Money, baht
from storefront.language import money_text
from storefront.providers.payments import PayBy
from storefront.wallet.models import TopUpPackage
from storefront.wallet.rules import Limits

# Offered where staff made no packages.
QUICK_AMOUNTS: Final = (baht(100), baht(300), baht(500), baht(1000))

_AMOUNT = re.compile(r"(?P<baht>[0-9]{1,9})(?:\.(?P<satang>[0-9]{1,2}))?")
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to put in: a free amount, or a package."""

    amount: Money
    package_id: UUID | None = None


class TopUpForm(FlaskForm):  # type: ignore[misc]
    """A package, or an amount of one's own, which wins over the package when both are sent. What
    is on offer is set before it is validated."""

    package = StringField()
    amount = StringField()
    pay_by = StringField()
    idempotency_key = StringField(
        validators=[
            Regexp(
                r"\A[\w-]{16,64}\Z",
                re.ASCII,
                message=_("This form is incomplete. Please try again."),
            )
        ]
    )
    limits: Limits = Limits()
    offered: Sequence[TopUpPackage] = ()

    def validate_amount(self, field: StringField) -> None:
        """Say what is wrong with the amount, at the amount."""
        if not self._amount_text() and not self._package_text():
            raise ValidationError(_("Choose an amount, or write one."))
        chosen = self.chosen()
        if chosen is None and self._names_package():
            raise ValidationError(_("This offer has just changed. Please look at it again."))
        if chosen is None:
            raise ValidationError(_("Write the amount in baht, like 250 or 250.50."))
        if chosen.package_id is None and not self.limits.allow(chosen.amount):
            raise ValidationError(
                _(
                    "Choose an amount between %(least)s and %(largest)s.",
                    least=money_text(self.limits.least),
                    largest=money_text(self.limits.largest),
                )
            )

    def chosen(self) -> Choice | None:
        """What to put into the wallet; None when it cannot be read, or is not offered like that
        any more."""
        if not self._amount_text() and self._names_package():
            for package in self.offered:
                if package_value(package) == self._package_text():
                    return Choice(package.amount, package.id)
            return None
        amount = parse_baht(self._amount_text() or self._package_text())
        return None if amount is None else Choice(amount)

    def chosen_way(self) -> PayBy:
        """How to pay; by card where the form does not say."""
        chosen = self.pay_by.data or ""
        return PayBy(chosen) if chosen in list(PayBy) else PayBy.CARD

    def quick_amounts(self) -> list[tuple[str, Money]]:
        """Amounts to choose from: one that was suggested or chosen before, and where there are no
        packages the usual ones."""
        usual = () if self.offered else QUICK_AMOUNTS
        amounts = [amount for amount in usual if self.limits.allow(amount)]
        own = parse_baht(self._package_text())
        if own is not None and own not in amounts and self.limits.allow(own):
            amounts.insert(0, own)
        return [(baht_text(amount), amount) for amount in amounts]

    def _names_package(self) -> bool:
        return parse_id(self._package_text().partition(":")[0]) is not None

    def _amount_text(self) -> str:
        return (self.amount.data or "").strip()

    def _package_text(self) -> str:
        return (self.package.data or "").strip()[:60]


def package_value(package: TopUpPackage) -> str:
    """How a package stands in the form: with its revision, so that nobody pays for an offer that
    was changed while they looked at it."""
    return f"{package.id}:{package.revision}"


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
