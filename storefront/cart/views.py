"""The cart page and its three forms: add, change, remove."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from storefront.cart import service
from storefront.cart.forms import (
    read_license_id,
    read_quantity,
    read_seen_price,
    read_variant_id,
)
from storefront.cart.guests import current_cart_owner, new_guest_token, remember_guest
from storefront.cart.models import MAX_QUANTITY
from storefront.cart.queries import VariantName, find_variant_name
from storefront.cart.rules import CartOwner
from storefront.catalog.product_page import find_product_slug
from storefront.checkout.quotes import find_quote
from storefront.errors import Conflict, NotFound
from storefront.hx import is_fragment, render, see_other
from storefront.i18n import current_locale
from storefront.kit.ids import parse_id
from storefront.language import text_of
from storefront.messages import message_for
from storefront.promos.queries import get_promo
from storefront.promos.rules import LONGEST_CODE, PromoRefused
from storefront.web import limiter, public, read, shop

bp = Blueprint("cart", __name__)


@bp.get("/cart")
@public
def show() -> Response:
    """The lines, what changed about them, and the way to the checkout."""
    removed = parse_id(request.args.get("removed", ""))
    return _cart_page(
        removed,
        request.args.get("quantity", type=int),
        removed_license_id=parse_id(request.args.get("license", "")),
    )


@bp.post("/cart/lines")
@public
@limiter.limit("240 per minute")
def add_line() -> Response:
    """Put something in. A guest gets the cookie of a cart only now, once the line is saved."""
    variant_id = read_variant_id(request.form.get("variant_id"))
    quantity = read_quantity(request.form)
    owner, token = current_cart_owner(), None
    if owner is None:
        token = new_guest_token()
        owner = CartOwner.guest(token)
    try:
        with shop().database.transaction() as tx:
            added = service.add_line(tx, owner, variant_id, quantity=quantity, now=shop().clock())
    except Conflict as refusal:
        return _not_added(refusal, variant_id)
    if token is not None:
        remember_guest(token)
    message = _added_message(added)
    if is_fragment():
        return render("storefront/cart/_added.html", message=message)
    flash(message, "success")
    return see_other(url_for("cart.show"))


@bp.post("/cart/lines/<variant_id>")
@public
@limiter.limit("240 per minute")
def change_line(variant_id: str) -> Response:
    """Want another number of units, or take note of a new price by sending the same number."""
    chosen = read_variant_id(variant_id)
    quantity = read_quantity(request.form)
    owner = _owner_of_a_cart()
    with shop().database.transaction() as tx:
        service.set_quantity(
            tx,
            owner,
            chosen,
            quantity=quantity,
            seen_price=read_seen_price(request.form),
            license_id=read_license_id(request.form),
            now=shop().clock(),
        )
    return _cart_page() if is_fragment() else see_other(url_for("cart.show"))


@bp.post("/cart/lines/<variant_id>/removal")
@public
@limiter.limit("240 per minute")
def remove_line(variant_id: str) -> Response:
    """Take a line out; the page offers to undo it. Doing it twice is harmless."""
    chosen = read_variant_id(variant_id)
    license_id = read_license_id(request.form)
    owner = current_cart_owner()
    quantity = None
    if owner is not None:
        with shop().database.transaction() as tx:
            quantity = service.remove_line(
                tx, owner, chosen, license_id=license_id, now=shop().clock()
            )
    if is_fragment():
        return _cart_page(chosen, quantity, removed_license_id=license_id)
    if quantity is None:
        return see_other(url_for("cart.show"))
    return see_other(url_for("cart.show", removed=chosen, quantity=quantity, license=license_id))


@bp.post("/cart/promo")
@public
@limiter.limit("20 per minute")
def apply_promo() -> Response:
    """Type a promo code. One that does not exist is refused at once; whether another gives
    something is said beside the total, whenever the cart is read."""
    typed = request.form.get("code", "")[: 2 * LONGEST_CODE]
    try:
        code = get_promo(read(), typed).code
    except PromoRefused as refused:
        return _cart_page(status=422, typed_code=typed, promo_problem=message_for(refused))
    return _with_promo(code)


@bp.post("/cart/promo/removal")
@public
def remove_promo() -> Response:
    """Take the code out again."""
    return _with_promo(None)


def _with_promo(code: str | None) -> Response:
    owner = _owner_of_a_cart()
    with shop().database.transaction() as tx:
        service.set_promo_code(tx, owner, code, now=shop().clock())
    return _cart_page() if is_fragment() else see_other(url_for("cart.show"))


def _cart_page(
    removed_id: UUID | None = None,
    removed_quantity: int | None = None,
    *,
    removed_license_id: UUID | None = None,
    status: int = 200,
    typed_code: str = "",
    promo_problem: str | None = None,
) -> Response:
    removed: VariantName | None = None
    if removed_id is not None and 1 <= (removed_quantity or 0) <= MAX_QUANTITY:
        removed = find_variant_name(read(), removed_id)
    return render(
        "storefront/cart/show.html",
        partial="storefront/cart/_cart_and_count.html",
        status=status,
        quote=find_quote(read(), current_cart_owner(), now=shop().clock()),
        typed_code=typed_code,
        promo_problem=promo_problem,
        removed=removed,
        removed_quantity=removed_quantity,
        removed_license_id=removed_license_id,
        max_quantity=MAX_QUANTITY,
    )


def _not_added(refusal: Conflict, variant_id: UUID) -> Response:
    """Why it did not work, beside the button: with htmx in its place on the product's page, without
    it on that page once more. Raises the refusal where there is no such place."""
    message = message_for(refusal)
    if is_fragment():
        if not request.headers.get("HX-Target", "").endswith("#buy-message"):
            raise refusal
        return render(
            "storefront/cart/_not_added.html", message=message, status=refusal.http_status
        )
    slug = find_product_slug(read(), variant_id)
    if slug is None:
        raise refusal
    flash(message, "buy")
    return see_other(url_for("catalog.product", slug=slug, tier=variant_id, _anchor="buy"))


def _owner_of_a_cart() -> CartOwner:
    owner = current_cart_owner()
    if owner is None:
        raise NotFound("cart_line")
    return owner


def _added_message(added: service.AddedLine) -> str:
    name = text_of(added, "name", current_locale())
    if added.quantity == MAX_QUANTITY:
        return str(
            _("%(name)s is in your cart, with the most units one order can have.", name=name)
        )
    return str(_("%(name)s is in your cart.", name=name))
