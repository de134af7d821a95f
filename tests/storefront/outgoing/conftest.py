"""Staff, a receiver that forgets, and a shop whose clock a test moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.receiving import Receiver


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user(role="admin", display_name="Mali")


@pytest.fixture
def receiver(sandbox: RunningSandbox) -> Iterator[Receiver]:
    running = Receiver(sandbox)
    running.forget()
    yield running
    running.forget()


class Hands:
    """A clock whose hands a test turns."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, wait: timedelta) -> None:
        self.now += wait


@pytest.fixture
def hands(shop: Shop) -> Hands:
    return Hands(shop.clock())


@pytest.fixture
def timed(shop: Shop, hands: Hands) -> Shop:
    return dataclasses.replace(shop, clock=hands)
