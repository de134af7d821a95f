"""Sentences about money: the wallet, refunds, and payments that a bank takes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask_babel import gettext as _

from storefront.notifications.facts import amount_in, size_in, time_in

# How the names of these events begin.
MONEY_NEWS: Final = ("topup_", "bonus_", "wallet_", "payment_", "refund_", "dispute_")


def money_news_text(event: str, context: Mapping[str, Any]) -> Any:
    """One sentence; a general one for an event that is not known here."""
    match event:
        case "topup_completed":
            return _topup_text(context)
        case "bonus_expires":
            return _(
                "%(amount)s of bonus in your wallet can be spent until %(time)s.",
                amount=amount_in(context),
                time=time_in(context, "expires_at"),
            )
        case "wallet_adjusted":
            return _adjustment_text(context)
        case "payment_credited":
            return _(
                "Your payment for order %(reference)s came when it was closed or paid already, so"
                " %(amount)s was added to your wallet.",
                reference=str(context.get("reference", "")),
                amount=amount_in(context),
            )
        case event if event.startswith("refund_"):
            return _refund_text(event, context)
        case event if event.startswith("dispute_"):
            return _dispute_text(event, context)
    return _("There is news in your account.")


def _topup_text(context: Mapping[str, Any]) -> Any:
    amount = amount_in(context)
    if context.get("bonus_satang"):
        return _(
            "%(amount)s and a bonus of %(bonus)s were added to your wallet.",
            amount=amount,
            bonus=amount_in(context, "bonus_satang"),
        )
    return _("%(amount)s was added to your wallet.", amount=amount)


def _adjustment_text(context: Mapping[str, Any]) -> Any:
    satang = context.get("amount_satang")
    if type(satang) is int and satang < 0:
        return _("The shop took %(amount)s out of your wallet.", amount=size_in(context))
    return _("The shop put %(amount)s into your wallet.", amount=size_in(context))


def _refund_text(event: str, context: Mapping[str, Any]) -> Any:
    amount = amount_in(context)
    if event == "refund_failed":
        return _("Your bank sent a refund of %(amount)s back. Please write to us.", amount=amount)
    if event == "refund_sent":
        return _("A refund of %(amount)s is on its way to your bank.", amount=amount)
    if context.get("destination") == "wallet":
        return _("A refund of %(amount)s is in your wallet.", amount=amount)
    return _("A refund of %(amount)s went back the way you paid.", amount=amount)


def _dispute_text(event: str, context: Mapping[str, Any]) -> Any:
    """Of an order `reference` is set, else the money had gone into the wallet."""
    amount, reference = amount_in(context), str(context.get("reference", ""))
    match event:
        case "dispute_began":
            return _("A bank wants %(amount)s back: a dispute has begun.", amount=amount)
        case "dispute_ended":
            return _("A dispute about %(amount)s is decided.", amount=amount)
        case "dispute_open" if reference:
            return _(
                "Your bank took the payment of order %(reference)s back. Its licences are"
                " suspended until that is decided.",
                reference=reference,
            )
        case "dispute_open":
            return _(
                "Your bank took %(amount)s back that you had put into your wallet. It was taken"
                " out of the wallet again.",
                amount=amount,
            )
        case "dispute_won" if reference:
            return _(
                "The payment of order %(reference)s stands. Its licences are good again.",
                reference=reference,
            )
        case "dispute_won":
            return _("%(amount)s is in your wallet again.", amount=amount)
        case _lost if reference:
            return _(
                "The payment of order %(reference)s was taken back for good. Its licences have"
                " ended.",
                reference=reference,
            )
    return _("%(amount)s was taken back by your bank for good.", amount=amount)
