"""How often strangers may have a mail sent to an address they typed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask

from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.kit.money import Money
from storefront.web import limiter
from tests.storefront.guests.browsing import fill_cart, orders, place
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def limited(shop: Shop) -> Iterator[Flask]:
    """A web face whose limits are on, and forgotten before."""
    for key in shop.redis.scan_iter("*limits*"):
        shop.redis.delete(key)
    settings = dataclasses.replace(shop.settings, environment="demo")
    app = create_app(dataclasses.replace(shop, settings=settings))
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    limiter.enabled = False


def test_one_browser_asks_for_links_five_times_a_minute(limited: Flask) -> None:
    browser = limited.test_client()

    codes = [
        browser.post("/guest/recover", data={"email": f"n{turn}@example.com"}).status_code
        for turn in range(7)
    ]

    assert codes == [303] * 5 + [429] * 2


def test_nobody_has_a_mailbox_flooded_by_free_orders(
    shop: Shop, limited: Flask, make: Factory
) -> None:
    product = make.product(price=Money(0))
    codes = []
    for turn in range(22):
        # From another place each time: the address alone is counted, however it is written.
        browser = limited.test_client()
        browser.environ_base["REMOTE_ADDR"] = f"10.0.0.{turn}"
        fill_cart(browser, product)
        name = " VICTIM" if turn % 2 else "victim"
        codes.append(place(browser, email=f"{name}@example.com").status_code)

    assert codes == [303] * 20 + [429] * 2
    assert len(orders(shop)) == 20


def test_one_address_does_not_use_up_the_turns_of_another(limited: Flask, make: Factory) -> None:
    product = make.product(price=Money(0))
    codes = []
    for turn in range(21):
        browser = limited.test_client()
        browser.environ_base["REMOTE_ADDR"] = f"10.0.1.{turn}"
        fill_cart(browser, product)
        codes.append(place(browser, email=f"buyer{turn}@example.com").status_code)

    assert codes == [303] * 21
