"""Whose cart a request means: the member's, or a guest's by the token in the signed cookie."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from flask import current_app, session
from flask_login import current_user

from storefront.cart.rules import CartOwner
from storefront.cart.service import merge_guest_cart
from storefront.kit.ids import new_token

__all__ = [
    "CartOwner",
    "current_cart_owner",
    "guest_token",
    "merge_guest_cart",
    "new_guest_token",
    "remember_guest",
]

_KEY = "cart"


def guest_token(cookie: Mapping[str, Any]) -> str | None:
    """The token of this browser's guest cart, if it ever put something in."""
    token = cookie.get(_KEY)
    return token if isinstance(token, str) and token else None


def current_cart_owner() -> CartOwner | None:
    """Who this request's cart belongs to; None for a guest who never put something in."""
    if current_user.is_authenticated:
        return CartOwner.member(current_user.id)
    token = guest_token(session)
    return None if token is None else CartOwner.guest(token)


def new_guest_token() -> str:
    """A token for a first cart; the browser gets it by `remember_guest` once that is saved.

    Made from the secret behind this browser's CSRF tokens, so that two first adds in the same
    moment, neither of which has seen the other's cookie, mean the same cart.
    """
    secret = session.get(current_app.config["WTF_CSRF_FIELD_NAME"])
    if not isinstance(secret, str):
        return new_token()
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, f"guest-cart:{secret}".encode(), sha256).hexdigest()


def remember_guest(token: str) -> None:
    """Put the token into the cookie, for as long as the app's permanent session lasts."""
    session[_KEY] = token
    session.permanent = True
