"""A shop with money in it: sales, refunds and disputes at the gateway's stand-in, booked as the
shop books them; and the means to spoil the books."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import requests
import stripe
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.disputes.flow import refresh_disputes
from storefront.kit.clock import fixed_clock
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.payments.models import Payment
from storefront.reconciliation.flow import reconcile
from storefront.reconciliation.models import Difference, ReconciliationRun
from storefront.reconciliation.service import start_run
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.flow import refresh_refunds, refund_order, refund_payment
from storefront.refunds.models import Destination, LicenseRule, Refund
from storefront.sandbox.serve import RunningSandbox
from tests.support.emptying import empty
from tests.support.factories import Factory

GUARDED = ("ledger_accounts", "ledger_entries", "ledger_postings", "wallet_lots")
# Old enough to be compared: both sides had their time.
LATER = timedelta(hours=2)


@contextmanager
def opened_books(shop: Shop, make: Factory, sandbox: RunningSandbox) -> Iterator[Books]:
    """The books of an empty shop, with a gateway on its first day: other tests were paid there
    too. What was spoiled is thrown away before the invariants are checked."""
    requests.post(f"{sandbox.url}/control/stripe/forget", timeout=10).raise_for_status()
    books = Books(shop, make, sandbox)
    try:
        yield books
    finally:
        requests.post(f"{sandbox.url}/control/stripe/reset", timeout=10).raise_for_status()
        if books.is_untidy:
            empty(shop.database)


class Books:
    """What a test does to the shop's books and to the gateway's."""

    def __init__(self, shop: Shop, make: Factory, sandbox: RunningSandbox) -> None:
        self.shop = shop
        self.make = make
        self.sandbox = sandbox
        self.staff = make.user(role="admin", email="mali@example.com")
        # Set by whatever writes past the shop's own services.
        self.is_untidy = False
        self.stripe = stripe.StripeClient(
            sandbox.stripe_secret_key,
            base_addresses={"api": sandbox.stripe_url},
            max_network_retries=0,
        )

    # --- what a shop lives from -------------------------------------------------------------

    def sell(self, price: Money = baht(490), *, method: str = "stripe") -> Payment:
        """One order, paid at the gateway and delivered."""
        user = self.make.user()
        self.make.cart(user, (self.make.product(price=price), 1))
        order_id = flow.place_order(
            self.shop,
            user_id=user.id,
            method=PaymentMethod(method),
            expected_total=price,
            idempotency_key=str(new_id()),
            locale="en",
        ).order_id
        payment = self.payment_of(order_id)
        self.act(payment.gateway_session_id, "pay" if method == "stripe" else "succeed")
        flow.refresh_order(self.shop, order_id)
        return self.payment_of(order_id)

    def top_up(self, amount: Money = baht(300), user: User | None = None) -> Payment:
        """Money put into a wallet by card."""
        user = user or self.make.user()
        flow.start_topup(
            self.shop, user_id=user.id, amount=amount, idempotency_key=str(new_id()), locale="en"
        )
        with self.shop.database.reading() as session:
            payment = session.scalars(select(Payment).where(Payment.user_id == user.id)).one()
        self.act(payment.gateway_session_id, "pay")
        flow.refresh_payment(self.shop, payment.id)
        return self.payment_of(payment.subject_id)

    def payment_of(self, subject_id: UUID) -> Payment:
        """The payment of an order or top-up as it stands."""
        with self.shop.database.reading() as session:
            return session.scalars(select(Payment).where(Payment.subject_id == subject_id)).one()

    def refund(self, payment: Payment) -> Refund:
        """Give all of an order back the way it was paid."""
        with self.shop.database.reading() as session:
            lines = session.scalars(
                select(OrderLine).where(OrderLine.order_id == payment.subject_id)
            ).all()
        refund_order(
            self.shop,
            payment.subject_id,
            OrderRefundDraft(
                lines={line.id: line.paid for line in lines},
                destination=Destination.GATEWAY,
                licenses=LicenseRule.REVOKE,
                reason="Not what they need",
                idempotency_key=str(new_id()),
            ),
            actor_id=self.staff.id,
        )
        return self.refund_of(payment)

    def send_back(self, payment: Payment, amount: Money) -> Refund:
        """Give back a part of a top-up."""
        draft = WalletRefundDraft(
            amount=amount, reason="Changed their mind", idempotency_key=str(new_id())
        )
        refund_payment(self.shop, payment.id, draft, actor_id=self.staff.id)
        return self.refund_of(payment)

    def refund_of(self, payment: Payment) -> Refund:
        """The one refund of a payment."""
        with self.shop.database.reading() as session:
            return session.scalars(select(Refund).where(Refund.payment_id == payment.id)).one()

    def fail_refund(self, refund: Refund) -> None:
        """The buyer's bank sends a refund back."""
        assert refund.payment_id
        self.act(refund.gateway_refund_id, "fail")
        refresh_refunds(self.shop, refund.payment_id)

    def dispute(self, payment: Payment) -> str:
        """The card holder's bank takes the money back; 150 baht of a fee go with it. The id of
        the dispute at the gateway."""
        gateway_dispute_id: str = self.act(payment.gateway_payment_id, "dispute")["id"]
        refresh_disputes(self.shop, payment.id)
        return gateway_dispute_id

    def decide(self, payment: Payment, gateway_dispute_id: str, verdict: str) -> None:
        """The bank decides: won or lost."""
        self.act(gateway_dispute_id, verdict)
        refresh_disputes(self.shop, payment.id)

    def post(
        self,
        session: Session,
        kind: PostingKind,
        reference: str,
        amount: Money,
        against: AccountKind,
    ) -> None:
        """Book one amount on the gateway account and its opposite on another."""
        post_entries(
            session,
            kind=kind,
            reference=reference,
            legs=[Leg(AccountKind.GATEWAY, amount), Leg(against, -amount)],
            now=self.shop.clock(),
        )

    # --- trouble ----------------------------------------------------------------------------

    def act(self, object_id: str | None, verb: str, **values: object) -> Any:
        """Let the buyer, a bank or Stripe do something with one of its objects."""
        assert object_id
        kinds = {"pi": "payment_intents", "cs": "sessions", "du": "disputes", "txn": "movements"}
        kind = kinds.get(object_id.split("_")[0], "refunds")
        return self.control(f"stripe/{kind}/{object_id}/{verb}", **values)

    def control(self, path: str, **values: object) -> Any:
        """Turn one of the sandbox's levers."""
        answer = requests.post(f"{self.sandbox.url}/control/{path}", json=values, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def movements(self) -> list[Any]:
        """What Stripe lists now."""
        return list(self.stripe.v1.balance_transactions.list({"limit": 100}).data)

    def corrupt(self, *statements: str, **values: Any) -> None:
        """Change the tables behind the back of the triggers that guard them."""
        self.is_untidy = True
        with self.shop.database.transaction() as session:
            for table in GUARDED:
                session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for statement in statements:
                changed: Any = session.execute(text(statement), values)
                assert changed.rowcount, f"this spoils nothing: {statement}"
            for table in GUARDED:
                session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))

    # --- reconciling ------------------------------------------------------------------------

    def at(self, ahead: timedelta = LATER) -> Shop:
        """The same shop some hours later."""
        return dataclasses.replace(self.shop, clock=fixed_clock(self.shop.clock() + ahead))

    def begin(self, ahead: timedelta = LATER) -> UUID:
        """A run that staff began, not made yet."""
        with self.shop.database.transaction() as session:
            return start_run(session, actor_id=self.staff.id, now=self.at(ahead).clock())

    def reconcile(self, ahead: timedelta = LATER) -> ReconciliationRun:
        """Compare everything, some hours later."""
        run_id = self.begin(ahead)
        reconcile(self.at(ahead), run_id)
        return self.run(run_id)

    def run(self, run_id: UUID) -> ReconciliationRun:
        """A run as it stands."""
        with self.shop.database.reading() as session:
            return session.get_one(ReconciliationRun, run_id)

    def open(self) -> Sequence[Difference]:
        """What differs and is not resolved."""
        with self.shop.database.reading() as session:
            return session.scalars(
                select(Difference)
                .where(Difference.resolved_at.is_(None))
                .order_by(Difference.check_code, Difference.subject_id)
            ).all()

    def codes(self) -> list[str]:
        """The codes of it."""
        return [one.check_code for one in self.open()]

    def only(self) -> Difference:
        """The one difference there is."""
        (difference,) = self.open()
        return difference
