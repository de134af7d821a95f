"""Giving a licence to another account, and taking one that was given."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, url_for
from flask_babel import gettext as _

from storefront.accounts.rules import is_recent
from storefront.errors import DomainError, NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.licenses import gifts, page
from storefront.licenses.forms import error_text, typed
from storefront.licenses.gift_queries import is_offered_to, list_gifts_for
from storefront.licenses.queries import get_license
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("license_gifts", __name__)


@bp.get("/account/licenses/<license_id>/gift")
@member
def ask(license_id: str) -> Response:
    """Whom to give it to, and what becomes of the key and the servers."""
    return _form(_id_of(license_id))


@bp.post("/account/licenses/<license_id>/gift")
@member
@limiter.limit("10 per hour")
def give(license_id: str) -> Response:
    """Offer it. The answer is the same whether there is such an account or not."""
    wanted = _wanted(license_id)
    try:
        with shop().database.transaction() as tx:
            gifts.give_license(
                tx,
                wanted,
                recipient=typed("recipient"),
                giver_id=visitor().id,
                now=shop().clock(),
            )
    except DomainError as refusal:
        return _form(wanted, refusal=refusal)
    flash(_("The licence is offered. It stays yours until it is accepted."), "success")
    return see_other(url_for("licenses.show", license_id=wanted))


@bp.post("/account/licenses/<license_id>/gift/withdrawal")
@member
@limiter.limit("30 per hour")
def withdraw(license_id: str) -> Response:
    """Take the offer back."""
    wanted = _wanted(license_id)
    with shop().database.transaction() as tx:
        gifts.withdraw_gift(tx, wanted, giver_id=visitor().id, now=shop().clock())
    flash(_("The offer is withdrawn. The licence stays yours."), "success")
    return see_other(url_for("licenses.show", license_id=wanted))


@bp.get("/account/gifts/<gift_id>")
@member
def show(gift_id: str) -> Response:
    """What somebody wants to give."""
    return _offer(_offered(gift_id))


@bp.post("/account/gifts/<gift_id>/acceptance")
@member
@limiter.limit("30 per hour")
def accept(gift_id: str) -> Response:
    """Take it, after a fresh sign-in: only that shows whose Discord name it is today."""
    wanted = _offered(gift_id)
    if not is_recent(visitor().signed_in_at, now=shop().clock()):
        return _offer(wanted, status=403, asks_again=True)
    try:
        with shop().database.transaction() as tx:
            license_id = gifts.accept_gift(
                tx, wanted, user_id=visitor().id, vault=shop().vault, now=shop().clock()
            )
    except DomainError as refusal:
        flash(error_text(refusal), "warning")
        return see_other(url_for("licenses.index"))
    flash(_("The licence is yours, with a key of its own."), "success")
    return see_other(url_for("licenses.show", license_id=license_id))


@bp.post("/account/gifts/<gift_id>/refusal")
@member
@limiter.limit("30 per hour")
def decline(gift_id: str) -> Response:
    """Leave it with the giver."""
    wanted = _offered(gift_id)
    try:
        with shop().database.transaction() as tx:
            gifts.decline_gift(tx, wanted, user_id=visitor().id, now=shop().clock())
    except DomainError as refusal:
        flash(error_text(refusal), "warning")
    else:
        flash(_("You declined. The licence stays where it was."), "success")
    return see_other(url_for("licenses.index"))


def _wanted(license_id: str) -> UUID:
    wanted = _id_of(license_id)
    get_license(read(), wanted, user_id=visitor().id)
    return wanted


def _id_of(license_id: str) -> UUID:
    wanted = parse_id(license_id)
    if wanted is None:
        raise NotFound("license")
    return wanted


def _offered(gift_id: str) -> UUID:
    wanted = parse_id(gift_id)
    if wanted is None or not is_offered_to(read(), wanted, visitor().id):
        raise NotFound("gift")
    return wanted


def _form(license_id: UUID, *, refusal: DomainError | None = None) -> Response:
    now = shop().clock()
    found = page.open_page(read(), license_id, user_id=visitor().id, now=now)
    return render(
        "storefront/licenses/gift.html",
        status=200 if refusal is None else 422,
        dossier=found,
        license=found.row,
        recipient=typed("recipient") if refusal else "",
        error=None if refusal is None else error_text(refusal),
    )


def _offer(gift_id: UUID, *, status: int = 200, asks_again: bool = False) -> Response:
    waiting = list_gifts_for(read(), visitor().id, now=shop().clock())
    gift = next((one for one in waiting if one.id == gift_id), None)
    if gift is None:
        return render("storefront/licenses/gift_over.html", status=410)
    return render(
        "storefront/licenses/gift_offer.html", status=status, gift=gift, asks_again=asks_again
    )
