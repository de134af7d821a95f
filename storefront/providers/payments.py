"""What the shop asks of a payment gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from storefront.errors import DomainError, Invalid, Kind, Unavailable
from storefront.kit.money import Money


class SessionStatus(StrEnum):
    """What the gateway says of one attempt to pay."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


class PayBy(StrEnum):
    """The ways to pay that the gateway offers: a card on its own page, or a PromptPay QR code that
    is shown on ours."""

    CARD = "card"
    PROMPTPAY = "promptpay"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """An attempt to pay to be opened. `idempotency_key` makes asking again harmless. PromptPay
    needs the buyer's e-mail: its refunds are arranged by mail."""

    pay_by: PayBy
    payment_id: str
    idempotency_key: str
    amount: Money
    description: str
    email: str | None
    locale: str
    success_url: str
    cancel_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySession:
    """The gateway's present view of an attempt to pay. `url` is its hosted page, to be sent to;
    `qr_payload` the text of a PromptPay code (EMV QR), and `qr_url` a page of the gateway's that
    shows the same code."""

    session_id: str
    payment_id: str | None
    status: SessionStatus
    url: str | None
    qr_payload: str | None = None
    qr_url: str | None = None
    amount: Money
    gateway_payment_id: str | None
    live_mode: bool


class RefundStatus(StrEnum):
    """What the gateway says of a refund. Pending is one the buyer's bank has not got yet; a
    PromptPay refund waits like that for the buyer's bank details, for up to 45 days."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund to be asked for. `email` is where a PromptPay buyer is asked for bank details."""

    refund_id: str
    idempotency_key: str
    gateway_payment_id: str
    amount: Money
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRefund:
    """The gateway's present view of a refund. `refund_id` is ours; None when somebody refunded on
    the gateway's own pages."""

    gateway_refund_id: str
    refund_id: str | None
    status: RefundStatus
    amount: Money
    failure: str | None


class DisputeStatus(StrEnum):
    """What the gateway says of a dispute. An inquiry moves no money and is closed or becomes a
    dispute; a dispute takes the money until it is won or lost."""

    INQUIRY = "inquiry"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDispute:
    """The gateway's present view of a dispute. `fee` is charged whatever the outcome."""

    gateway_dispute_id: str
    status: DisputeStatus
    gateway_status: str
    reason: str
    amount: Money
    fee: Money
    evidence_due_at: datetime | None
    live_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEvent:
    """A webhook whose signature was good."""

    event_id: str
    event_type: str
    payload: dict[str, Any]


class MovementKind(StrEnum):
    """Why money moved at the gateway. `fee` is a fee that is a movement of its own; most fees come
    with the movement they are taken from."""

    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    FEE = "fee"
    PAYOUT = "payout"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceMovement:
    """One change of our balance at the gateway: `amount` has its sign, `fee` was taken off it.

    `source_id` is the charge, refund, dispute or payout behind it, `gateway_payment_id` the
    payment that one belongs to, `payment_id` our own id where we had told it the gateway. What
    the gateway does not say is None.
    """

    movement_id: str
    kind: MovementKind
    amount: Money
    fee: Money
    created_at: datetime
    source_id: str | None
    gateway_payment_id: str | None
    payment_id: str | None
    live_mode: bool | None


@dataclass(frozen=True, slots=True)
class MovementPage:
    """Some movements, the newest first, and the cursor of the next page; None on the last."""

    movements: tuple[BalanceMovement, ...]
    next_cursor: str | None


class GatewayUnavailable(Unavailable):
    """No answer, an error of theirs, a rate limit, or a wrong key of ours: the effect may or may
    not have happened."""

    def __init__(self, message: str) -> None:
        super().__init__("gateway_unavailable", message)


class GatewayRefused(Invalid):
    """The gateway understood and said no."""

    def __init__(self, message: str) -> None:
        super().__init__("gateway_refused", message)


class BadSignature(DomainError):
    """A webhook that is not the gateway's, or too old or too new (over 300 s)."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_signature", Kind.INVALID, message)

    @property
    def http_status(self) -> int:
        """400 rather than 422: it is not a form but a message nobody signed."""
        return 400


class PaymentGateway(Protocol):
    """A gateway with attempts to pay and signed events."""

    def open_session(self, request: SessionRequest) -> GatewaySession:
        """Open (or, with the same idempotency key, find again) an attempt to pay.

        Raises GatewayUnavailable or GatewayRefused.
        """
        ...

    def fetch_session(self, session_id: str) -> GatewaySession:
        """The session as the gateway sees it now. Raises GatewayUnavailable or GatewayRefused."""
        ...

    def expire_session(self, session_id: str) -> GatewaySession:
        """Close an open attempt so that it can no longer be paid; returns what it became, which is
        `paid` when the buyer was faster. Raises GatewayUnavailable or GatewayRefused."""
        ...

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Send money back (or, with the same idempotency key, find that refund again).

        Raises GatewayUnavailable or GatewayRefused.
        """
        ...

    def list_refunds(self, gateway_payment_id: str) -> Sequence[GatewayRefund]:
        """Every refund of a payment, the newest first. Raises GatewayUnavailable or
        GatewayRefused."""
        ...

    def list_disputes(self, gateway_payment_id: str) -> Sequence[GatewayDispute]:
        """Every dispute of a payment, the newest first. Raises GatewayUnavailable or
        GatewayRefused."""
        ...

    def read_event(self, payload: bytes, signature: str, *, now: datetime) -> GatewayEvent:
        """Check the signature over the raw bytes and read the event. Raises BadSignature."""
        ...

    def list_balance_movements(
        self, *, since: datetime, until: datetime, cursor: str | None = None
    ) -> MovementPage:
        """One page of what moved our balance from `since` until before `until`, to the second.
        `cursor` is what the page before named. Raises GatewayUnavailable or GatewayRefused."""
        ...
