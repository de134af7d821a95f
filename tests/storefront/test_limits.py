"""Limits on what one browser may ask in a minute, with Redis and without."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.web import limiter
from tests.support.factories import Factory

SignIn = Callable[[FlaskClient, User], None]
Limited = Callable[[str], Flask]


@pytest.fixture
def limited(shop: Shop) -> Iterator[Limited]:
    """A web face whose limits are on, and forgotten before: limited(redis_url)."""
    for key in shop.redis.scan_iter("*limits*"):
        shop.redis.delete(key)

    def build(redis_url: str) -> Flask:
        settings = dataclasses.replace(shop.settings, environment="demo", redis_url=redis_url)
        app = create_app(dataclasses.replace(shop, settings=settings))
        app.config["WTF_CSRF_ENABLED"] = False
        return app

    yield build
    limiter.enabled = False


def begin_until_refused(client: FlaskClient) -> int:
    for times in range(130):
        answer = client.post("/en/sign-in/discord")
        if answer.status_code == 429:
            assert "Retry-After" in answer.headers
            assert "Wait a minute" in answer.text
            return times
        assert answer.status_code == 303
    raise AssertionError("never refused")


def test_the_121st_attempt_to_sign_in_within_a_minute_is_refused(
    limited: Limited, shop: Shop
) -> None:
    assert begin_until_refused(limited(shop.settings.redis_url).test_client()) == 120


def test_limits_hold_in_memory_while_redis_is_away(limited: Limited) -> None:
    client = limited("redis://127.0.0.1:1/0").test_client()

    assert client.get("/en/sign-in").status_code == 200
    assert begin_until_refused(client) <= 120


def test_neighbours_behind_one_address_are_counted_apart(
    limited: Limited, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    app = limited(shop.settings.redis_url)
    one, other = app.test_client(), app.test_client()
    sign_in(one, make.user())
    sign_in(other, make.user())

    def ask(client: FlaskClient) -> int:
        return client.post("/checkout", data={}).status_code

    assert [ask(one) for _ in range(21)][-1] == 429
    assert ask(other) != 429
