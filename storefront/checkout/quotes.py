"""What a cart costs its owner now: lines, code, total. Cart page, checkout page and the placing of
an order all ask here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.cart.queries import CartView, KeyLine, find_cart, list_key_lines
from storefront.cart.rules import CartOwner, KeyDeal, Notice
from storefront.errors import Conflict
from storefront.kit.money import Money
from storefront.licenses.queries import find_owned_products
from storefront.orders.queries import count_purchases
from storefront.promos.queries import count_customer_uses, get_promo
from storefront.promos.rules import (
    Customer,
    Discount,
    PricedLine,
    Promo,
    PromoRefused,
    check_terms,
    discount_for,
    promo_email,
)
from storefront.renewals.queries import find_offers
from storefront.renewals.rules import Offers, Refusal


@dataclass(frozen=True, slots=True)
class AppliedPromo:
    """A code with what it takes off this cart."""

    promo: Promo
    discount: Discount


@dataclass(frozen=True, slots=True)
class Quote:
    """A cart, the code in it, and what is to be paid. Either the code is applied, or `refused`
    says why it is not, or there is none."""

    cart: CartView
    applied: AppliedPromo | None = None
    refused: PromoRefused | None = None

    @property
    def discount(self) -> Money:
        """What the code takes off; zero without one."""
        return self.applied.discount.amount if self.applied else Money(0)

    @property
    def total(self) -> Money:
        """What would be charged."""
        return self.cart.subtotal - self.discount


def find_quote(
    session: Session,
    owner: CartOwner | None,
    *,
    now: datetime,
    for_order: UUID | None = None,
) -> Quote | None:
    """What the cart costs; None when it is empty. Whoever has no account, or has not signed in
    yet, is told so of a code that asks who they are. `for_order` is the order being made of the
    cart: what that holds is not counted against it."""
    user_id = None if owner is None else owner.user_id
    customer = None if user_id is None else session.get_one(User, user_id)
    owned = find_owned_products(session, customer.id, now=now) if customer else frozenset()
    deals = _find_deals(session, user_id, now=now, for_order=for_order) if user_id else {}
    cart = find_cart(session, owner, now=now, owned=owned, deals=deals, for_order=for_order)
    if cart is None:
        return None
    if cart.promo_code is None:
        return Quote(cart)
    try:
        promo = get_promo(session, cart.promo_code)
        check_terms(promo, _history(session, promo, customer, for_order), now=now)
        lines = [PricedLine(line.product_id, line.total) for line in cart.lines if line.is_buyable]
        return Quote(cart, AppliedPromo(promo, discount_for(promo, lines)))
    except PromoRefused as refused:
        return Quote(cart, refused=refused)


def get_quote(
    session: Session, user_id: UUID, *, now: datetime, for_order: UUID | None = None
) -> Quote:
    """What a member's cart costs. Raises Conflict `cart_empty`."""
    quote = find_quote(session, CartOwner.member(user_id), now=now, for_order=for_order)
    if quote is None:
        raise Conflict("cart_empty")
    return quote


def _find_deals(
    session: Session, user_id: UUID, *, now: datetime, for_order: UUID | None
) -> Mapping[UUID, KeyDeal]:
    """What the lines about keys in a member's cart cost, by licence."""
    wanted = {line.license_id: line for line in list_key_lines(session, user_id)}
    found = find_offers(session, wanted, user_id=user_id, now=now, for_order=for_order)
    return {key: _deal(found[key], line) for key, line in wanted.items() if key in found}


def _deal(offers: Offers, line: KeyLine) -> KeyDeal:
    offer = offers.find(line.variant_id)
    if offer is None or offer.purpose is not line.purpose:
        return KeyDeal(key_hint=offers.key_hint, notice=Notice(offers.refusal or Refusal.GONE))
    return KeyDeal(
        key_hint=offer.key_hint,
        price=offer.price,
        list_price=offer.tier.price,
        struck=offer.tier.unit_price.struck,
        credit=offer.credit or None,
        flash_item_id=offer.tier.unit_price.flash_item_id,
        flash_ends_at=offer.tier.unit_price.ends_at,
        ends_at=offer.terms.ends_at,
    )


def _history(
    session: Session, promo: Promo, customer: User | None, for_order: UUID | None
) -> Customer:
    if customer is None or customer.is_guest:
        return Customer(has_account=False)
    email = promo_email(customer.email, is_verified=customer.email_verified)
    return Customer(
        uses=count_customer_uses(session, promo.id, user_id=customer.id, customer_email=email),
        purchases=count_purchases(session, customer.id, besides=for_order),
    )
