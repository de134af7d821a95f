"""The sentences of notices, made when they are shown, in the reader's language of that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import request
from flask_babel import gettext as _

from storefront.accounts.rules import safe_next_path
from storefront.notifications.facts import named
from storefront.notifications.license_texts import LICENSE_NEWS, license_text
from storefront.notifications.money_texts import MONEY_NEWS, money_news_text
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
    "license_giveaway": "key",
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
    match event:
        case "order_completed":
            sentence = _(
                "Order %(reference)s is complete. Your keys and files are ready.",
                reference=str(context.get("reference", "")),
            )
        case "back_in_stock" | "release_published":
            sentence = _product_text(event, context)
        case event if event.startswith(LICENSE_NEWS):
            sentence = license_text(event, context)
        case event if event.startswith(MONEY_NEWS):
            sentence = money_news_text(event, context)
        case _other:
            sentence = _staff_text(event, context)
    return str(sentence)


def _product_text(event: str, context: Mapping[str, Any]) -> Any:
    if event == "release_published":
        return _(
            "Version %(version)s of %(name)s is out. You can download the update.",
            version=str(context.get("version", "")),
            name=named(context),
        )
    return _("You can buy %(name)s now. You asked us to tell you.", name=named(context))


def _staff_text(event: str, context: Mapping[str, Any]) -> str:
    """What only staff are told."""
    match event:
        case "flash_sale_began":
            sentence = _("The flash sale “%(name)s” has begun.", name=named(context))
        case "flash_sale_ended":
            sentence = _(
                "The flash sale “%(name)s” is over. Units sold: %(sold)s.",
                name=named(context),
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
