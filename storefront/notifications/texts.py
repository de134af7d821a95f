"""The sentences of notices, made when they are shown, in the reader's language of that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import request
from flask_babel import gettext as _

from storefront.accounts.rules import safe_next_path
from storefront.i18n import current_locale
from storefront.kit.money import Money
from storefront.language import datetime_text, money_text
from storefront.notifications.queries import NoticeRow

ACCOUNT_PATH: Final = "/account"

_ICONS: Final = {
    "order_completed": "package",
    "topup_completed": "wallet",
    "payment_credited": "undo-2",
    "bonus_expires": "clock",
    "refund_sent": "undo-2",
    "refund_succeeded": "undo-2",
    "refund_failed": "triangle-alert",
    "dispute_open": "triangle-alert",
    "dispute_won": "check",
    "dispute_lost": "triangle-alert",
    "dispute_began": "triangle-alert",
    "dispute_ended": "info",
    "wallet_adjusted": "wallet",
    "back_in_stock": "bell",
    "tebex_claimed": "key",
    "tebex_disputed": "triangle-alert",
    "tebex_ended": "undo-2",
    "tebex_renewed": "clock",
    "tebex_renewal_back": "undo-2",
    "tebex_subscription_ended": "info",
    "release_published": "download",
    "flash_sale_began": "zap",
    "flash_sale_ended": "zap",
    "reconciliation_differences": "triangle-alert",
    "reconciliation_failed": "circle-alert",
    "license_suspended": "triangle-alert",
    "license_restored": "check",
    "license_revoked": "triangle-alert",
    "license_extended": "clock",
    "license_rotated": "key",
    "license_expiring": "clock",
    "license_expired": "history",
    "license_slot_moved": "server",
    "license_many_networks": "triangle-alert",
    "gift_waiting": "package",
    "gift_accepted": "check",
    "outgoing_switched_off": "triangle-alert",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in words, with the address it leads to in the reader's language."""

    text: str
    icon: str
    href: str
    is_read: bool
    created_at: datetime


def in_words(row: NoticeRow) -> Notice:
    """A stored notice in the language of this request."""
    return Notice(
        text=notice_text(row.event, row.context),
        icon=_ICONS.get(row.event, "bell"),
        href=request.script_root + safe_next_path(row.path, fallback=ACCOUNT_PATH),
        is_read=row.is_read,
        created_at=row.created_at,
    )


def notice_text(event: str, context: Mapping[str, Any]) -> str:
    """One sentence for this event. An event this version does not know gets a general one: an
    older process may show the notice of a newer one."""
    reference = str(context.get("reference", ""))
    match event:
        case "order_completed":
            sentence = _(
                "Order %(reference)s is complete. Your keys and files are ready.",
                reference=reference,
            )
        case "topup_completed":
            sentence = _("%(amount)s was added to your wallet.", amount=_amount(context))
            if context.get("bonus_satang"):
                sentence = _(
                    "%(amount)s and a bonus of %(bonus)s were added to your wallet.",
                    amount=_amount(context),
                    bonus=_amount(context, "bonus_satang"),
                )
        case "bonus_expires":
            sentence = _(
                "%(amount)s of bonus in your wallet can be spent until %(time)s.",
                amount=_amount(context),
                time=_time(context, "expires_at"),
            )
        case "wallet_adjusted":
            satang = context.get("amount_satang")
            sentence = (
                _("The shop took %(amount)s out of your wallet.", amount=_size(context))
                if type(satang) is int and satang < 0
                else _("The shop put %(amount)s into your wallet.", amount=_size(context))
            )
        case "payment_credited":
            sentence = _(
                "Your payment for order %(reference)s came when it was closed or paid already, so"
                " %(amount)s was added to your wallet.",
                reference=reference,
                amount=_amount(context),
            )
        case event if event.startswith("refund_"):
            sentence = _refund_text(event, context)
        case event if event.startswith("tebex_"):
            sentence = _tebex_text(event, reference)
        case event if event.startswith("dispute_"):
            sentence = _dispute_text(event, context)
        case event if event.startswith(("license_", "gift_")):
            sentence = _license_text(event, context)
        case "back_in_stock" | "release_published":
            sentence = _product_text(event, context)
        case _other:
            sentence = _staff_text(event, context)
    return str(sentence)


def _product_text(event: str, context: Mapping[str, Any]) -> Any:
    if event == "release_published":
        return _(
            "Version %(version)s of %(name)s is out. You can download the update.",
            version=str(context.get("version", "")),
            name=_named(context),
        )
    return _("You can buy %(name)s now. You asked us to tell you.", name=_named(context))


