"""Licences in words for staff: changes, steps of the diary, evidence of misuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _

from admin.license_changes import Change
from admin.license_dossier import DiaryRow
from storefront.i18n import current_locale
from storefront.language import datetime_text
from storefront.licenses.events import SERVER, SYSTEM

CHANGE_NAMES: Final = {
    Change.SUSPEND: _("Suspend"),
    Change.RESTORE: _("Restore"),
    Change.EXTEND: _("Extend"),
    Change.REVOKE: _("Revoke"),
    Change.RESET: _("Reset servers"),
    Change.ROTATE: _("Change the key"),
    Change.FREE: _("Free this slot"),
}
CHANGE_ICONS: Final = {
    Change.SUSPEND: "clock",
    Change.RESTORE: "undo-2",
    Change.EXTEND: "plus",
    Change.REVOKE: "x",
    Change.RESET: "rotate-ccw",
    Change.ROTATE: "refresh-cw",
    Change.FREE: "trash-2",
}
WHAT_HAPPENS: Final = {
    Change.SUSPEND: _(
        "At their next check, servers with this key are told that the licence is suspended, and"
        " downloads are refused. The owner is told. It can be restored at any time."
    ),
    Change.RESTORE: _(
        "Servers with this key are told at their next check that the licence is good again, and"
        " files can be downloaded. The owner is told."
    ),
    Change.EXTEND: _(
        "The licence lasts longer: from its end, or from now if that has passed. One that has"
        " expired is good again, one that is suspended stays suspended. The owner is told."
    ),
    Change.REVOKE: _(
        "The licence ends for good: servers with this key are told at their next check, downloads"
        " are refused, and nothing brings it back. The owner is told. No money is given back; that"
        " is done with the order."
    ),
    Change.RESET: _(
        "Every server loses its slot and binds again at its next check, as long as slots are free."
        " It does not count as one of the owner's moves."
    ),
    Change.ROTATE: _(
        "The licence gets a new key, and the old one is unknown at once: servers stop working until"
        " the new key is put in. Slots and end stay. The owner is told."
    ),
    Change.FREE: _(
        "The server loses its slot. It binds again at its next check if a slot is free then."
    ),
}
EVENT_NAMES: Final = {
    "issued": _("Issued"),
    "key_shown": _("Key shown"),
    "key_rotated": _("Key changed"),
    "suspended": _("Suspended"),
    "restored": _("Restored"),
    "revoked": _("Revoked"),
    "expired": _("Expired"),
    "extended": _("Extended"),
    "renewed": _("Renewed"),
    "noted": _("Note changed"),
    "slot_bound": _("Server bound"),
    "slot_moved": _("Slot moved by itself"),
    "slot_freed": _("Slot freed"),
    "slots_reset": _("Servers reset"),
    "address_listed": _("Address put on the list"),
    "address_allowed": _("Address allowed"),
    "address_removed": _("Address removed"),
    "mode_changed": _("Way of choosing servers changed"),
    "many_networks": _("Used from many networks"),
    "gift_offered": _("Offered as a gift"),
    "given": _("Given to another account"),
    "gift_declined": _("Gift declined"),
    "gift_withdrawn": _("Gift withdrawn"),
    "expiring": _("Owner told of the coming end"),
}
KIND_NAMES: Final = {
    "many_networks": _("Many networks"),
    "more_live_than_slots": _("More servers than slots"),
    "products_never_together": _("Keys of several accounts on one server"),
}


def actor_name(row: DiaryRow) -> str:
    """Who did it, as a person reads it."""
    kind = row.event.actor.partition(":")[0]
    if kind == SYSTEM:
        return str(_("the shop"))
    if kind == SERVER:
        return str(_("a server"))
    name = row.person or str(_("somebody"))
    return name if kind == "user" else gettext("%(name)s (staff)", name=name)


def evidence_words(kind: str, evidence: Mapping[str, Any]) -> Sequence[str]:
    """What was seen, in sentences. Evidence is stored as it was then, so what is missing is left
    out instead of failing."""
    if kind == "many_networks":
        return [_many(evidence), *_networks(evidence)]
    if kind == "more_live_than_slots":
        return [_more_live(evidence), *_networks(evidence)]
    return _together(evidence)


def _many(evidence: Mapping[str, Any]) -> str:
    return str(
        gettext(
            "Asked from %(count)s networks within %(hours)s hours; more than %(limit)s are"
            " looked at.",
            count=_number(evidence, "count"),
            hours=_number(evidence, "hours"),
            limit=_number(evidence, "limit"),
        )
    )


def _more_live(evidence: Mapping[str, Any]) -> str:
    slots = evidence.get("slots")
    return str(
        ngettext(
            "Good answers to %(count)s networks within one hour, with %(slots)s slot.",
            "Good answers to %(count)s networks within one hour, with %(slots)s slots.",
            slots if isinstance(slots, int) else 0,
            count=_number(evidence, "count"),
            slots=_number(evidence, "slots"),
        )
    )


def _together(evidence: Mapping[str, Any]) -> Sequence[str]:
    names = evidence.get("products")
    products = ", ".join(str(one) for one in names) if isinstance(names, list) else ""
    return [
        gettext(
            "The server at %(address)s started scripts of %(accounts)s accounts within one minute"
            " (%(time)s): %(products)s.",
            address=str(evidence.get("address", "–")),
            accounts=_number(evidence, "accounts"),
            time=_time(evidence.get("minute")),
            products=products or "–",
        )
    ]


def _networks(evidence: Mapping[str, Any]) -> Sequence[str]:
    listed = evidence.get("networks")
    return [
        ngettext(
            "%(network)s: %(num)d check, %(good)s good, last at %(time)s",
            "%(network)s: %(num)d checks, %(good)s good, last at %(time)s",
            one.get("checks") if isinstance(one.get("checks"), int) else 0,
            network=str(one.get("network", "–")).removesuffix("/32"),
            good=_number(one, "good"),
            time=_time(one.get("last_seen")),
        )
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping)
    ]


def _number(evidence: Mapping[str, Any], name: str) -> str:
    value = evidence.get(name)
    return str(value) if isinstance(value, int) else "–"


def _time(value: Any) -> str:
    try:
        return datetime_text(datetime.fromisoformat(str(value)), current_locale())
    except ValueError:
        return "–"
