"""The checkout page, and the page people come back to from the gateway."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from flask import Blueprint, Response, flash, make_response, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from storefront.accounts.cookie import sign_browser_in
from storefront.accounts.queries import hash_token
from storefront.cart.guests import current_cart_owner, guest_token
from storefront.checkout import flow
from storefront.checkout.forms import CheckoutForm, new_form_key
from storefront.checkout.quotes import Quote, find_quote
from storefront.checkout.rules import LEAST_GATEWAY_AMOUNT, wallet_share
from storefront.delivery.queries import list_downloads
from storefront.errors import DomainError, Invalid, Kind, NotFound
from storefront.guests.flow import GuestWish, place_as_guest
from storefront.guests.forms import GuestCheckoutForm
from storefront.hx import is_fragment, render, see_other
from storefront.i18n import current_locale
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.licenses.queries import list_order_licenses
from storefront.messages import message_for
from storefront.orders.models import ORDER_MACHINE, Order, OrderAction, OrderState, PaymentMethod
from storefront.orders.queries import get_order
from storefront.orders.service import find_order_by_key
from storefront.payments.models import Payment, PaymentPurpose
from storefront.payments.service import find_live_payment
from storefront.payments.views import code_picture
from storefront.wallet.queries import Pots, find_pots
from storefront.web import limiter, member, public, read, shop, visitor

bp = Blueprint("checkout", __name__)
log = structlog.get_logger()

_WAITING = (OrderState.PENDING, OrderState.PROCESSING)
_DELIVERED = (OrderState.COMPLETED, OrderState.PARTIALLY_REFUNDED)


@bp.get("/checkout")
@public
def show() -> Response:
    """Order summary, method, and a button that names the amount. Who is not signed in may buy
    with an e-mail address alone."""
    quote = _find_quote()
    if quote is None:
        return see_other(url_for("cart.show"))
    if not quote.cart.is_ready:
        flash(_("Please look at the marked items first."), "warning")
        return see_other(url_for("cart.show"))
    return _checkout_page(CheckoutForm(formdata=None), quote)


@bp.post("/checkout")
@public
@limiter.limit("20 per minute")
def place() -> Response:
    """Place the order. The key in the form makes a double click and a reload find the same one."""
    if not current_user.is_authenticated:
        return _place_as_guest()
    form = CheckoutForm()
    if not form.validate():
        return _refused(form, form.first_error(), status=422)
    try:
        placed = flow.place_order(
            shop(),
            user_id=visitor().id,
            method=form.chosen_method(),
            expected_total=form.seen_total(),
            idempotency_key=form.idempotency_key.data or "",
            locale=current_locale(),
            email=form.email.data,
            wallet_part=form.chosen_wallet_part(),
        )
    except DomainError as error:
        return _not_placed(form, error)
    return see_other(placed.pay_url or _order_page(placed.order_id))


@bp.get("/checkout/orders/<order_id>")
@member
@limiter.limit("60 per minute")
def returned(order_id: str) -> Response:
    """What became of an order. A full load asks the gateway first, the poll asks only us."""
    order = _get_own(order_id)
    is_gateway_away = False
    if is_fragment():
        if request.args.get("seen") == order.state:
            return make_response("", 204)
    elif order.state in _WAITING and PaymentMethod(order.payment_method).is_gateway:
        is_gateway_away = not _ask_gateway(order)
        order = _get_own(order_id)
    return _status_page(order, is_gateway_away=is_gateway_away)


@bp.post("/checkout/orders/<order_id>/payments")
@member
@limiter.limit("20 per minute")
def resume(order_id: str) -> Response:
    """Back to the payment page of an open order."""
    order = _get_own(order_id)
    try:
        return see_other(flow.resume_payment(shop(), order.id, user_id=visitor().id))
    except DomainError as error:
        return _back_to_order(order, error)


@bp.post("/checkout/orders/<order_id>/cancellation")
@member
@limiter.limit("20 per minute")
def cancel(order_id: str) -> Response:
    """Give an open order up; what was in it lies in the cart again."""
    order = _get_own(order_id)
    try:
        flow.cancel_order(shop(), order.id, user_id=visitor().id)
    except DomainError as error:
        return _back_to_order(order, error)
    return see_other(_order_page(order.id))


@bp.get("/checkout/orders/<order_id>/promptpay.<any(svg, png):kind>")
@member
def promptpay_code(order_id: str, kind: str) -> Response:
    """The PromptPay code of an open order, to be shown or saved. Not found once nothing is to be
    paid any more; never cached, because it belongs to one payment of one buyer."""
    payment = _shown_code(_get_own(order_id))
    if payment is None or payment.qr_payload is None:
        raise NotFound("page")
    return code_picture(payment.qr_payload, kind)


def _typed_address() -> str:
    """Whose mailbox a form means, for counting; nobody's address lies in the cache."""
    return f"guest:{hash_token(request.form.get('email', '').strip().lower())}"


# A free order costs a stranger nothing, and sends a mail to whatever address was typed.
@limiter.limit("20 per hour", key_func=_typed_address)
def _place_as_guest() -> Response:
    """The same for a browser that is not signed in: it is, as a guest, once the order is placed,
    before the gateway is asked for anything."""
    form, cart_token = GuestCheckoutForm(), guest_token(session)
    if cart_token is None:
        return see_other(url_for("cart.show"))
    if not form.validate():
        return _refused(form, form.first_error(), status=422)
    try:
        placed = place_as_guest(shop(), _guest_wish(form, cart_token))
    except DomainError as error:
        return _refused(form, message_for(error), status=error.http_status)
    sign_browser_in(placed.sign_in_token)
    if placed.is_other:
        flash(message_for(Invalid("key_reused")), "warning")
    if placed.is_other or not placed.is_to_be_paid:
        return see_other(_order_page(placed.order_id))
    try:
        return see_other(flow.resume_payment(shop(), placed.order_id, user_id=placed.guest_id))
    except DomainError as error:
        flash(message_for(error), "warning")
        return see_other(_order_page(placed.order_id))


