"""What the checkout form sends. No price in it counts: the total is only compared."""

from __future__ import annotations

import re
from typing import Final

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import AnyOf, Length, Optional, Regexp

from storefront.kit.ids import new_token
from storefront.kit.money import Money
from storefront.orders.models import PaymentMethod

# A free order needs no method of its own: the server sees by itself that nothing is to be paid,
# and a form must never be able to ask for that.
METHODS: Final = (PaymentMethod.PROMPTPAY, PaymentMethod.BALANCE, PaymentMethod.STRIPE)

_INCOMPLETE = _("This form is incomplete. Please try again.")


class CheckoutForm(FlaskForm):  # type: ignore[misc]
    """Method, the total the buyer saw (satang), and the key that makes a second click harmless.
    The address is asked for where the account has none."""

    method = StringField(
        validators=[
            AnyOf([str(method) for method in METHODS], message=_("Choose how you want to pay."))
        ]
    )
    expected_total = StringField(validators=[Regexp(r"\A[0-9]{1,12}\Z", message=_INCOMPLETE)])
    idempotency_key = StringField(
        validators=[Regexp(r"\A[\w-]{16,64}\Z", re.ASCII, message=_INCOMPLETE)]
    )

    # The tick that lets the wallet pay a part; its value is how much that was said to be.
    wallet_part = StringField(
        validators=[Optional(), Regexp(r"\A[0-9]{1,12}\Z", message=_INCOMPLETE)]
    )
    email = StringField(
        filters=[lambda text: (text or "").strip() or None],
        validators=[
            Optional(),
            Length(max=254),
            # What has no @ is a slip of the finger; whether an address exists, only a mail tells.
            Regexp(r"\A[^@\s]+@[^@\s]+\.[^@\s]+\Z", message=_("This is not an e-mail address.")),
        ],
    )

    def chosen_method(self) -> PaymentMethod:
        """The method, once the form is valid."""
        return PaymentMethod(self.method.data or "")

    def seen_total(self) -> Money:
        """The total that stood on the button, once the form is valid."""
        return Money(int(self.expected_total.data or ""))

    def chosen_wallet_part(self) -> Money:
        """What the wallet is to pay beside the gateway, once the form is valid. When the wallet
        pays all, or nothing is to be paid, the tick means nothing."""
        ticked = self.wallet_part.data if self.chosen_method().is_gateway else None
        return Money(int(ticked)) if ticked else Money(0)

    def first_error(self) -> str:
        """What to say on top of the page of a form that was refused."""
        messages = [str(text) for field in self for text in field.errors]
        return messages[0] if messages else str(_INCOMPLETE)


def new_form_key() -> str:
    """The idempotency key of one rendering: sending that rendering twice orders once."""
    return new_token()
