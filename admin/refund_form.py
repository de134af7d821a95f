"""Reading the forms that give money back, and saying what they would do before they do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from storefront.kit.money import Money, total_of
from storefront.orders.models import OrderLine
from storefront.refunds.drafts import LONGEST_REASON, OrderRefundDraft, WalletRefundDraft
from storefront.refunds.models import Destination, LicenseRule
from storefront.wallet.forms import new_form_key, parse_baht

KEY_LENGTHS: Final = range(16, 65)

# The id of the control, and the sentence.
FieldError = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RefundFields:
    """The form as it was typed. `amounts` are by the id of the line; of a payment there is one,
    under its own id. `agreed` is the sum in satang that was said back and agreed to."""

    amounts: Mapping[str, str] = field(default_factory=dict)
    destination: str = Destination.GATEWAY
    licenses: str = LicenseRule.REVOKE
    reason: str = ""
    agreed: str = ""
    key: str = ""


def new_fields(amounts: Mapping[str, str]) -> RefundFields:
    """A form with these amounts and a key of its own: sent twice, it is one refund."""
    return RefundFields(amounts=amounts, key=new_form_key())


def read_fields(form: MultiDict[str, str], ids: Sequence[UUID]) -> RefundFields:
    """What was typed; too much of anything is cut, a broken key is replaced."""

    def text(name: str, longest: int = 20) -> str:
        return form.get(name, "").replace("\0", "").strip()[:longest]

    key = text("idempotency_key", 65)
    is_sound = len(key) in KEY_LENGTHS and key.isascii()
    return RefundFields(
        amounts={str(one): text(f"amount-{one}") for one in ids},
        destination=text("destination") or Destination.GATEWAY,
        licenses=text("licenses") or LicenseRule.REVOKE,
        reason=text("reason", LONGEST_REASON + 1),
        agreed=text("agreed"),
        key=key if is_sound else new_form_key(),
    )


def read_order_draft(
    fields: RefundFields, lines: Sequence[OrderLine]
) -> tuple[OrderRefundDraft | None, list[FieldError]]:
    """The refund that was typed, or everything in it that cannot be."""
    amounts, errors = _amounts(fields, {line.id: line.paid - line.refunded for line in lines})
    if fields.destination not in list(Destination):
        errors.append(("to-gateway", _("Choose where the money goes.")))
    if fields.licenses not in list(LicenseRule):
        errors.append(("licenses-revoke", _("Choose what becomes of the licences.")))
    errors += _reason_errors(fields)
    if errors:
        return None, errors
    draft = OrderRefundDraft(
        lines=amounts,
        destination=Destination(fields.destination),
        licenses=LicenseRule(fields.licenses),
        reason=fields.reason,
        idempotency_key=fields.key,
    )
    return draft, []


def read_wallet_draft(
    fields: RefundFields, payment_id: UUID, *, left: Money
) -> tuple[WalletRefundDraft | None, list[FieldError]]:
    """The same for what a payment put into a wallet."""
    amounts, errors = _amounts(fields, {payment_id: left})
    errors += _reason_errors(fields)
    if errors:
        return None, errors
    draft = WalletRefundDraft(
        amount=amounts[payment_id], reason=fields.reason, idempotency_key=fields.key
    )
    return draft, []


def is_agreed(fields: RefundFields, amount: Money) -> bool:
    """Whether what is about to be done was said back and agreed to."""
    return fields.agreed == str(amount.satang)


def _amounts(
    fields: RefundFields, left: Mapping[UUID, Money]
) -> tuple[dict[UUID, Money], list[FieldError]]:
    amounts, errors = {}, []
    for one, most in left.items():
        typed = fields.amounts.get(str(one), "")
        amount = parse_baht(typed) if typed else Money(0)
        if amount is None or amount > most:
            errors.append((f"field-amount-{one}", _("Write an amount up to what is left.")))
        else:
            amounts[one] = amount
    if not errors and not total_of(amounts.values()):
        errors.append((f"field-amount-{next(iter(left))}", _("Write how much is given back.")))
    return amounts, errors


def _reason_errors(fields: RefundFields) -> list[FieldError]:
    if fields.reason and len(fields.reason) <= LONGEST_REASON:
        return []
    return [("field-reason", _("Write the reason in up to 300 characters."))]
