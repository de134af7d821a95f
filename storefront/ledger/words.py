"""What accounts and postings are called on pages, to customers and to staff alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask_babel import lazy_gettext as _

from storefront.ledger.models import AccountKind, PostingKind

_ACCOUNTS: Final[Mapping[AccountKind, Any]] = {
    AccountKind.WALLET_PAID: _("Wallet, paid"),
    AccountKind.WALLET_BONUS: _("Wallet, bonus"),
    AccountKind.DEBT: _("Owed by customers"),
    AccountKind.GATEWAY: _("Payment gateway"),
    AccountKind.HELD: _("Held until it is decided"),
    AccountKind.SALES: _("Sales"),
    AccountKind.REFUNDS: _("Refunds"),
    AccountKind.BONUS_EXPENSE: _("Bonus expense"),
    AccountKind.ADJUSTMENTS: _("Adjustments"),
    AccountKind.FEES: _("Gateway fees"),
    AccountKind.DISPUTES: _("Money in dispute"),
    AccountKind.LOSSES: _("Lost in disputes"),
}
_POSTINGS: Final[Mapping[PostingKind, Any]] = {
    PostingKind.TOPUP: _("Top-up"),
    PostingKind.PURCHASE: _("Purchase"),
    PostingKind.WALLET_CREDIT: _("Payment credited to the wallet"),
    PostingKind.ADJUSTMENT: _("Adjusted by the shop"),
    PostingKind.BONUS_EXPIRY: _("Bonus expired"),
    PostingKind.BONUS_CLAWBACK: _("Bonus taken back with a refund"),
    PostingKind.BONUS_RETURN: _("Bonus given back"),
    PostingKind.WALLET_HOLD: _("Set aside for an order"),
    PostingKind.WALLET_RELEASE: _("Back from an order that was not paid"),
    PostingKind.REFUND: _("Refund"),
    PostingKind.REFUND_FAILED: _("Refund that did not arrive"),
    PostingKind.WALLET_REFUND: _("Paid out of the wallet"),
    PostingKind.WALLET_REFUND_UNDONE: _("Payout that did not arrive, back in the wallet"),
    PostingKind.DISPUTE: _("Payment disputed at the bank"),
    PostingKind.DISPUTE_FEE: _("Fee of a dispute"),
    PostingKind.DISPUTE_WON: _("Dispute decided for the shop"),
    PostingKind.DISPUTE_LOST: _("Dispute lost"),
    PostingKind.DEBT_REPAYMENT: _("Debt paid back"),
    PostingKind.GATEWAY_FEE: _("Gateway fee"),
    PostingKind.ACCOUNT_MERGE: _("Moved from a purchase as a guest"),
}


def account_name(kind: str) -> str:
    """A kind of account in the reader's language."""
    return str(_ACCOUNTS[AccountKind(kind)])


def posting_name(kind: str) -> str:
    """A kind of posting in the reader's language."""
    return str(_POSTINGS[PostingKind(kind)])
