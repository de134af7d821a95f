"""A shop at an in-process bank, and everything people and jobs do with its money, one call each.

What the shop refuses by its own rules is an answer and not an error; so is an answer of the bank
that was lost on the way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from jobs.bonus import expire_bonuses
from jobs.payments import sweep_payments
from jobs.refunds import sweep_refunds
from jobs.tasks import TASKS
from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.cart.rules import CartOwner
from storefront.checkout import flow
from storefront.checkout.quotes import find_quote
from storefront.checkout.webhooks import apply_webhook
from storefront.db import Database
from storefront.errors import DomainError
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import LedgerPosting, Pot
from storefront.licenses.models import License
from storefront.licenses.usage_models import LicenseEvent
from storefront.orders.models import Order, OrderLine, PaymentMethod
from storefront.outbox import OutboxMessage
from storefront.payments.models import Payment, WebhookEvent, WebhookState
from storefront.payments.service import receive_event
from storefront.providers.payments import PayBy
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.flow import refund_order, refund_payment
from storefront.refunds.models import Destination, LicenseRule
from storefront.renewals.wishes import want_offer
from storefront.wallet.adjustments import AdjustmentDraft, adjust_wallet
from storefront.wallet.models import TopUpPackage
from tests.support.bank import Bank
from tests.support.factories import Factory
from tests.support.ladder import Shelf

# Late enough that whatever the database dates by its own clock lies in the past.
START = datetime(2040, 1, 1, 9, tzinfo=UTC)
MONEY_TASKS = (
    "send_refund",
    "refresh_refunds",
    "refresh_payment",
    "close_overdue_payment",
    "close_overdue_order",
)


class Till:
    """Two buyers, one of staff, a small shelf, two packages and three codes."""

    def __init__(self, shop: Shop) -> None:
        self.now = START
        self.bank = Bank(self.clock)
        self.refusals: list[str] = []
        self.shop = dataclasses.replace(
            shop,
            gateway=self.bank,
            clock=self.clock,
            # Nobody listens to the bell here: what lies in the outbox is run by `work`.
            database=Database(shop.database.engine, on_enqueued=lambda _ids: None),
        )
        self.make = Factory(self.shop.database)
        self._posted: dict[str, UUID] = {}
        self._stock_up()

    def clock(self) -> datetime:
        return self.now

    def _stock_up(self) -> None:
        self.staff = self.make.user(role=Role.ADMIN)
        self.buyers = [self.make.user(), self.make.user()]
        shelf = self.make.category()
        self.products = [
            self.make.product(price=price, stock=stock, category_id=shelf.id)
            for price, stock in ((baht(300), 5), (Money(3_333), -1), (baht(11), -1))
        ]
        self.ladder = Shelf(self.make, category_id=shelf.id)
        self.make.promo("TENTH", total_limit=4, per_customer_limit=3)
        self.make.promo("TWENTY", kind="fixed", value=2_000)
        self.make.promo("GIFT", kind="percent", value=10_000, total_limit=2)
        self.packages = [
            TopUpPackage(
                name_th="x", name_en="x", amount_satang=paid, bonus_satang=bonus, bonus_days=days
            )
            for paid, bonus, days in ((50_000, 7_777, 5), (20_000, 2_000, None))
        ]
        with self.shop.database.transaction() as session:
            session.add_all(self.packages)

    # --- buyers -----------------------------------------------------------------------------

    def order(
        self,
        buyer: User,
        lines: Sequence[tuple[int, int]],
        *,
        method: PaymentMethod,
        code: str | None,
        wallet_share: int,
    ) -> None:
        """Fill the cart anew and send the checkout; the wallet pays `wallet_share` percent of what
        the gateway could leave to it."""
        self.make.cart(
            buyer, *((self.products[index], units) for index, units in lines), promo_code=code
        )
        self._check_out(buyer, method=method, wallet_share=wallet_share)

    def buy_a_key(self, buyer: User, *, method: PaymentMethod) -> None:
        """One that ends after a month, so that more can be bought for it."""
        self.make.cart(buyer, (self.ladder.product, 1))
        self._check_out(buyer, method=method, wallet_share=0)

    def buy_for_a_key(
        self, pick: int, tier: int, *, method: PaymentMethod, code: str | None
    ) -> None:
        """More time for one of the keys that end, or a higher tier for it."""
        with self.shop.database.reading() as session:
            keys = session.execute(
                select(License.id, License.user_id)
                .where(License.product_id == self.ladder.product.id)
                .order_by(License.id)
            ).all()
        if not keys:
            return
        key, owner_id = keys[-1 - pick % len(keys)]
        buyer = next(one for one in self.buyers if one.id == owner_id)
        self.make.cart(buyer, promo_code=code)
        with self._refusable() as met, self.shop.database.transaction() as session:
            want_offer(
                session,
                key,
                variant_id=(self.ladder.month, self.ladder.year, self.ladder.ever)[tier],
                user_id=owner_id,
                now=self.now,
            )
        if not met:
            self._check_out(buyer, method=method, wallet_share=0)

    def _check_out(self, buyer: User, *, method: PaymentMethod, wallet_share: int) -> None:
        with self.shop.database.reading() as session:
            quote = find_quote(session, CartOwner.member(buyer.id), now=self.now)
        assert quote is not None
        part = Money(quote.total.satang * wallet_share // 100) if method.is_gateway else Money(0)
        with self._refusable():
            flow.place_order(
                self.shop,
                user_id=buyer.id,
                method=method,
                expected_total=quote.total,
                idempotency_key=str(new_id()),
                locale="en",
                wallet_part=part,
            )

    def top_up(
        self, buyer: User, amount: Money, *, pay_by: PayBy, package: TopUpPackage | None
    ) -> None:
        with self._refusable():
            flow.start_topup(
                self.shop,
                user_id=buyer.id,
                amount=package.amount if package else amount,
                idempotency_key=str(new_id()),
                locale="en",
                pay_by=pay_by,
                package_id=package.id if package else None,
            )

    def come_back(self, payment: Payment) -> None:
        """The redirect of one's own payment."""
        with self._refusable():
            flow.refresh_payment(self.shop, payment.id)

    def cancel(self, order: Order) -> None:
        with self._refusable():
            flow.cancel_order(self.shop, order.id, user_id=order.user_id)

    def try_again(self, order: Order) -> None:
        with self._refusable():
            flow.resume_payment(self.shop, order.id, user_id=order.user_id)

    # --- staff ------------------------------------------------------------------------------

    def refund_order(
        self, order: Order, percents: Sequence[int], to: Destination, licenses: LicenseRule
    ) -> None:
        """Give back so many percent of what is left of each line."""
        with self.shop.database.reading() as session:
            lines = session.scalars(select(OrderLine).where(OrderLine.order_id == order.id)).all()
        wanted = {
            line.id: Money(
                (line.paid - line.refunded).satang * percents[index % len(percents)] // 100
            )
            for index, line in enumerate(lines)
        }
        draft = OrderRefundDraft(
            lines=wanted,
            destination=to,
            licenses=licenses,
            reason="asked for it",
            idempotency_key=str(new_id()),
        )
        with self._refusable():
            refund_order(self.shop, order.id, draft, actor_id=self.staff.id)

    def refund_payment(self, payment: Payment, percent: int) -> None:
        amount = Money(payment.refundable.satang * percent // 100)
        draft = WalletRefundDraft(amount=amount, reason="why", idempotency_key=str(new_id()))
        with self._refusable():
            refund_payment(self.shop, payment.id, draft, actor_id=self.staff.id)

    def adjust(self, buyer: User, pot: Pot, amount: Money, *, days: int | None) -> None:
        gives_bonus = pot is Pot.BONUS and amount > Money(0)
        ends = self.now + timedelta(days=days) if days and gives_bonus else None
        draft = AdjustmentDraft(pot=pot, amount=amount, reason="why", expires_at=ends)
        with self._refusable(), self.shop.database.transaction() as session:
            adjust_wallet(
                session,
                buyer.id,
                draft,
                actor_id=self.staff.id,
                idempotency_key=str(new_id()),
                now=self.now,
            )

    # --- post and jobs ----------------------------------------------------------------------

    def deliver(self, index: int) -> None:
        """Bring one of the bank's events, a new one or one that was brought before."""
        event = self.bank.events[index]
        with self.shop.database.transaction() as session:
            receive_event(session, source="stripe", event=event)
        if event.event_id not in self._posted:
            with self.shop.database.reading() as session:
                self._posted[event.event_id] = session.scalars(
                    select(WebhookEvent.id).where(WebhookEvent.event_id == event.event_id)
                ).one()
        with self._refusable():
            apply_webhook(self.shop, self._posted[event.event_id])

    def undelivered(self) -> list[int]:
        """The events that were never brought, or whose application was cut off."""
        with self.shop.database.reading() as session:
            done = set(
                session.scalars(
                    select(WebhookEvent.event_id).where(WebhookEvent.state != WebhookState.RECEIVED)
                )
            )
        return [n for n, event in enumerate(self.bank.events) if event.event_id not in done]

    def sweep(self) -> None:
        """What the schedule does every minute, and the work that comes of it."""
        sweep_payments(self.shop)
        sweep_refunds(self.shop)
        self.work()

    def expire_bonus(self) -> None:
        expire_bonuses(self.shop)

    def work(self) -> None:
        """Run what the outbox holds about money. What fails stays for the next time."""
        with self.shop.database.reading() as session:
            messages = session.scalars(
                select(OutboxMessage)
                .where(OutboxMessage.task.in_(MONEY_TASKS), OutboxMessage.state == "pending")
                .order_by(OutboxMessage.id)
            ).all()
        for message in messages:
            with self._refusable() as outcome:
                TASKS[message.task](self.shop, message.payload)
            if outcome == []:
                with self.shop.database.transaction() as session:
                    session.get_one(OutboxMessage, message.id).state = "done"

    # --- what there is ----------------------------------------------------------------------

    def payments(self) -> Sequence[Payment]:
        return self._all(Payment)

    def orders(self) -> Sequence[Order]:
        return self._all(Order)

    def order_of(self, payment_id: str) -> Order | None:
        """The order a payment is for; None for a top-up."""
        with self.shop.database.reading() as session:
            return session.scalar(
                select(Order)
                .join(Payment, Payment.subject_id == Order.id)
                .where(Payment.id == UUID(payment_id))
            )

    def bookings(self) -> dict[str, int]:
        """How many postings there are of each kind."""
        with self.shop.database.reading() as session:
            rows = session.execute(
                select(LedgerPosting.kind, func.count()).group_by(LedgerPosting.kind)
            ).all()
        return {row[0]: row[1] for row in rows}

    def deeds(self) -> dict[str, int]:
        """How often what happened to a key."""
        with self.shop.database.reading() as session:
            rows = session.execute(
                select(LicenseEvent.action, func.count()).group_by(LicenseEvent.action)
            ).all()
        return {row[0]: row[1] for row in rows}

    def _all(self, model: type[Any]) -> Sequence[Any]:
        with self.shop.database.reading() as session:
            return session.scalars(select(model).order_by(model.id)).all()

    @contextmanager
    def _refusable(self) -> Iterator[list[str]]:
        """Refusals are written down; whatever else goes wrong is raised."""
        met: list[str] = []
        try:
            yield met
        except DomainError as refusal:
            met.append(refusal.code)
            self.refusals.append(refusal.code)
