"""Random histories of a shop's money: people buy, pay early, late or not at all, change their
minds; staff refund and adjust; banks dispute; events come in any order, twice, or much later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storefront.bootstrap import Shop
from storefront.kit.money import Money, baht
from storefront.ledger.models import Pot
from storefront.orders.models import PaymentMethod
from storefront.providers.payments import DisputeStatus, PayBy, RefundStatus
from storefront.refunds.models import Destination, LicenseRule
from tests.storefront.money.books import check_settled
from tests.support.bank import Attempt
from tests.support.till import Till

T = TypeVar("T")
# Which one of what there is, counted from the latest.
PICK = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5, 8, 13))
PERCENT = st.sampled_from((100, 100, 99, 50, 33, 1))
PERCENTS = st.just([100]) | st.lists(st.just(0) | PERCENT, min_size=1, max_size=3)
BUYER = st.sampled_from((0, 0, 0, 1))
CART = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 2)),
    min_size=1,
    max_size=3,
    unique_by=lambda t: t[0],
)
METHOD = st.sampled_from(
    (PaymentMethod.STRIPE, PaymentMethod.STRIPE, PaymentMethod.PROMPTPAY, PaymentMethod.BALANCE)
)
MOSTLY = st.sampled_from((True, True, True, False))
SHARE = st.sampled_from((0, 0, 30, 90))
GOOD_ENDS = (DisputeStatus.WON, DisputeStatus.CLOSED)
BAD_ENDS = (DisputeStatus.LOST, DisputeStatus.OPEN)
SPANS = tuple(timedelta(minutes=m) for m in (3, 3, 40, 2 * 24 * 60, 8 * 24 * 60))


class MoneyHistory(RuleBasedStateMachine):
    """One shop with two buyers."""

    shop: ClassVar[Shop]
    check: ClassVar[Callable[[], None]]
    empty: ClassVar[Callable[[], None]]
    met: ClassVar[Counter[str]]

    @initialize(package=st.sampled_from((0, 1, None)), method=METHOD, share=SHARE)
    def open_the_shop(self, package: int | None, method: PaymentMethod, share: int) -> None:
        """It begins with something to be fought about: a top-up and an order, both paid."""
        self.till = Till(self.shop)
        self.bank = self.till.bank
        self.top_up(0, baht(500), package, PayBy.CARD, pays=True)
        self.order(0, [(0, 1), (1, 2)], method, None, share, pays=True)
        self.buy_a_key(0, PaymentMethod.STRIPE, pays=True)

    # --- buyers -----------------------------------------------------------------------------

    @rule(
        buyer=BUYER,
        lines=CART,
        method=METHOD,
        code=st.sampled_from((None, None, "TENTH", "TWENTY", "TENTH", "GIFT")),
        wallet_share=SHARE,
        pays=st.booleans(),
    )
    def order(
        self,
        buyer: int,
        lines: list[tuple[int, int]],
        method: PaymentMethod,
        code: str | None,
        wallet_share: int,
        pays: bool,
    ) -> None:
        before = len(self.bank.attempts)
        self.till.order(
            self.till.buyers[buyer], lines, method=method, code=code, wallet_share=wallet_share
        )
        if pays and len(self.bank.attempts) > before:
            self.pay(0, hears=True)

    @rule(buyer=BUYER, method=METHOD, pays=MOSTLY)
    def buy_a_key(self, buyer: int, method: PaymentMethod, pays: bool) -> None:
        before = len(self.bank.attempts)
        self.till.buy_a_key(self.till.buyers[buyer], method=method)
        if pays and len(self.bank.attempts) > before:
            self.pay(0, hears=True)

    @rule(
        pick=PICK,
        tier=st.sampled_from((0, 0, 1, 2)),
        method=METHOD,
        code=st.sampled_from((None, None, "TENTH", "GIFT")),
        pays=MOSTLY,
    )
    def buy_for_a_key(
        self, pick: int, tier: int, method: PaymentMethod, code: str | None, pays: bool
    ) -> None:
        before = len(self.bank.attempts)
        self.till.buy_for_a_key(pick, tier, method=method, code=code)
        if pays and len(self.bank.attempts) > before:
            self.pay(0, hears=True)

    @rule(
        buyer=BUYER,
        amount=st.sampled_from((baht(20), Money(33_333), baht(1_000))),
        package=st.sampled_from((None, 0, 0, 1)),
        pay_by=st.sampled_from(PayBy),
        pays=MOSTLY,
    )
    def top_up(
        self, buyer: int, amount: Money, package: int | None, pay_by: PayBy, pays: bool
    ) -> None:
        before = len(self.bank.attempts)
        chosen = None if package is None else self.till.packages[package]
        self.till.top_up(self.till.buyers[buyer], amount, pay_by=pay_by, package=chosen)
        if pays and len(self.bank.attempts) > before:
            self.pay(0, hears=True)

    @rule(pick=PICK, hears=MOSTLY)
    def pay(self, pick: int, hears: bool) -> None:
        """In time, late, or again; the buyer may close the window and never come back."""
        unpaid = [one for one in self.bank.attempts if not one.captured]
        if attempt := self._one_of(unpaid or self.bank.attempts, pick):
            self.bank.pay(attempt)
            if hears:
                self._come_back(attempt)

    @precondition(lambda self: any(not one.captured for one in self.bank.attempts))
    @rule(pick=PICK, hears=MOSTLY, does=st.sampled_from(("decline", "cancel", "cancel", "retry")))
    def be_undecided(self, pick: int, hears: bool, does: str) -> None:
        """Declined, called off, or tried again."""
        attempt = self._one_of([one for one in self.bank.attempts if not one.captured], pick)
        assert attempt is not None
        order = self.till.order_of(attempt.request.payment_id)
        if does == "decline":
            self.bank.decline(attempt)
            if hears:
                self._come_back(attempt)
        elif order and does == "cancel":
            self.till.cancel(order)
        elif order:
            self.till.try_again(order)

    # --- staff ------------------------------------------------------------------------------

    @rule(
        pick=PICK,
        percents=PERCENTS,
        to=st.sampled_from(Destination),
        licenses=st.sampled_from((LicenseRule.REVOKE, LicenseRule.REVOKE, LicenseRule.KEEP)),
    )
    def refund_an_order(
        self, pick: int, percents: list[int], to: Destination, licenses: LicenseRule
    ) -> None:
        paid = [one for one in self.till.orders() if one.completed_at and one.total > one.refunded]
        if order := self._one_of(paid, pick):
            self.till.refund_order(order, percents, to, licenses)

    @precondition(lambda self: self._captured())
    @rule(pick=PICK, percent=PERCENT)
    def refund_a_payment(self, pick: int, percent: int) -> None:
        paid = [one for one in self.till.payments() if one.paid_at and one.refundable]
        if payment := self._one_of(paid, pick):
            self.till.refund_payment(payment, percent)

    @rule(
        buyer=BUYER,
        pot=st.sampled_from(Pot),
        amount=st.sampled_from((-30_000, -777, 777, 5_000, 30_000)),
        days=st.sampled_from((None, 1, 9)),
    )
    def adjust(self, buyer: int, pot: Pot, amount: int, days: int | None) -> None:
        self.till.adjust(self.till.buyers[buyer], pot, Money(amount), days=days)

    # --- banks ------------------------------------------------------------------------------

    @precondition(lambda self: any(one.refunds for one in self.bank.attempts))
    @rule(
        pick=PICK,
        index=st.integers(0, 2),
        status=st.sampled_from((RefundStatus.SUCCEEDED, RefundStatus.FAILED)),
    )
    def settle_a_refund(self, pick: int, index: int, status: RefundStatus) -> None:
        attempt = self._one_of([one for one in self.bank.attempts if one.refunds], pick)
        assert attempt is not None
        self.bank.settle_refund(attempt, index, status)

    @precondition(lambda self: self._captured())
    @rule(pick=PICK, percent=PERCENT)
    def refund_by_hand(self, pick: int, percent: int) -> None:
        attempt = self._one_of(self._captured(), pick)
        assert attempt is not None
        self.bank.refund_by_hand(attempt, Money(attempt.held.satang * percent // 100))

    @precondition(lambda self: any(one.is_card for one in self._captured()))
    @rule(
        pick=PICK,
        percent=st.sampled_from((100, 100, 40)),
        status=st.sampled_from((DisputeStatus.OPEN, DisputeStatus.OPEN, DisputeStatus.INQUIRY)),
    )
    def dispute(self, pick: int, percent: int, status: DisputeStatus) -> None:
        attempt = self._one_of([one for one in self._captured() if one.is_card], pick)
        assert attempt is not None
        self.bank.dispute(attempt, Money(attempt.captured.satang * percent // 100), status)

    @precondition(lambda self: any(one.dispute for one in self.bank.attempts))
    @rule(pick=PICK, likes_the_shop=st.booleans())
    def decide(self, pick: int, likes_the_shop: bool) -> None:
        """An inquiry is closed or becomes a dispute, a dispute is won or lost."""
        attempt = self._one_of([one for one in self.bank.attempts if one.dispute], pick)
        assert attempt is not None
        for status in GOOD_ENDS if likes_the_shop else BAD_ENDS:
            self.bank.decide(attempt, status)

    @rule(
        moments=st.lists(st.sampled_from(("before", "after", "")), max_size=3),
        card_refunds=st.sampled_from(RefundStatus),
    )
    def make_trouble(self, moments: list[str], card_refunds: RefundStatus) -> None:
        """Answers are lost, before or after their effect; refunds of cards come to something
        else."""
        self.bank.lose_next = list(moments)
        self.bank.card_refunds = card_refunds

    # --- post, clock and jobs ---------------------------------------------------------------

    @precondition(lambda self: self.bank.events)
    @rule(pick=PICK)
    def deliver(self, pick: int) -> None:
        """Any of the latest events, new or known."""
        self.till.deliver(len(self.bank.events) - 1 - pick % len(self.bank.events))

    @rule(order=st.sampled_from(("first to last", "last to first")))
    def deliver_the_rest(self, order: str) -> None:
        waiting = self.till.undelivered()
        for index in waiting if order == "first to last" else reversed(waiting):
            self.till.deliver(index)

    @rule(span=st.sampled_from(SPANS), runs=st.sampled_from(("sweep", "expiry", "nothing")))
    def pass_time(self, span: timedelta, runs: str) -> None:
        self.till.now += span
        if runs == "sweep":
            self.till.sweep()
        elif runs == "expiry":
            self.till.expire_bonus()

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        type(self).check()

    def teardown(self) -> None:
        """In the end everything is told, whatever was lost or shuffled; then the gateway has what
        the books say."""
        try:
            if hasattr(self, "till"):
                self.met.update(self.till.refusals)
                self.met.update(self.till.bookings())
                self.met.update(self.till.deeds())
                self._catch_up()
                type(self).check()
                check_settled(self.till)
        finally:
            type(self).empty()

    def _catch_up(self) -> None:
        """The gateway answers, days pass, what waits is brought again and again: more often than
        one event can need."""
        self.bank.lose_next = []
        for _ in range(4):
            self.till.now += timedelta(days=1)
            for index in reversed(self.till.undelivered()):
                self.till.deliver(index)
            self.till.sweep()
        assert self.till.undelivered() == [], "every event is applied in the end"
        self.till.expire_bonus()

    def _come_back(self, attempt: Attempt) -> None:
        for payment in self.till.payments():
            if str(payment.id) == attempt.request.payment_id:
                self.till.come_back(payment)

    def _captured(self) -> list[Attempt]:
        return [one for one in self.bank.attempts if one.captured]

    def _one_of(self, things: Sequence[T], pick: int) -> T | None:
        return things[-1 - pick % len(things)] if things else None
