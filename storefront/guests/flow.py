"""Placing an order with an e-mail address alone: guest, sign-in, cart and order at once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from storefront.accounts.service import open_session
from storefront.bootstrap import Shop
from storefront.cart.service import merge_guest_cart
from storefront.checkout import service
from storefront.checkout.rules import hash_request
from storefront.checkout.service import Wish
from storefront.guests.rules import guest_key
from storefront.guests.service import open_guest
from storefront.kit.money import Money
from storefront.orders.models import Order, OrderState, PaymentMethod
from storefront.orders.service import find_order_by_key


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestWish:
    """What a browser that is not signed in sent with the checkout form; `email` is one that
    `rules.parse_email` gave."""

    cart_token: str
    email: str
    method: PaymentMethod
    expected_total: Money
    idempotency_key: str
    locale: str
    user_agent: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestOrder:
    """The order, and the token that signs the browser in as its guest. `is_other` when the form
    had made an order before, and said something else then."""

    order_id: UUID
    guest_id: UUID
    sign_in_token: str
    is_to_be_paid: bool
    is_other: bool


def place_as_guest(shop: Shop, wish: GuestWish) -> GuestOrder:
    """Turn a browser's cart into an order of a new guest, in one transaction: what is refused
    leaves neither guest nor sign-in, and the cart where it was.

    Idempotent by cart and form: a double click waits for its twin and finds the same guest and
    order. Raises what `checkout.service.place_order` raises, and Conflict `guest_moved`. The
    payment page is opened afterwards by `checkout.flow.resume_payment`, when the browser is
    signed in already: a gateway that is away then costs nobody an order.
    """
    now = shop.clock()
    key = guest_key(
        shop.settings.secret_key, cart_token=wish.cart_token, form_key=wish.idempotency_key
    )
    with shop.database.transaction() as session:
        guest = open_guest(session, key=key, email=wish.email, locale=wish.locale)
        token = open_session(
            session, guest.id, user_agent=wish.user_agent, address=wish.address, now=now
        )
        order = find_order_by_key(session, user_id=guest.id, idempotency_key=wish.idempotency_key)
        if order is None:
            merge_guest_cart(session, user_id=guest.id, token=wish.cart_token, now=now)
            order = service.place_order(
                session, _wish_of(guest.id, wish), vault=shop.vault, now=now
            )
        return GuestOrder(
            order_id=order.id,
            guest_id=guest.id,
            sign_in_token=token,
            is_to_be_paid=_is_to_be_paid(order),
            is_other=order.request_hash != _hash_of(wish),
        )


def _wish_of(guest_id: UUID, wish: GuestWish) -> Wish:
    return Wish(
        user_id=guest_id,
        method=wish.method,
        expected_total=wish.expected_total,
        idempotency_key=wish.idempotency_key,
        locale=wish.locale,
        email=wish.email,
    )


def _hash_of(wish: GuestWish) -> str:
    return hash_request(
        method=wish.method,
        expected_total=wish.expected_total,
        wallet_part=Money(0),
        email=wish.email,
    )


def _is_to_be_paid(order: Order) -> bool:
    return order.state == OrderState.PENDING and PaymentMethod(order.payment_method).is_gateway
