"""The ways back for guests: the mailed link, asking for it again, and taking it to an account."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, flash, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from storefront.accounts.cookie import sign_browser_in
from storefront.accounts.rules import safe_next_path
from storefront.cart.guests import guest_token, merge_guest_cart
from storefront.errors import DomainError, NotFound
from storefront.guests import service
from storefront.guests.adoption import adopt_guest
from storefront.guests.forms import EmailForm
from storefront.guests.queries import FoundLink, find_link
from storefront.guests.rules import LinkState, mask_email
from storefront.hx import render, see_other
from storefront.i18n import current_locale
from storefront.messages import message_for
from storefront.web import limiter, member, public, read, shop, visitor

bp = Blueprint("guests", __name__)

LONGEST_TOKEN: Final = 100
_STATUS: Final = {LinkState.GOOD: 200, LinkState.UNKNOWN: 404}


@bp.get("/guest/<token>")
@public
@limiter.limit("60 per minute")
def link(token: str) -> Response:
    """What a mailed link leads to. It only looks: programs that read mail open every link, so the
    browser is signed in by the button alone."""
    found = _find(token)
    answer = render(
        "storefront/guests/link.html",
        status=_STATUS.get(found.state, 410),
        state=found.state,
        email=mask_email(found.email) if found.email else "",
        token=token,
        next_path=_next_path(),
        is_here=current_user.is_authenticated and visitor().id == found.guest_id,
    )
    # The address of this page is a secret; its origin is what the check of forms asks for.
    answer.headers["Referrer-Policy"] = "strict-origin"
    return answer


@bp.post("/guest/<token>")
@public
@limiter.limit("30 per minute")
def sign_in(token: str) -> Response:
    """Sign this browser in as the guest. A member is asked to move the purchases instead."""
    if current_user.is_authenticated and not visitor().is_guest:
        return _back_to_link(token)
    now = shop().clock()
    try:
        with shop().database.transaction() as tx:
            guest_id, sign_in_token = service.open_by_link(
                tx,
                token[:LONGEST_TOKEN],
                user_agent=request.user_agent.string,
                address=request.remote_addr or "",
                now=now,
            )
            merge_guest_cart(tx, user_id=guest_id, token=guest_token(session), now=now)
    except DomainError:
        # Why it is no good stands on the page it came from.
        return _back_to_link(token)
    sign_browser_in(sign_in_token)
    return see_other(_next_path())


@bp.post("/guest/<token>/adoption")
@member
@limiter.limit("30 per minute")
def adopt(token: str) -> Response:
    """Move what the guest of this link bought to the member who is signed in."""
    found = _find(token)
    if found.state is not LinkState.GOOD or found.guest_id is None or visitor().is_guest:
        return _back_to_link(token)
    try:
        with shop().database.transaction() as tx:
            adopt_guest(tx, found.guest_id, member_id=visitor().id, now=shop().clock())
    except DomainError as error:
        flash(message_for(error), "warning")
        return _back_to_link(token)
    flash(_("The purchases are in your account now."), "success")
    return see_other(_next_path())


@bp.get("/guest/recover")
@public
def recovery() -> Response:
    """Where a guest who lost the mail asks for another."""
    return _recovery_page(EmailForm(formdata=None), is_sent="sent" in request.args)


@bp.post("/guest/recover")
@public
@limiter.limit("5 per minute; 30 per hour")
def recover() -> Response:
    """Ask for the links of an address. The answer is the same whoever has it, or nobody."""
    form = EmailForm()
    if not form.validate():
        return _recovery_page(form, status=422)
    with shop().database.transaction() as tx:
        service.ask_for_links(tx, form.address(), locale=current_locale(), now=shop().clock())
    return see_other(url_for("guests.recovery", sent=1))


@bp.get("/account/guest")
@member
def contact() -> Response:
    """The address of a guest, how to change it, and how to end what was mailed there."""
    _only_guests()
    return _contact_page(EmailForm(formdata=None))


@bp.post("/account/guest/email")
@member
@limiter.limit("5 per minute; 20 per hour")
def change_email() -> Response:
    """Another address, for one that was mistyped; the links go there at once."""
    _only_guests()
    form = EmailForm()
    if not form.validate():
        return _contact_page(form, status=422)
    with shop().database.transaction() as tx:
        service.change_email(tx, visitor().id, form.address(), now=shop().clock())
    flash(_("We write to %(email)s from now on.", email=form.address()), "success")
    return see_other(url_for("guests.contact"))


@bp.post("/account/guest/links/revocation")
@member
def revoke_links() -> Response:
    """No link that was mailed so far opens anything any more."""
    _only_guests()
    with shop().database.transaction() as tx:
        service.revoke_links(tx, visitor().id, now=shop().clock())
    flash(_("The links in earlier mails no longer open anything."), "success")
    return see_other(url_for("guests.contact"))


def _find(token: str) -> FoundLink:
    return find_link(read(), token[:LONGEST_TOKEN], now=shop().clock())


def _next_path() -> str:
    return safe_next_path(request.values.get("next"), fallback=url_for("orders.index"))


def _back_to_link(token: str) -> Response:
    return see_other(url_for("guests.link", token=token, next=_next_path()))


def _only_guests() -> None:
    if not visitor().is_guest:
        raise NotFound("page")


def _recovery_page(form: EmailForm, *, status: int = 200, is_sent: bool = False) -> Response:
    return render("storefront/guests/recover.html", status=status, form=form, is_sent=is_sent)


def _contact_page(form: EmailForm, *, status: int = 200) -> Response:
    return render("storefront/guests/contact.html", status=status, form=form)