def _guest_wish(form: GuestCheckoutForm, cart_token: str) -> GuestWish:
    return GuestWish(
        cart_token=cart_token,
        email=form.address(),
        method=form.chosen_method(),
        expected_total=form.seen_total(),
        idempotency_key=form.idempotency_key.data or "",
        locale=current_locale(),
        user_agent=request.user_agent.string,
        address=request.remote_addr or "",
    )


def _shown_code(order: Order) -> Payment | None:
    """The payment whose code the buyer is to scan, while there is one."""
    if order.state != OrderState.PENDING or order.payment_method != PaymentMethod.PROMPTPAY:
        return None
    payment = find_live_payment(read(), purpose=PaymentPurpose.ORDER, subject_id=order.id)
    return payment if payment and payment.qr_payload else None


def _checkout_page(
    form: CheckoutForm, quote: Quote, *, status: int = 200, problem: str | None = None
) -> Response:
    now = shop().clock()
    pots, total = _pots(now), quote.total
    balance, is_frozen = pots.total, bool(pots.debt)
    covers = balance >= total and not is_frozen
    gap = max(total - balance, Money(0))
    form.expected_total.data = str(total.satang)
    if form.idempotency_key.errors or not form.idempotency_key.data:
        form.idempotency_key.data = new_form_key()
    form.method.data = form.method.data or str(_usual_method(covers))
    return render(
        "storefront/checkout/show.html",
        status=status,
        form=form,
        quote=quote,
        cart=quote.cart,
        total=total,
        balance=balance,
        covers=covers,
        offers_wallet=_offers_wallet(balance),
        gap=gap,
        is_frozen=is_frozen,
        share=Money(0) if is_frozen else wallet_share(total, balance=balance),
        takes_gateway=total >= LEAST_GATEWAY_AMOUNT,
        least_gateway_amount=LEAST_GATEWAY_AMOUNT,
        problem=problem,
    )


def _pots(now: datetime) -> Pots:
    """What the wallet holds; before the sign-in there is none."""
    if not current_user.is_authenticated:
        return Pots(Money(0), Money(0))
    return find_pots(read(), visitor().id, now=now)


def _offers_wallet(balance: Money) -> bool:
    """Guests have no wallet to speak of, unless a payment that came late is in it."""
    is_member = current_user.is_authenticated and not visitor().is_guest
    return is_member or bool(balance)


def _refused(form: CheckoutForm, problem: str, *, status: int) -> Response:
    quote = _find_quote()
    if quote is None:
        flash(problem, "warning")
        return see_other(url_for("cart.show"))
    return _checkout_page(form, quote, status=status, problem=problem)


def _not_placed(form: CheckoutForm, error: DomainError) -> Response:
    key = form.idempotency_key.data or ""
    order = find_order_by_key(read(), user_id=visitor().id, idempotency_key=key)
    if error.code == "key_reused":
        form.idempotency_key.data = new_form_key()
    elif order is not None:
        # The gateway failed after the order was saved: its page can open the payment again.
        return _back_to_order(order, error)
    return _refused(form, message_for(error), status=error.http_status)


def _status_page(order: Order, *, is_gateway_away: bool) -> Response:
    session, now = read(), shop().clock()
    is_delivered, method = order.state in _DELIVERED, PaymentMethod(order.payment_method)
    licenses = (
        list_order_licenses(session, order.id, now=now, owner_id=visitor().id)
        if is_delivered
        else ()
    )
    downloads = list_downloads(session, visitor().id, now=now) if licenses else ()
    return render(
        "storefront/checkout/returned.html",
        partial="storefront/checkout/_order_status.html",
        order=order,
        is_waiting=order.state in _WAITING,
        is_delivered=is_delivered,
        is_gateway_away=is_gateway_away,
        can_pay=order.state == OrderState.PENDING and method.is_gateway,
        code=_shown_code(order),
        can_cancel=ORDER_MACHINE.allows(OrderState(order.state), OrderAction.CANCEL),
        licenses=licenses,
        owned={owned.product_id: owned for owned in downloads},
    )


def _back_to_order(order: Order, error: DomainError) -> Response:
    flash(message_for(error), "warning")
    return see_other(_order_page(order.id))


def _find_quote() -> Quote | None:
    return find_quote(read(), current_cart_owner(), now=shop().clock())


def _get_own(order_id: str) -> Order:
    chosen = parse_id(order_id)
    if chosen is None:
        raise NotFound("order")
    # What the gateway just told us was written by another session than the one that reads.
    read().expire_all()
    return get_order(read(), chosen, user_id=visitor().id)


def _ask_gateway(order: Order) -> bool:
    try:
        flow.refresh_order(shop(), order.id)
    except DomainError as error:
        if error.kind is not Kind.UNAVAILABLE:
            raise
        log.info("gateway_away", order_id=str(order.id), error=error.code)
        return False
    return True


def _order_page(order_id: UUID) -> str:
    return url_for("checkout.returned", order_id=order_id)


def _usual_method(wallet_covers: bool) -> PaymentMethod:
    return PaymentMethod.BALANCE if wallet_covers else PaymentMethod.PROMPTPAY
