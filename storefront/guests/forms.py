"""The one thing guests type: an e-mail address."""

from __future__ import annotations

from typing import Any, Final

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

from storefront.checkout.forms import CheckoutForm
from storefront.guests.rules import parse_email

_NOT_AN_ADDRESS: Final = _("Write an e-mail address we can send to, like name@example.com.")


def check_email(_form: Any, field: Any) -> None:
    """A WTForms validator: an address we can write to, in the form in which it is stored."""
    parsed = parse_email(field.data)
    if parsed is None:
        raise ValidationError(str(_NOT_AN_ADDRESS))
    field.data = parsed


class EmailForm(FlaskForm):  # type: ignore[misc]
    """An address alone."""

    email = StringField(validators=[check_email])

    def address(self) -> str:
        """The address, once the form is valid."""
        return str(self.email.data)

    def error(self) -> str | None:
        """What to say beside the field of a form that was refused."""
        return str(self.email.errors[0]) if self.email.errors else None


class GuestCheckoutForm(CheckoutForm):
    """The checkout form of a browser that is not signed in: the address is all the shop will know
    of its buyer."""

    email = StringField(validators=[check_email])

    def address(self) -> str:
        """The address, once the form is valid."""
        return str(self.email.data)
