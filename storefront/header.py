"""The figures every page's header shows: cart, wallet and bell. A member's are read in one query,
and only by pages that have a header."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.cart.guests import current_cart_owner
from storefront.cart.queries import count_units, units_of
from storefront.cart.rules import CartOwner
from storefront.kit.money import Money
from storefront.notifications.queries import unread_of
from storefront.wallet.queries import balance_of
from storefront.web import header_figure, read, shop, visitor


@dataclass(frozen=True, slots=True)
class HeaderFigures:
    """Units in the cart, what the wallet can pay (None for visitors who have not signed in), and
    unread notices."""

    cart_units: int = 0
    balance: Money | None = None
    unread: int = 0


def find_figures(session: Session, user_id: UUID, *, now: datetime) -> HeaderFigures:
    """A member's figures at `now`, in one query."""
    row = session.execute(
        select(
            units_of(CartOwner.member(user_id)).label("units"),
            balance_of(user_id, now=now).label("balance"),
            unread_of(user_id).label("unread"),
        )
    ).one()
    return HeaderFigures(int(row.units), Money(int(row.balance)), row.unread)


def cart_count() -> int:
    """Units in the cart of this request's visitor."""
    return _figures().cart_units


def wallet_balance() -> Money | None:
    """What the visitor's wallet can pay; None for guests, and while the database is away."""
    return _figures().balance


def unread_count() -> int:
    """How many notices the visitor has not read."""
    return _figures().unread


def _header_figures() -> HeaderFigures:
    if current_user.is_authenticated:
        return find_figures(read(), visitor().id, now=shop().clock())
    return HeaderFigures(cart_units=count_units(read(), current_cart_owner()))


_figures: Final = header_figure(_header_figures, otherwise=HeaderFigures())
