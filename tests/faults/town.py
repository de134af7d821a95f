"""A running shop, its outside world and its database, in the hands of a fault test."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

import requests
from redis import RedisError
from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.cart.models import Cart, CartLine
from storefront.catalog.models import Product, ProductStatus, Variant
from storefront.kit.money import Money
from storefront.licenses.models import License
from storefront.orders.models import Order, OrderLine, OrderState
from storefront.outbox import MessageState, OutboxMessage
from storefront.payments.models import Payment
from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.process import kill_group, wait_until
from storefront.wallet.queries import find_balance
from tests.faults.buyer import Buyer, RenderedForm
from tests.faults.patience import HANG_SECONDS
from tests.support.factories import Factory

BUYER_NAME = "somchai"


class Town:
    """What a test does to it, and what it can see of it."""

    def __init__(self, stack: DemoStack, shop: Shop, buyer: Buyer, *, counts: Counter[str]) -> None:
        self.stack = stack
        self.shop = shop
        self.buyer = buyer
        self.counts = counts

    # --- trouble ----------------------------------------------------------------------------

    def kill(self, name: str) -> int:
        """kill -9, the web server's workers too; the process id it had. Whoever is down by itself
        just now, because of an earlier kill, is waited for."""
        self.stack.wait_running(name)
        pid = self.stack.kill(name)
        if name == "web":
            kill_group(pid)
        self.counts[f"{name} killed"] += 1
        return pid

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        """It takes connections and says nothing, until the end of the block."""
        pid = self.stack.pid_of(name)
        os.kill(pid, signal.SIGSTOP)
        self.counts[f"{name} silenced"] += 1
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def worker_alone(self) -> Iterator[None]:
        """Nothing is swept until the end of the block: what is run is run by the worker, however
        slow that is, and a kill of it hits what it has in hand."""
        with self.silent("scheduler"):
            yield

    @contextmanager
    def silent_mail_server(self) -> Iterator[None]:
        """It takes mails and does not say yes, until the end of the block."""
        self._control("mail", {"delay_ms": 60_000})
        self.counts["mail server silenced"] += 1
        try:
            yield
        finally:
            self._control("mail", {"delay_ms": 0})

    def slow_stripe(self, milliseconds: int) -> None:
        """Every answer of Stripe's API takes so long from now on; 0 ends it."""
        self._control("stripe", {"delay_ms": milliseconds})

    def hang_stripe(
        self, call: str, *, after_effect: bool, seconds: float = HANG_SECONDS
    ) -> Callable[[], bool]:
        """The next such call of Stripe's API is answered so much later, before or after its effect;
        returns how to ask whether it hangs already."""
        known = {one["id"] for one in self._calls()}
        hang = {"match": call, "seconds": seconds, "after_effect": after_effect, "answers": True}
        self._control("stripe", {"fail_next": [hang]})
        return lambda: any(
            fnmatchcase(one["name"], call)
            and one["id"] not in known
            and one["has_effect"] is after_effect
            and not one["is_answered"]
            for one in self._calls()
        )

    def upset_stripe(self, dice: random.Random) -> None:
        """Answers that are slow, wrong or lost; events that come late, twice and in any order."""
        faults = [
            {
                "match": dice.choice(("*", "POST *", "POST /v1/refunds", "GET *")),
                "times": dice.randint(1, 3),
                "after_effect": dice.random() < 0.5,
                **dice.choice(({"status": 500}, {"status": 429}, {"seconds": 0.3})),
            }
            for _ in range(dice.randint(0, 2))
        ]
        webhooks = {
            "duplicate": dice.randint(0, 2),
            "shuffle": dice.random() < 0.5,
            "jitter_ms": dice.choice((0, 1_500)),
            "delays": dice.choice(({}, {"checkout.session.*": 2_000}, {"charge.*": 1_000})),
        }
        self._control("stripe", {"jitter_ms": 150, "webhooks": webhooks, "fail_next": faults})

    def make_peace(self) -> None:
        """End all trouble that was asked for."""
        self._control("stripe/reset", {})

    def forget_limits(self) -> None:
        """So many checkouts a minute are nobody's habit; limits have tests of their own."""
        with suppress(RedisError):
            for key in self.shop.redis.scan_iter("*limits*"):
                self.shop.redis.delete(key)

    # --- the buyer --------------------------------------------------------------------------

    def fill_cart(self) -> RenderedForm:
        """Money into the wallet, the cheapest script alone into the cart, on to the checkout."""
        self.forget_limits()
        self._empty_cart()
        slug, price = self._cheapest()
        Factory(self.shop.database).wallet(self.user, price)
        return self.buyer.fill_cart(slug)

    def pay_card(self, pay_url: str) -> None:
        """Pay at Stripe; the buyer never comes back to the shop."""
        session_id = pay_url.rsplit("/", 1)[1]
        self._control(f"stripe/sessions/{session_id}/pay", {})

    def pay_at_stripe(self, object_id: str) -> None:
        """Pay a page by card, or transfer what a PromptPay code asks for. Raises HTTPError where
        Stripe is away; what is paid already is left alone."""
        kind, verb = (
            ("payment_intents", "succeed") if object_id.startswith("pi_") else ("sessions", "pay")
        )
        url = f"{self.stack.sandbox_url}/control/stripe/{kind}/{object_id}/{verb}"
        answer = requests.post(url, json={}, timeout=20)
        if answer.status_code != 400:
            answer.raise_for_status()

    def charge_back(self, intent_id: str, outcome: str) -> None:
        """A card's bank disputes a payment, and the case is "won" or "lost"."""
        base = f"{self.stack.sandbox_url}/control/stripe"
        opened = requests.post(f"{base}/payment_intents/{intent_id}/dispute", json={}, timeout=20)
        if opened.status_code == 400:
            return
        opened.raise_for_status()
        decided = requests.post(
            f"{base}/disputes/{opened.json()['id']}/{outcome}", json={}, timeout=20
        )
        decided.raise_for_status()

    # --- what can be seen -------------------------------------------------------------------

    @property
    def user(self) -> User:
        with self.shop.database.reading() as session:
            return session.scalars(select(User).where(User.username == BUYER_NAME)).one()

    def balance(self) -> int:
        """The buyer's wallet in satang."""
        with self.shop.database.reading() as session:
            return find_balance(session, self.user.id).satang

    def orders_with(self, form: RenderedForm) -> list[Order]:
        """The orders one rendering of the checkout has made: one, whatever happened."""
        with self.shop.database.reading() as session:
            return list(session.scalars(select(Order).where(Order.idempotency_key == form.key)))

    def payments_of(self, order_id: UUID) -> list[Payment]:
        """The payments of an order or top-up, the latest last."""
        with self.shop.database.reading() as session:
            return list(
                session.scalars(
                    select(Payment).where(Payment.subject_id == order_id).order_by(Payment.id)
                )
            )

    def licenses_of(self, order_id: UUID) -> int:
        with self.shop.database.reading() as session:
            return (
                session.scalar(
                    select(func.count(License.id))
                    .join(OrderLine, OrderLine.id == License.order_line_id)
                    .where(OrderLine.order_id == order_id)
                )
                or 0
            )

    def is_completed(self, order_id: UUID) -> bool:
        with self.shop.database.reading() as session:
            return session.get_one(Order, order_id).state == OrderState.COMPLETED

    def is_being_run(self, task: str) -> bool:
        """Whether a worker has such a message in hand now."""
        with self.shop.database.reading() as session:
            return bool(
                session.scalar(
                    select(func.count(OutboxMessage.id)).where(
                        OutboxMessage.task == task,
                        OutboxMessage.state == MessageState.PENDING,
                        OutboxMessage.leased_until > func.now(),
                    )
                )
            )

    def left_to_do(self) -> list[str]:
        """Every message that has not been run to its end, in words. The nightly reconciliation is
        left out: with Stripe away it waits for minutes, on purpose."""
        with self.shop.database.reading() as session:
            now = session.scalars(select(func.now())).one()
            left = session.scalars(
                select(OutboxMessage)
                .where(OutboxMessage.state != MessageState.DONE, OutboxMessage.task != "reconcile")
                .order_by(OutboxMessage.id)
            )
            return [_describe(one, now) for one in left]

    def mails_about(self, order_id: UUID) -> list[str]:
        """The Message-IDs of the mails in the buyer's inbox that speak of an order."""
        inbox = requests.get(f"{self.stack.sandbox_url}/inbox.json", timeout=20).json()
        return [
            dict(mail["headers"])["Message-ID"]
            for mail in inbox
            if str(order_id) in mail["text"] + (mail["html"] or "")
        ]

    def is_well(self) -> bool:
        """Whether every process runs, Stripe answers, and the shop calls itself healthy."""
        try:
            for name in ("web", "worker", "scheduler", "sandbox", "postgres", "valkey"):
                self.stack.pid_of(name)
            requests.get(f"{self.stack.sandbox_url}/control/stripe", timeout=5).raise_for_status()
            health = requests.get(f"{self.stack.url}/health", timeout=5).json()
        except (KeyError, requests.RequestException, ValueError):
            return False
        return bool(health["status"] == "ok")

    def database_answers(self) -> bool:
        try:
            return bool(self.user)
        except SQLAlchemyError:
            return False

    def wait_seconds(self, seconds: float) -> None:
        """Let time pass: where the moment of a fault is left to chance."""
        time.sleep(seconds)

    def wait(
        self, what: str, condition: Callable[[], object], *, seconds: float, pause: float = 0.1
    ) -> None:
        """Wait for a condition; raises AssertionError that names it."""
        assert wait_until(lambda: bool(condition()), seconds=seconds, pause=pause), (
            f"not in {seconds} s: {what}"
        )

    def wait_idle(self, *, seconds: float) -> None:
        """Wait until nothing is left to do; raises AssertionError that names what is."""
        if wait_until(lambda: not self.left_to_do(), seconds=seconds, pause=0.1):
            return
        left = self.left_to_do()
        assert not left, "\n".join([f"not in {seconds} s: nothing is left to do but", *left])

    def _calls(self) -> list[dict[str, Any]]:
        """The latest calls of Stripe's API."""
        answer = requests.get(f"{self.stack.sandbox_url}/control/stripe/calls", timeout=20)
        calls: list[dict[str, Any]] = answer.json()
        return calls

    def _cheapest(self) -> tuple[str, Money]:
        with self.shop.database.reading() as session:
            row = session.execute(
                select(Product.slug, Variant.price_satang)
                .join(Variant, Variant.product_id == Product.id)
                .where(
                    Product.status == ProductStatus.PUBLISHED,
                    Variant.stock == -1,
                    Variant.position == 0,
                    Variant.price_satang >= 2000,
                )
                .order_by(Variant.price_satang, Product.slug)
                .limit(1)
            ).one()
        return row.slug, Money(row.price_satang)

    def _empty_cart(self) -> None:
        """An order that was called off left its script there."""
        own = select(Cart.id).where(Cart.user_id == self.user.id)
        with self.shop.database.transaction() as session:
            session.execute(delete(CartLine).where(CartLine.cart_id.in_(own)))

    def _control(self, path: str, wanted: dict[str, object]) -> None:
        url = f"{self.stack.sandbox_url}/control/{path}"
        requests.post(url, json=wanted, timeout=20).raise_for_status()


def _describe(message: OutboxMessage, now: datetime) -> str:
    wait = (message.available_at - now).total_seconds()
    held = message.leased_until and (message.leased_until - now).total_seconds()
    lease = "" if held is None else f", leased for {held:.1f} s"
    return (
        f"  {message.task} {message.payload}: {message.state}, {message.attempts} attempts, due in"
        f" {wait:.1f} s{lease}; {message.last_error or 'no error'}"
    )
