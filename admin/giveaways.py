"""Licences that staff give away: written in a form, read back with the person it found, then
done. One form gives once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from admin.filters import LONGEST_SEARCH
from admin.guards import manage_licenses
from storefront.accounts.models import User
from storefront.errors import DomainError, Invalid, NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.licenses.actors import LONGEST_REASON
from storefront.licenses.giveaways import (
    Giveaway,
    GiveawayTier,
    find_receiver,
    get_tier,
    give_away,
    list_tiers,
)
from storefront.messages import message_for
from storefront.wallet.forms import new_form_key
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_giveaways", __name__)

_KEY_LENGTHS: Final = range(16, 65)

# The id of the control, and the sentence.
FieldError = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveawayFields:
    """The form as it was typed. `agreed` is the id of the person who was read back to staff."""

    receiver: str = ""
    variant: str = ""
    reason: str = ""
    agreed: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the form means."""

    receiver: User
    tier: GiveawayTier


@bp.get("/admin/licenses/giveaways/new")
@manage_licenses
def new() -> Response:
    """An empty form, with a key of its own."""
    return _page(GiveawayFields(key=new_form_key()))


@bp.post("/admin/licenses/giveaways")
@manage_licenses
@limiter.limit("60 per minute")
def give() -> Response:
    """Read back who gets what; once staff agreed to that very person, give it."""
    fields = _read(request.form)
    found, errors = _look_up(fields)
    if found is None:
        return _page(fields, errors=errors, status=422)
    if fields.agreed != str(found.receiver.id):
        return _page(fields, found=found)
    wanted = Giveaway(
        variant_id=found.tier.variant.id,
        user_id=found.receiver.id,
        reason=fields.reason,
        form_key=fields.key,
    )
    try:
        with shop().database.transaction() as session:
            made = give_away(
                session, wanted, actor_id=visitor().id, vault=shop().vault, now=shop().clock()
            )
    except DomainError as refusal:
        fresh = replace(fields, key=new_form_key(), agreed="")
        refused = [("field-receiver", message_for(refusal))]
        return _page(fresh, errors=refused, status=refusal.http_status)
    said = ngettext(
        "%(num)d licence was given to %(name)s.",
        "%(num)d licences were given to %(name)s.",
        len(made),
        name=found.receiver.display_name,
    )
    flash(said, "success")
    if len(made) == 1:
        return see_other(url_for("admin_licenses.show", license_id=made[0]))
    return see_other(url_for("admin_licenses.index", owner=found.receiver.id))


def _read(form: MultiDict[str, str]) -> GiveawayFields:
    """What was typed; too much of anything is cut, a broken key is replaced."""

    def text(name: str, longest: int) -> str:
        return form.get(name, "").replace("\0", "").strip()[:longest]

    key = text("form_key", 65)
    is_sound = len(key) in _KEY_LENGTHS and key.replace("-", "").replace("_", "").isalnum()
    return GiveawayFields(
        receiver=text("receiver", LONGEST_SEARCH),
        variant=text("variant", 40),
        reason=text("reason", LONGEST_REASON + 1),
        agreed=text("agreed", 40),
        key=key if is_sound and key.isascii() else new_form_key(),
    )


def _look_up(fields: GiveawayFields) -> tuple[Found | None, Sequence[FieldError]]:
    """Person and tier, or everything that is wrong with the form."""
    errors: list[FieldError] = []
    receiver = tier = None
    try:
        receiver = find_receiver(read(), fields.receiver)
    except DomainError as refusal:
        errors.append(("field-receiver", message_for(refusal)))
    try:
        tier = _tier(fields.variant)
    except DomainError as refusal:
        sentence = message_for(refusal) if fields.variant else _("Choose what to give.")
        errors.append(("field-variant", sentence))
    if not 1 <= len(fields.reason) <= LONGEST_REASON:
        errors.append(("field-reason", message_for(Invalid("reason_needed"))))
    if errors or receiver is None or tier is None:
        return None, errors
    return Found(receiver, tier), ()


def _tier(text: str) -> GiveawayTier:
    variant_id = parse_id(text)
    if variant_id is None:
        raise NotFound("variant")
    return get_tier(read(), variant_id)


def _page(
    fields: GiveawayFields,
    *,
    found: Found | None = None,
    errors: Sequence[FieldError] = (),
    status: int = 200,
) -> Response:
    return render(
        "admin/licenses/giveaway.html",
        status=status,
        fields=fields,
        found=found,
        tiers=() if found else list_tiers(read()),
        errors=errors,
        error_of=dict(errors),
        longest_reason=LONGEST_REASON,
        longest_receiver=LONGEST_SEARCH,
    )
