"""The payment gateway protocol over Stripe: Checkout for cards, Payment Intents for PromptPay."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import stripe
import structlog
from stripe import StripeClient

from storefront.db import forbid_open_transaction
from storefront.providers.payments import (
    BadSignature,
    GatewayDispute,
    GatewayEvent,
    GatewayRefund,
    GatewayRefused,
    GatewaySession,
    GatewayUnavailable,
    MovementPage,
    PayBy,
    RefundRequest,
    SessionRequest,
)
from storefront.providers.stripe_balance import movement_params, read_movements
from storefront.providers.stripe_objects import (
    INTENT_PREFIX,
    checkout_params,
    promptpay_params,
    read_dispute,
    read_intent,
    read_refund,
    read_session,
    refund_params,
)

log = structlog.get_logger()

TIMEOUT_SECONDS = 10
RETRIES = 2
TOLERANCE_SECONDS = 300
PAGE = 100
# The escape of U+0000, which jsonb refuses; after an even number of backslashes it is one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

T = TypeVar("T")


class StripeGateway:
    """Stripe through its own SDK; the address of its API is a setting, nothing else differs
    between a sandbox and the real service."""

    def __init__(self, *, secret_key: str, webhook_secrets: tuple[str, ...], api_url: str) -> None:
        self._webhook_secrets = webhook_secrets
        self._client = StripeClient(
            secret_key,
            base_addresses={"api": api_url},
            # Left alone the SDK retries never and waits 80 s.
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    def open_session(self, request: SessionRequest) -> GatewaySession:
        """See PaymentGateway. A card is paid in a Checkout Session, PromptPay in a Payment Intent
        whose code we draw ourselves; the id tells later which of the two it is."""
        options: stripe.RequestOptions = {"idempotency_key": request.idempotency_key}
        if request.pay_by is PayBy.PROMPTPAY:
            intent = promptpay_params(request)
            return self._call(
                lambda: read_intent(
                    self._client.v1.payment_intents.create(params=intent, options=options)  # type: ignore[arg-type]
                )
            )
        page = checkout_params(request)
        return self._call(
            lambda: read_session(
                self._client.v1.checkout.sessions.create(params=page, options=options)  # type: ignore[arg-type]
            )
        )

    def fetch_session(self, session_id: str) -> GatewaySession:
        """See PaymentGateway."""
        if session_id.startswith(INTENT_PREFIX):
            return self._call(
                lambda: read_intent(self._client.v1.payment_intents.retrieve(session_id))
            )
        return self._call(
            lambda: read_session(
                self._client.v1.checkout.sessions.retrieve(
                    session_id, params={"expand": ["payment_intent"]}
                )
            )
        )

    def expire_session(self, session_id: str) -> GatewaySession:
        """See PaymentGateway."""
        try:
            if session_id.startswith(INTENT_PREFIX):
                return self._call(
                    lambda: read_intent(self._client.v1.payment_intents.cancel(session_id))
                )
            return self._call(
                lambda: read_session(self._client.v1.checkout.sessions.expire(session_id))
            )
        except GatewayRefused:
            # Only open attempts can be closed; what it became meanwhile is the answer.
            return self.fetch_session(session_id)

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """See PaymentGateway."""
        params = refund_params(request)
        options: stripe.RequestOptions = {"idempotency_key": request.idempotency_key}
        return self._call(
            lambda: read_refund(
                self._client.v1.refunds.create(params=params, options=options)  # type: ignore[arg-type]
            )
        )

    def list_refunds(self, gateway_payment_id: str) -> Sequence[GatewayRefund]:
        """See PaymentGateway."""
        return self._call(
            lambda: [
                read_refund(one)
                for one in self._client.v1.refunds.list(
                    params={"payment_intent": gateway_payment_id, "limit": PAGE}
                ).auto_paging_iter()
            ]
        )

    def list_disputes(self, gateway_payment_id: str) -> Sequence[GatewayDispute]:
        """See PaymentGateway."""
        return self._call(
            lambda: [
                read_dispute(one)
                for one in self._client.v1.disputes.list(
                    params={"payment_intent": gateway_payment_id, "limit": PAGE}
                ).auto_paging_iter()
            ]
        )

    def read_event(self, payload: bytes, signature: str, *, now: datetime) -> GatewayEvent:
        """See PaymentGateway. Any of the secrets may have signed, so that they can be rotated."""
        for secret in self._webhook_secrets:
            if _is_signed(payload, signature, secret):
                break
        else:
            raise BadSignature("no secret matches")
        # The SDK accepts time stamps from the future.
        if _signed_at(signature) - now.timestamp() > TOLERANCE_SECONDS:
            raise BadSignature("time stamp lies in the future")
        return _read_event(payload)

    def list_balance_movements(
        self, *, since: datetime, until: datetime, cursor: str | None = None
    ) -> MovementPage:
        """See PaymentGateway. The SDK could walk the pages by itself, but whoever asks wants to
        write each one down, and to go on there after a crash."""
        params = movement_params(since=since, until=until, cursor=cursor)
        return self._call(
            lambda: read_movements(
                self._client.v1.balance_transactions.list(params=params)  # type: ignore[arg-type]
            )
        )

    def _call(self, ask: Callable[[], T]) -> T:
        forbid_open_transaction("Stripe")
        with _translated_errors():
            return ask()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (
        stripe.APIConnectionError,
        stripe.RateLimitError,
        stripe.IdempotencyError,
    ) as error:
        raise GatewayUnavailable(type(error).__name__) from error
    except stripe.InvalidRequestError as error:
        raise GatewayRefused(error.code or "invalid_request") from error
    except stripe.StripeError as error:
        if error.http_status in (401, 403):
            # Our key is wrong: that says nothing about the payment, which may have gone through.
            log.error("gateway_misconfigured", error=type(error).__name__)
            raise GatewayUnavailable("misconfigured") from error
        raise GatewayUnavailable(f"{type(error).__name__} {error.http_status}") from error


def _is_signed(payload: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(
            payload.decode("utf-8"), signature, secret, TOLERANCE_SECONDS
        )
    except Exception:
        # Hostile headers make the SDK raise TypeError and worse; none of them is a signature.
        return False
    return True


def _signed_at(signature: str) -> float:
    for part in signature.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit():
            return float(value)
    raise BadSignature("no time stamp")


def _read_event(payload: bytes) -> GatewayEvent:
    try:
        event = json.loads(payload)
        event_id, event_type = event["id"], event["type"]
        event["data"]["object"]["id"]
        # NaN, infinity and lone surrogates raise here: the database could not store them.
        text = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadSignature("not an event") from error
    if not isinstance(event_id, str) or not isinstance(event_type, str) or _NUL.search(text):
        raise BadSignature("not an event")
    return GatewayEvent(event_id=event_id[:200], event_type=event_type[:100], payload=event)
