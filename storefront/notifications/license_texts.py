"""Sentences about licences: what was done to them, gifts, and purchases made at Tebex."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask_babel import gettext as _

from storefront.notifications.facts import named, time_in

# How the names of these events begin.
LICENSE_NEWS: Final = ("license_", "gift_", "tebex_")


def license_text(event: str, context: Mapping[str, Any]) -> Any:
    """One sentence; a general one for an event that is not known here."""
    name = named(context)
    if event.startswith("tebex_"):
        return _tebex_text(event, str(context.get("reference", "")))
    if event.startswith("gift_"):
        return _gift_text(event, name, str(context.get("who", "")))
    match event:
        case "license_giveaway":
            return _("The seller gave you a licence of %(name)s.", name=name)
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
            end = time_in(context, "until")
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
    return _news(name)


def _gift_text(event: str, name: str, who: str) -> Any:
    if event == "gift_waiting":
        return _("%(who)s wants to give you a licence of %(name)s.", who=who, name=name)
    if event == "gift_accepted":
        return _(
            "%(who)s accepted your licence of %(name)s. Your key no longer works.",
            who=who,
            name=name,
        )
    return _news(name)


def _news(name: str) -> Any:
    return _("There is news about your licence of %(name)s.", name=name)


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