def _staff_text(event: str, context: Mapping[str, Any]) -> str:
    """What only staff are told."""
    match event:
        case "flash_sale_began":
            sentence = _("The flash sale “%(name)s” has begun.", name=_named(context))
        case "flash_sale_ended":
            sentence = _(
                "The flash sale “%(name)s” is over. Units sold: %(sold)s.",
                name=_named(context),
                sold=context.get("sold", 0),
            )
        case "reconciliation_differences":
            sentence = _(
                "The books and the gateway do not agree. New differences: %(fresh)s, open in all:"
                " %(found)s.",
                fresh=context.get("fresh", 0),
                found=context.get("found", 0),
            )
        case "reconciliation_failed":
            sentence = _("The reconciliation failed: the gateway could not be compared.")
        case "outgoing_switched_off":
            sentence = _(
                "Webhooks to %(url)s were switched off: it did not take them.",
                url=str(context.get("url", "")),
            )
        case _other:
            sentence = _("There is news in your account.")
    return str(sentence)


def _refund_text(event: str, context: Mapping[str, Any]) -> Any:
    amount = _amount(context)
    if event == "refund_failed":
        return _("Your bank sent a refund of %(amount)s back. Please write to us.", amount=amount)
    if event == "refund_sent":
        return _("A refund of %(amount)s is on its way to your bank.", amount=amount)
    if context.get("destination") == "wallet":
        return _("A refund of %(amount)s is in your wallet.", amount=amount)
    return _("A refund of %(amount)s went back the way you paid.", amount=amount)


def _tebex_text(event: str, reference: str) -> Any:
    if event == "tebex_disputed":
        return _(
            "Your bank took the payment of Tebex purchase %(reference)s back. Its licences are"
            " suspended until that is decided.",
            reference=reference,
        )
    if event == "tebex_ended":
        return _(
            "Tebex purchase %(reference)s was paid back. Its licences have ended.",
            reference=reference,
        )
    if event == "tebex_renewed":
        return _(
            "Your subscription at Tebex was renewed: the licences of purchase %(reference)s have"
            " another term.",
            reference=reference,
        )
    if event == "tebex_renewal_back":
        return _(
            "A renewal of Tebex purchase %(reference)s was paid back. Its licences end sooner by"
            " that term.",
            reference=reference,
        )
    if event == "tebex_subscription_ended":
        return _(
            "Your subscription at Tebex has ended. The licences of purchase %(reference)s run"
            " until the end that is paid for.",
            reference=reference,
        )
    return _("Tebex purchase %(reference)s is in your account.", reference=reference)


def _dispute_text(event: str, context: Mapping[str, Any]) -> Any:
    """Of an order `reference` is set, else the money had gone into the wallet."""
    amount, reference = _amount(context), str(context.get("reference", ""))
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


def _license_text(event: str, context: Mapping[str, Any]) -> Any:
    name = _named(context)
    match event:
        case "license_suspended":
            return _("Your licence of %(name)s was suspended. Look at it to see why.", name=name)
        case "license_restored":
            return _("Your licence of %(name)s is good again.", name=name)
        case "license_revoked":
            return _("Your licence of %(name)s was withdrawn.", name=name)
        case "license_extended":
            return _("The seller moved the end of your licence of %(name)s.", name=name)
        case "license_rotated":
            return _(
                "The seller gave your licence of %(name)s a new key. The old one no longer works.",
                name=name,
            )
        case "license_expiring":
            end = _time(context, "until")
            return _("Your licence of %(name)s ends on %(time)s.", name=name, time=end)
        case "license_expired":
            return _("Your licence of %(name)s has ended.", name=name)
        case "license_slot_moved":
            return _(
                "A new server took the place of one of %(name)s that had been idle for a day.",
                name=name,
            )
        case "license_many_networks":
            return _(
                "Your key of %(name)s was used from %(count)s networks in a day. If that was not"
                " you, take a new key.",
                name=name,
                count=context.get("count", "?"),
            )
        case "gift_waiting":
            return _(
                "%(who)s wants to give you a licence of %(name)s.",
                who=context.get("who", ""),
                name=name,
            )
        case "gift_accepted":
            return _(
                "%(who)s accepted your licence of %(name)s. Your key no longer works.",
                who=context.get("who", ""),
                name=name,
            )
    return _("There is news about your licence of %(name)s.", name=name)


def _named(context: Mapping[str, Any]) -> str:
    """The product, with its tier where one was meant."""
    locale = current_locale()
    names = (context.get(f"{part}_{locale}") for part in ("name", "variant_name"))
    return " · ".join(str(name) for name in names if name)


def _amount(context: Mapping[str, Any], name: str = "amount_satang") -> str:
    satang = context.get(name)
    return money_text(Money(satang)) if type(satang) is int else ""


def _size(context: Mapping[str, Any]) -> str:
    """The amount without its sign."""
    satang = context.get("amount_satang")
    return money_text(Money(abs(satang))) if type(satang) is int else ""


def _time(context: Mapping[str, Any], name: str) -> str:
    try:
        moment = datetime.fromisoformat(str(context.get(name)))
    except ValueError:
        return ""
    return datetime_text(moment, current_locale())
