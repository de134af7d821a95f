"""From a key to the cart: its renewal, or its upgrade."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from storefront.cart.forms import read_variant_id
from storefront.catalog.models import Purpose
from storefront.errors import Conflict, NotFound
from storefront.hx import see_other
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.renewals.wishes import want_offer
from storefront.web import limiter, member, shop, visitor

bp = Blueprint("renewals", __name__)


@bp.post("/account/licenses/<license_id>/purchases")
@member
@limiter.limit("60 per minute")
def want(license_id: str) -> Response:
    """Put what a tier offers for one's own key into the cart, and go there; back to the licences
    with a word where it is no offer any more. Raises NotFound for an unknown licence and for
    anybody else's."""
    wanted = parse_id(license_id)
    if wanted is None:
        raise NotFound("license")
    variant_id = read_variant_id(request.form.get("variant_id"))
    try:
        with shop().database.transaction() as tx:
            offer = want_offer(
                tx, wanted, variant_id=variant_id, user_id=visitor().id, now=shop().clock()
            )
    except Conflict as refusal:
        flash(message_for(refusal), "warning")
        return see_other(url_for("licenses.index", _anchor=f"license-{wanted}"))
    flash(_added(offer.purpose), "success")
    return see_other(url_for("cart.show"))


def _added(purpose: Purpose) -> str:
    if purpose is Purpose.RENEW:
        return str(_("The renewal is in your cart."))
    return str(_("The upgrade is in your cart."))
