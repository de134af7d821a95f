"""What people do with their money in a shop whose processes die. Everybody is patient: a form that
was not taken is sent again, with the same key."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

import requests
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.orders.models import Order, OrderLine, OrderState
from storefront.payments.models import Payment, PaymentState
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.flow import refund_order, refund_payment
from storefront.refunds.models import Destination, LicenseRule
from storefront.refunds.service import request_order_refund
from storefront.wallet.models import TopUp
from tests.faults.buyer import RenderedForm
from tests.faults.patience import SETTLED_SECONDS
from tests.faults.town import Town

T = TypeVar("T")
Deed = Callable[[], object]
Refunding = Callable[..., object]
PATIENCE_SECONDS = SETTLED_SECONDS
OWNER_NAME = "mali"


class Trade:
    """One test's buying and giving back, and what it has to come to in the end. A plan is made in
    peace; the deed it returns is then done while anything may die."""

    def __init__(self, town: Town, dice: random.Random) -> None:
        self.town = town
        self.dice = dice
        self.bought: list[UUID] = []
        self.called_off: list[UUID] = []
        self.topped_up: list[UUID] = []
        self.given_back: set[UUID] = set()
        self.disputed: set[UUID] = set()

    # --- buying -----------------------------------------------------------------------------

    def plan_wallet_purchase(self) -> Deed:
        """An order that the wallet pays."""
        form = self.town.fill_cart()
        return lambda: self.bought.append(self._place(form, "balance", part=False))

    def plan_purchase(self, method: str, *, part: bool) -> Deed:
        """An order by card ("stripe") or PromptPay, the wallet paying half of it or nothing."""
        form = self.town.fill_cart()

        def buy() -> None:
            order_id = self._place(form, method, part=part)
            self.pay(order_id)
            self.bought.append(order_id)

        return buy

    def plan_second_thoughts(self) -> Deed:
        """An order is placed, the wallet's part set aside, and called off."""
        form = self.town.fill_cart()

        def call_off() -> None:
            order_id = self._place(form, "promptpay", part=True)
            end = self.patiently(lambda: self.town.buyer.open_order(order_id, "cancellation"))
            while self._state_of(order_id) != OrderState.CANCELLED:
                self.town.buyer.insist(end)
            self.called_off.append(order_id)

        return call_off

    def plan_topup(self, pay_by: str) -> Deed:
        """A top-up by "card" or "promptpay"."""
        form = self.town.buyer.open_wallet()
        amount = self.dice.choice(("100", "250.50", "500"))

        def top_up() -> None:
            self.town.buyer.insist(form, pay_by=pay_by, amount=amount, package="")
            topup_id = self.patiently(lambda: self._topup_of(form))
            self.pay(topup_id)
            self.topped_up.append(topup_id)

        return top_up

    def pay(self, subject_id: UUID) -> None:
        """At Stripe; the buyer never comes back to the shop."""
        payment = self.patiently(lambda: self._opened(subject_id))
        self.patiently(lambda: self.town.pay_at_stripe(payment.gateway_session_id or ""))

    # --- giving back ------------------------------------------------------------------------

    def plan_order_refund(self, to: Destination, *, by: Refunding = refund_order) -> Deed:
        """All or a third of an order that was paid and not given back yet."""
        order_id = self._untouched(self.bought)
        if order_id is None:
            return self.plan_wallet_purchase()
        with self.town.shop.database.reading() as session:
            line = session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one()
        draft = OrderRefundDraft(
            lines={line.id: self.dice.choice((line.paid, Money(line.paid.satang // 3)))},
            destination=to,
            licenses=LicenseRule.REVOKE,
            reason="storm",
            idempotency_key=str(new_id()),
        )
        self.given_back.add(order_id)
        refund = partial(by, self.town.shop, order_id, draft, actor_id=self._owner().id)
        return lambda: self.patiently(refund)

    def plan_topup_refund(self) -> Deed:
        """A top-up goes back where it came from, if it is still there."""
        topup_id = self._untouched(self.topped_up)
        if topup_id is None:
            return self.plan_topup("card")
        payment, staff_id = self.town.payments_of(topup_id)[-1], self._owner().id
        draft = WalletRefundDraft(
            amount=payment.amount, reason="storm", idempotency_key=str(new_id())
        )
        self.given_back.add(topup_id)

        def refund() -> None:
            try:
                refund_payment(self.town.shop, payment.id, draft, actor_id=staff_id)
            except Conflict as refusal:
                # The money is spent by now: said no, and nothing done.
                if refusal.code not in ("balance_too_low", "refund_eaten_by_bonus"):
                    raise

        return lambda: self.patiently(refund)

    def plan_chargeback(self) -> Deed:
        """A card's bank takes the money of an order or a top-up, and decides at once."""
        subject_id = self._untouched([*self.bought, *self.topped_up], pay_by="card")
        if subject_id is None:
            return self.plan_purchase("stripe", part=False)
        intent_id = self.town.payments_of(subject_id)[-1].gateway_payment_id or ""
        outcome = self.dice.choice(("won", "lost"))
        self.disputed.add(subject_id)
        return lambda: self.patiently(lambda: self.town.charge_back(intent_id, outcome))

    def _place(self, form: RenderedForm, method: str, *, part: bool) -> UUID:
        half = str(form.total_satang // 2) if part else ""
        self.town.buyer.insist(form, method=method, wallet_part=half)
        (order,) = self.patiently(lambda: self.town.orders_with(form))
        return order.id

    # --- in the end -------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything that was acknowledged has come about, once."""
        for order_id in self.bought:
            self.town.wait(
                "the order is delivered", partial(self._is_paid, order_id), seconds=SETTLED_SECONDS
            )
        for topup_id in self.topped_up:
            credited = partial(self._is_credited, topup_id)
            self.town.wait("the top-up is credited", credited, seconds=SETTLED_SECONDS)
        self.town.wait_idle(seconds=SETTLED_SECONDS)
        untouched = [one for one in self.bought if one not in self.given_back | self.disputed]
        for order_id in self.bought:
            assert self.town.licenses_of(order_id) == 1
        for order_id in untouched:
            # The moment between the mail server's yes and our note of it may send a mail again,
            # under the same Message-ID: for whoever receives it that is one mail.
            assert len(set(self.town.mails_about(order_id))) == 1
        self.town.counts["orders bought"] += len(self.bought)
        self.town.counts["orders called off"] += len(self.called_off)
        self.town.counts["top-ups"] += len(self.topped_up)
        self.town.counts["refunds"] += len(self.given_back)
        self.town.counts["chargebacks"] += len(self.disputed)

    def patiently(self, do: Callable[[], T]) -> T:
        """Again and again, while whatever it needs is down."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return do()
            except (SQLAlchemyError, requests.RequestException, NotYet):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _untouched(self, subjects: list[UUID], *, pay_by: str | None = None) -> UUID | None:
        """One that was paid, in the way that is asked for, and neither given back nor disputed.
        Waits until the shop has heard of the payment of one, if there is any to wait for."""
        touched = self.given_back | self.disputed
        untouched = [one for one in subjects if one not in touched and self._is_by(one, pay_by)]

        def paid() -> list[UUID]:
            found = [one for one in untouched if self._was_paid(one)]
            if untouched and not found:
                raise NotYet("the shop has not heard of the money yet")
            return found

        found = self.patiently(paid)
        return self.dice.choice(found) if found else None

    def _is_by(self, subject_id: UUID, pay_by: str | None) -> bool:
        payments = self.patiently(lambda: self.town.payments_of(subject_id))
        return pay_by is None or any(one.pay_by == pay_by for one in payments)

    def _was_paid(self, subject_id: UUID) -> bool:
        payments = self.town.payments_of(subject_id)
        return not payments or any(one.state == PaymentState.SUCCEEDED for one in payments)

    def _opened(self, subject_id: UUID) -> Payment:
        """The payment once the gateway has a page or a code for it; an order whose first try came
        to nothing is opened again by its own page."""
        payments = self.town.payments_of(subject_id)
        if payments and payments[-1].gateway_session_id:
            return payments[-1]
        form = self.town.buyer.open_order(subject_id, "payments")
        self.town.buyer.insist(form)
        raise NotYet("the page is not open")

    def _topup_of(self, form: RenderedForm) -> UUID:
        with self.town.shop.database.reading() as session:
            return session.scalars(select(TopUp.id).where(TopUp.idempotency_key == form.key)).one()

    def _state_of(self, order_id: UUID) -> str:
        def read() -> str:
            with self.town.shop.database.reading() as session:
                return session.get_one(Order, order_id).state

        return self.patiently(read)

    def _is_paid(self, order_id: UUID) -> bool:
        with self.town.shop.database.reading() as session:
            return session.get_one(Order, order_id).completed_at is not None

    def _is_credited(self, topup_id: UUID) -> bool:
        with self.town.shop.database.reading() as session:
            return session.get_one(TopUp, topup_id).completed_at is not None

    def _owner(self) -> User:
        with self.town.shop.database.reading() as session:
            return session.scalars(select(User).where(User.username == OWNER_NAME)).one()


def decide_refund(shop: Shop, order_id: UUID, draft: OrderRefundDraft, *, actor_id: UUID) -> None:
    """Decide a refund and die before it is sent: that is left to the worker."""
    with shop.database.transaction() as session:
        request_order_refund(session, order_id, draft, actor_id=actor_id, now=shop.clock())


class NotYet(Exception):
    """What is waited for has not come yet."""
