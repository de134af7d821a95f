"""What owners do to their licences: new key, servers, addresses. What costs something, or stops a
server, has a page that says so before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from storefront.errors import Conflict, DomainError, Kind, NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.licenses import allowing, moves, page, service
from storefront.licenses.actors import Owner
from storefront.licenses.forms import error_text, sent_address, sent_network, typed
from storefront.licenses.models import AddressMode
from storefront.licenses.queries import get_license
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("license_changes", __name__)

_PATH: Final = "/account/licenses/<license_id>"
# Refusals that are answered on the licence's page, by a sentence.
_SAID_ON_PAGE: Final = (Kind.CONFLICT, Kind.INVALID, Kind.TOO_MANY, Kind.NOT_FOUND)


@bp.get(f"{_PATH}/rotation")
@member
def ask_rotation(license_id: str) -> Response:
    """What a new key means, before there is one."""
    return _ask(_opened(license_id), "rotation")


@bp.post(f"{_PATH}/rotation")
@member
@limiter.limit("20 per hour")
def rotate(license_id: str) -> Response:
    """A new key; the old one is unknown at once."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    return _do(
        wanted,
        lambda tx: service.rotate_key(tx, wanted, by=owner, vault=shop().vault, now=shop().clock()),
        _("There is a new key. Put it into the configuration of your servers now."),
    )


@bp.get(f"{_PATH}/reset")
@member
def ask_reset(license_id: str) -> Response:
    """What a reset of all servers means and costs."""
    return _ask(_opened(license_id), "reset")


@bp.post(f"{_PATH}/reset")
@member
@limiter.limit("20 per hour")
def reset(license_id: str) -> Response:
    """Take the slots of all servers away."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    return _do(
        wanted,
        lambda tx: moves.reset_slots(tx, wanted, by=owner, now=shop().clock()),
        _("All places are free. The next servers that ask get them."),
    )


@bp.get(f"{_PATH}/removal")
@member
def ask_removal(license_id: str) -> Response:
    """What it costs to remove the server of `?network=`."""
    dossier = _opened(license_id)
    network = sent_network(request.args.get("network", "")[:60])
    slot = next((one for one in dossier.slots if one.network == network), None)
    if slot is None:
        raise NotFound("slot")
    return _ask(dossier, "removal", slot=slot)


@bp.post(f"{_PATH}/removal")
@member
@limiter.limit("60 per hour")
def remove(license_id: str) -> Response:
    """Take the slot of one server away."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    network = sent_network(typed("network"))
    if network is None:
        raise NotFound("slot")
    return _do(
        wanted,
        lambda tx: moves.free_slot(tx, wanted, network=network, by=owner, now=shop().clock()),
        _("The server is removed. Its place is free."),
    )


@bp.get(f"{_PATH}/allowance")
@member
def ask_allowance(license_id: str) -> Response:
    """Whose place the server of `?address=` can take, and what that costs."""
    dossier = _opened(license_id)
    address = sent_address(request.args.get("address", "")[:60])
    license = get_license(read(), dossier.row.id, user_id=visitor().id)
    room, slots = page.plan_for(read(), license, address, now=shop().clock())
    return _ask(dossier, "allowance", address=address, room=room, slots=slots)


@bp.post(f"{_PATH}/allowance")
@member
@limiter.limit("60 per hour")
def allow(license_id: str) -> Response:
    """Let the server of an address in. One that would count as a move is asked about first, unless
    the form says that it was."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    address = sent_address(typed("address"))
    instead_of = sent_network(typed("instead_of"))
    try:
        with shop().database.transaction() as tx:
            allowing.allow_address(
                tx,
                wanted,
                address,
                instead_of=instead_of,
                accepts_cost=typed("agreed") == "1",
                by=owner,
                now=shop().clock(),
            )
    except Conflict as refusal:
        if refusal.code != "would_count":
            return _back(wanted, refusal)
        return see_other(
            url_for("license_changes.ask_allowance", license_id=wanted, address=str(address))
        )
    except DomainError as refusal:
        return _back(wanted, refusal)
    flash(_("%(address)s may run the script from its next check on.", address=address), "success")
    return _back(wanted)


@bp.post(f"{_PATH}/mode")
@member
@limiter.limit("60 per hour")
def choose_mode(license_id: str) -> Response:
    """Let servers in as they come, or by a list kept by hand."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    mode = AddressMode.LIST if typed("mode") == "list" else AddressMode.AUTO
    said = {
        AddressMode.LIST: _("Only addresses on your list may run the script now."),
        AddressMode.AUTO: _("Servers get a place by themselves again."),
    }
    return _do(
        wanted,
        lambda tx: allowing.set_address_mode(tx, wanted, mode, by=owner),
        said[mode],
    )


@bp.post(f"{_PATH}/addresses")
@member
@limiter.limit("60 per hour")
def add_address(license_id: str) -> Response:
    """Put an address or a block on the list."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    return _do(
        wanted,
        lambda tx: allowing.list_address(
            tx, wanted, typed("address"), note=typed("note"), by=owner
        ),
        _("The address is on the list."),
        anchor="addresses",
    )


@bp.post(f"{_PATH}/addresses/<address_id>/removal")
@member
@limiter.limit("60 per hour")
def remove_address(license_id: str, address_id: str) -> Response:
    """Take an address off the list."""
    wanted, owner = _wanted(license_id), Owner(visitor().id)
    entry = parse_id(address_id)
    if entry is None:
        raise NotFound("address")
    return _do(
        wanted,
        lambda tx: allowing.remove_address(
            tx, wanted, address_id=entry, by=owner, now=shop().clock()
        ),
        _("The address is off the list."),
        anchor="addresses",
    )


def _wanted(license_id: str) -> UUID:
    """Before anything else is read of the form: only owners learn that there is a licence."""
    wanted = _id_of(license_id)
    get_license(read(), wanted, user_id=visitor().id)
    return wanted


def _opened(license_id: str) -> page.LicensePage:
    """What the questions are about, for the owner alone as well."""
    wanted = _id_of(license_id)
    return page.open_page(read(), wanted, user_id=visitor().id, now=shop().clock())


def _id_of(license_id: str) -> UUID:
    wanted = parse_id(license_id)
    if wanted is None:
        raise NotFound("license")
    return wanted


def _ask(dossier: page.LicensePage, question: str, **facts: Any) -> Response:
    return render(
        "storefront/licenses/confirm.html",
        question=question,
        dossier=dossier,
        license=dossier.row,
        budget=dossier.budget,
        **facts,
    )


def _do(
    license_id: UUID, change: Callable[[Session], Any], said: str, *, anchor: str = ""
) -> Response:
    try:
        with shop().database.transaction() as tx:
            change(tx)
    except DomainError as refusal:
        return _back(license_id, refusal)
    flash(said, "success")
    return _back(license_id, anchor=anchor)


def _back(license_id: UUID, refusal: DomainError | None = None, *, anchor: str = "") -> Response:
    if refusal is not None:
        if refusal.kind not in _SAID_ON_PAGE:
            raise refusal
        flash(error_text(refusal), "warning")
    return see_other(url_for("licenses.show", license_id=license_id, _anchor=anchor or None))
