"""What people read when something expected went wrong: the code of the error, translated."""

from __future__ import annotations

from typing import Final

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from storefront.errors import DomainError

_MESSAGES: Final = {
    "page_not_found": _("This page does not exist."),
    "product_not_found": _("This product does not exist or is no longer sold."),
    "category_not_found": _("This category does not exist."),
    "order_not_found": _("This order does not exist."),
    "license_not_found": _("This licence does not exist."),
    "file_not_found": _("This file does not exist."),
    "sign_in_first": _("Please sign in first."),
    "sign_in_unavailable": _("Discord does not answer right now. Please try again in a minute."),
    "sign_in_refused": _("Discord did not accept this sign-in. Please start again."),
    "sign_in_expired": _("This sign-in took too long or was opened twice. Please start again."),
    "sign_in_cancelled": _("You cancelled the sign-in. Nothing was changed."),
    "banned": _("This account is closed. Write to us if you think this is a mistake."),
    "csrf": _("This form is too old or came from another site. Please try again."),
    "bad_quantity": _("Choose a quantity between 1 and 10."),
    "cart_full": _("Your cart holds 50 different items, which is the limit."),
    "cart_empty": _("Your cart is empty."),
    "sold_out": _("Somebody was faster: not enough units are left."),
    "not_for_sale": _("This item cannot be bought right now."),
    "all_owned": _("You own everything in this bundle already."),
    "total_changed": _("A price has changed. Please look at the new total before you pay."),
    "method_not_offered": _("This order cannot be paid like that. Please choose again."),
    "cart_line_not_found": _("That item is no longer in your cart."),
    "topup_not_found": _("This top-up does not exist."),
    "release_not_found": _("This version does not exist."),
    "session_not_found": _("That browser is signed out already."),
    "key_reused": _("This form was already used for another order. Please check your orders."),
    "balance_too_low": _("Your wallet does not hold enough for this order."),
    "amount_too_small": _("A card payment must be at least ฿10. Please pay from your wallet."),
    "amount_out_of_range": _("Choose an amount between ฿20 and ฿50,000."),
    "gateway_unavailable": _(
        "The payment service does not answer right now. Your order is kept: try again in a minute."
    ),
    "gateway_refused": _("The payment service did not accept this payment. Nothing was charged."),
    "payment_not_open": _("This payment is already finished."),
    "order_not_open": _("This order can no longer be changed."),
    "release_not_available": _("This version cannot be downloaded."),
    "license_not_active": _("This licence is not active, so its files cannot be downloaded."),
    "files_unavailable": _("The file service does not answer right now. Please try again."),
    "database_unavailable": _("The shop is busy for a moment. Please try again."),
    "can_be_bought": _("Good news: this can be bought right now."),
    "too_many_alerts": _("You wait for 100 things already, which is the limit."),
    "too_large": _("That is more than we can take in at once."),
    "too_many_requests": _("That was a lot at once. Please wait a minute and try again."),
}


def message_for(error: DomainError) -> str:
    """The sentence for this error in the reader's language."""
    known = _MESSAGES.get(error.code)
    return str(known) if known is not None else gettext("That did not work. Please try again.")
