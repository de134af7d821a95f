"""A payment gateway inside the test's own process, for tests that make thousands of calls.

It is honest where the money is: nothing is paid twice, more than was paid is never refunded,
nothing disputed is refunded, and one key has one effect. What it holds of each payment it writes
down by itself, so that the shop's ledger can be compared with it. The sandbox, which speaks
Stripe's real HTTP, is for everything else.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import TypeVar

from storefront.kit.clock import Clock
from storefront.kit.money import Money, baht, total_of
from storefront.providers.payments import (
    BadSignature,
    DisputeStatus,
    GatewayDispute,
    GatewayEvent,
    GatewayRefund,
    GatewayRefused,
    GatewaySession,
    GatewayUnavailable,
    MovementPage,
    PayBy,
    RefundRequest,
    RefundStatus,
    SessionRequest,
    SessionStatus,
)

DISPUTE_FEE = baht(150)
# https://docs.stripe.com/api/idempotent_requests: keys may be forgotten after 24 hours.
KEYS_LIVE = timedelta(hours=24)
T = TypeVar("T")


@dataclass
class Attempt:
    """One attempt to pay, and everything that moved because of it."""

    request: SessionRequest
    session_id: str
    intent_id: str
    status: SessionStatus = SessionStatus.OPEN
    refunds: list[GatewayRefund] = field(default_factory=list)
    dispute: GatewayDispute | None = None

    @property
    def is_card(self) -> bool:
        return self.request.pay_by is PayBy.CARD

    @property
    def captured(self) -> Money:
        return self.request.amount if self.status is SessionStatus.PAID else Money(0)

    @property
    def refunded(self) -> Money:
        return total_of(one.amount for one in self.refunds if one.status is not RefundStatus.FAILED)

    @property
    def taken_by_the_bank(self) -> Money:
        if self.dispute and self.dispute.status in (DisputeStatus.OPEN, DisputeStatus.LOST):
            return self.dispute.amount
        return Money(0)

    @property
    def held(self) -> Money:
        """What the gateway has of this payment; below zero where the bank took what had been
        refunded already."""
        return self.captured - self.refunded - self.taken_by_the_bank

    @property
    def fees(self) -> Money:
        return self.dispute.fee if self.dispute else Money(0)


class Bank:
    """The gateway, the buyers' bank and the post that carries the events, all in one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._one_at_a_time = RLock()
        self._serial = itertools.count(1)
        self._by_key: dict[str, tuple[datetime, Attempt | GatewayRefund | GatewayRefused]] = {}
        self.attempts: list[Attempt] = []
        self.events: list[GatewayEvent] = []
        self.card_refunds = RefundStatus.SUCCEEDED
        self.lose_next: list[str] = []

    # --- what the shop asks (see PaymentGateway) --------------------------------------------

    def open_session(self, request: SessionRequest) -> GatewaySession:
        return self._answer(lambda: self._seen(self._open(request)))

    def fetch_session(self, session_id: str) -> GatewaySession:
        return self._answer(lambda: self._seen(self.attempt(session_id)))

    def expire_session(self, session_id: str) -> GatewaySession:
        return self._answer(lambda: self._seen(self._expire(self.attempt(session_id))))

    def refund(self, request: RefundRequest) -> GatewayRefund:
        return self._answer(lambda: self._refund_once(request))

    def list_refunds(self, gateway_payment_id: str) -> Sequence[GatewayRefund]:
        return self._answer(lambda: self.attempt(gateway_payment_id).refunds[::-1])

    def list_disputes(self, gateway_payment_id: str) -> Sequence[GatewayDispute]:
        def disputes() -> Sequence[GatewayDispute]:
            dispute = self.attempt(gateway_payment_id).dispute
            return [dispute] if dispute else []

        return self._answer(disputes)

    def list_balance_movements(
        self, *, since: object, until: object, cursor: str | None = None
    ) -> MovementPage:
        raise GatewayUnavailable("this bank keeps balances, no list of movements")

    def read_event(self, payload: bytes, signature: str, *, now: object) -> GatewayEvent:
        raise BadSignature("the bank's events are handed over, not posted")

    # --- what buyers and banks do -----------------------------------------------------------

    def pay(self, attempt: Attempt) -> bool:
        """Whether the money was taken. A code of PromptPay can be paid even after its end."""
        self._close_if_due(attempt)
        if attempt.status is SessionStatus.PAID:
            return False
        if attempt.is_card and attempt.status is not SessionStatus.OPEN:
            return False
        attempt.status = SessionStatus.PAID
        self._tell(attempt, "charge.succeeded")
        self._tell(attempt, "payment_intent.succeeded")
        if attempt.is_card:
            self._tell(attempt, "checkout.session.completed")
        return True

    def decline(self, attempt: Attempt) -> None:
        """A declined card leaves its page open; a transfer that failed ends its code."""
        if attempt.status is not SessionStatus.OPEN:
            return
        if not attempt.is_card:
            attempt.status = SessionStatus.FAILED
        self._tell(attempt, "payment_intent.payment_failed")

    def settle_refund(self, attempt: Attempt, index: int, status: RefundStatus) -> None:
        """A refund that waits ends well or badly; one that ended well may still come back."""
        refund = attempt.refunds[index % len(attempt.refunds)]
        if refund.status is RefundStatus.FAILED or refund.status is status:
            return
        failure = "unknown" if status is RefundStatus.FAILED else None
        ended = dataclasses.replace(refund, status=status, failure=failure)
        attempt.refunds[attempt.refunds.index(refund)] = ended
        self._tell(attempt, "refund.updated", refund_id=refund.refund_id)

    def refund_by_hand(self, attempt: Attempt, amount: Money) -> bool:
        """Somebody refunds on the gateway's own pages; whether it was taken."""
        if attempt.status is not SessionStatus.PAID or self._why_not(attempt, amount):
            return False
        self._refund(attempt, amount, refund_id=None)
        return True

    def dispute(
        self, attempt: Attempt, amount: Money, status: DisputeStatus = DisputeStatus.OPEN
    ) -> bool:
        """The card's bank wants money back, or only asks; whether it could."""
        can = attempt.is_card and attempt.status is SessionStatus.PAID and not attempt.dispute
        if not can or amount > attempt.captured:
            return False
        attempt.dispute = GatewayDispute(
            gateway_dispute_id=f"du_{next(self._serial)}",
            status=status,
            gateway_status=status,
            reason="fraudulent",
            amount=amount,
            fee=DISPUTE_FEE if status is DisputeStatus.OPEN else Money(0),
            evidence_due_at=None,
            live_mode=False,
        )
        self._tell(attempt, "charge.dispute.created")
        return True

    def decide(self, attempt: Attempt, status: DisputeStatus) -> bool:
        """An inquiry is closed or becomes a dispute, a dispute is won or lost; whether it could."""
        dispute = attempt.dispute
        ways = {
            DisputeStatus.INQUIRY: (DisputeStatus.OPEN, DisputeStatus.CLOSED),
            DisputeStatus.OPEN: (DisputeStatus.WON, DisputeStatus.LOST),
        }
        if dispute is None or status not in ways.get(dispute.status, ()):
            return False
        fee = DISPUTE_FEE if status is DisputeStatus.OPEN else dispute.fee
        attempt.dispute = dataclasses.replace(
            dispute, status=status, gateway_status=status, fee=fee
        )
        self._tell(attempt, "charge.dispute.updated")
        return True

    # --- what can be seen -------------------------------------------------------------------

    def attempt(self, some_id: str) -> Attempt:
        """By session or by payment. Raises GatewayRefused for one that is not there."""
        for attempt in self.attempts:
            if some_id in (attempt.session_id, attempt.intent_id):
                self._close_if_due(attempt)
                return attempt
        raise GatewayRefused("resource_missing")

    @property
    def balance(self) -> Money:
        """All the money that is there now."""
        return total_of(one.held for one in self.attempts) - total_of(
            one.fees for one in self.attempts
        )

    # --- inside -----------------------------------------------------------------------------

    def _answer(self, ask: Callable[[], T]) -> T:
        """Answer, unless this call is one to be lost: "before" its effect, or "after" it."""
        trouble = self.lose_next.pop(0) if self.lose_next else None
        if trouble == "before":
            raise GatewayUnavailable("as asked, before the effect")
        with self._one_at_a_time:
            answer = ask()
        if trouble == "after":
            raise GatewayUnavailable("as asked, after the effect")
        return answer

    def _open(self, request: SessionRequest) -> Attempt:
        known = self._known(request.idempotency_key)
        if isinstance(known, Attempt):
            assert known.request == request, "one key, other words"
            return known
        number = next(self._serial)
        intent_id = f"pi_{number}"
        is_card = request.pay_by is PayBy.CARD
        attempt = Attempt(request, f"cs_{number}" if is_card else intent_id, intent_id)
        self._by_key[request.idempotency_key] = (self._clock(), attempt)
        self.attempts.append(attempt)
        self._tell(attempt, "payment_intent.created")
        return attempt

    def _seen(self, attempt: Attempt) -> GatewaySession:
        is_open = attempt.status is SessionStatus.OPEN
        shows_code = is_open and not attempt.is_card
        is_known = attempt.status is SessionStatus.PAID or not attempt.is_card
        return GatewaySession(
            session_id=attempt.session_id,
            payment_id=attempt.request.payment_id,
            status=attempt.status,
            url=f"https://bank.example/{attempt.session_id}"
            if is_open and attempt.is_card
            else None,
            qr_payload=f"code of {attempt.intent_id}" if shows_code else None,
            qr_url=f"https://bank.example/{attempt.intent_id}" if shows_code else None,
            amount=attempt.request.amount,
            gateway_payment_id=attempt.intent_id if is_known else None,
            live_mode=False,
        )

    def _close_if_due(self, attempt: Attempt) -> None:
        if attempt.is_card and self._clock() >= attempt.request.expires_at:
            self._expire(attempt)

    def _expire(self, attempt: Attempt) -> Attempt:
        closable = (
            (SessionStatus.OPEN,)
            if attempt.is_card
            else (
                SessionStatus.OPEN,
                SessionStatus.FAILED,
            )
        )
        if attempt.status in closable:
            attempt.status = SessionStatus.EXPIRED
            self._tell(
                attempt,
                "checkout.session.expired" if attempt.is_card else "payment_intent.canceled",
            )
        return attempt

    def _refund_once(self, request: RefundRequest) -> GatewayRefund:
        answer = self._known(request.idempotency_key)
        if answer is None:
            attempt = self.attempt(request.gateway_payment_id)
            if why_not := self._why_not(attempt, request.amount):
                answer = GatewayRefused(why_not)
            else:
                answer = self._refund(attempt, request.amount, refund_id=request.refund_id)
            self._by_key[request.idempotency_key] = (self._clock(), answer)
        if isinstance(answer, GatewayRefused):
            raise answer
        assert isinstance(answer, GatewayRefund)
        return answer

    def _known(self, key: str) -> Attempt | GatewayRefund | GatewayRefused | None:
        """What a key led to, good or bad, as long as it is remembered."""
        at, answer = self._by_key.get(key, (None, None))
        return answer if at and self._clock() < at + KEYS_LIVE else None

    def _why_not(self, attempt: Attempt, amount: Money) -> str | None:
        if attempt.taken_by_the_bank:
            return "charge_disputed"
        if not Money(0) < amount <= attempt.captured - attempt.refunded:
            return "amount_too_large"
        return None

    def _refund(self, attempt: Attempt, amount: Money, *, refund_id: str | None) -> GatewayRefund:
        refund = GatewayRefund(
            gateway_refund_id=f"re_{next(self._serial)}",
            refund_id=refund_id,
            status=self.card_refunds if attempt.is_card else RefundStatus.PENDING,
            amount=amount,
            failure=None,
        )
        attempt.refunds.append(refund)
        self._tell(attempt, "refund.created", refund_id=refund_id)
        self._tell(attempt, "charge.refunded")
        return refund

    def _tell(self, attempt: Attempt, event_type: str, *, refund_id: str | None = None) -> None:
        """Put an event into the post, shaped as far as Stripe's are read."""
        payment_id = attempt.request.payment_id
        subject: dict[str, object] = {"id": f"obj_{next(self._serial)}"}
        if event_type.startswith("checkout.session."):
            subject = {"id": attempt.session_id, "client_reference_id": payment_id}
        elif event_type.startswith("payment_intent."):
            subject = {"id": attempt.intent_id, "metadata": {"payment_id": payment_id}}
        else:
            subject["payment_intent"] = attempt.intent_id
        if event_type in ("charge.succeeded", "charge.refunded"):
            subject["metadata"] = {"payment_id": payment_id}
        if refund_id is not None:
            subject["metadata"] = {"refund_id": refund_id}
        event_id = f"evt_{next(self._serial)}"
        payload = {"id": event_id, "type": event_type, "data": {"object": subject}}
        self.events.append(GatewayEvent(event_id=event_id, event_type=event_type, payload=payload))
