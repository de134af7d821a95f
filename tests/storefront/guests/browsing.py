"""What a shopper without an account does in a browser without JavaScript."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import requests
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from storefront.accounts.models import User
from storefront.accounts.queries import find_visitor
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.checkout.service import close_order
from storefront.guests.service import issue_link
from storefront.orders.models import Order, OrderAction
from storefront.sandbox.serve import RunningSandbox
from tests.support.browser import submit
from tests.support.gateway import drain, pay

NOK = "nok@example.com"


def fill_cart(browser: FlaskClient, *products: Product) -> None:
    """Put one of each into this browser's cart."""
    for product in products:
        page = browser.get(f"/en/products/{product.slug}")
        assert submit(browser, page, "/cart/lines").status_code == 303


def place(browser: FlaskClient, *, email: str = NOK, method: str = "stripe") -> TestResponse:
    """Send the checkout form of what lies in the cart."""
    return submit(browser, browser.get("/en/checkout"), "/checkout", email=email, method=method)


def buy_by_card(browser: FlaskClient, product: Product, *, email: str = NOK) -> str:
    """Buy, pay, and come back; the address of the order's page."""
    fill_cart(browser, product)
    placed = place(browser, email=email)
    assert placed.status_code == 303, placed.text
    back = at_gateway(placed.location, "pay")
    assert browser.get(back).status_code == 200
    return back


def at_gateway(pay_url: str, verb: str) -> str:
    """Press a button of the payment page; the way back to the shop."""
    answer = requests.post(f"{pay_url}/{verb}", allow_redirects=False, timeout=5)
    return answer.headers["Location"].removeprefix("http://localhost")


def pay_late(shop: Shop, sandbox: RunningSandbox, order_id: UUID) -> None:
    """The order is closed, but its payment page was not: the money comes all the same, and what
    was in the order lies in the cart."""
    with shop.database.transaction() as session:
        close_order(session, order_id, OrderAction.CANCEL, actor="test", now=shop.clock())
    pay(shop, sandbox, order_id)


def guests(shop: Shop) -> list[User]:
    """Every guest, oldest first."""
    with shop.database.reading() as session:
        return list(session.scalars(select(User).where(User.is_guest).order_by(User.id)))


def orders(shop: Shop) -> list[Order]:
    """Every order, oldest first."""
    with shop.database.reading() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def link_for(shop: Shop, guest: User) -> str:
    """A link as the worker makes it for a mail; the path of its page."""
    with shop.database.transaction() as session:
        token = issue_link(session, guest.id, email=guest.email or "", now=shop.clock())
    return f"/en/guest/{token}"


def mails_to(shop: Shop, sandbox: RunningSandbox, address: str) -> list[dict[str, Any]]:
    """What the mail server took for an address, after everything that waits was sent."""
    drain(shop)
    answer = requests.get(f"{sandbox.url}/inbox.json", params={"to": address}, timeout=10)
    found: list[dict[str, Any]] = answer.json()
    return found


def links_in(mail: dict[str, Any]) -> list[str]:
    """The paths of the personal links in a mail, with where they lead."""
    found = re.findall(r"http://localhost(/(?:en/)?guest/[\w-]{40,}\S*)", mail["text"])
    assert found, mail["text"]
    return found


def is_signed_in_as(browser: FlaskClient, shop: Shop) -> UUID | None:
    """Whose browser it is, by what the cookie holds."""
    with browser.session_transaction() as cookie:
        token = cookie.get("_user_id")
    if token is None:
        return None
    with shop.database.reading() as session:
        found = find_visitor(session, token, now=shop.clock())
    return found.id if found else None
