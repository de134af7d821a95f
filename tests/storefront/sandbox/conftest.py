"""A sandbox on free ports, the real SDKs pointed at it, and a shop that only listens."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import stripe
from botocore.config import Config
from mypy_boto3_s3 import S3Client

from storefront.sandbox.serve import RunningSandbox, start_sandbox

PATIENCE_S = 10.0


@dataclass
class MovableClock:
    """The machine's time until a test moves it on."""

    now: Callable[[], float]
    ahead_s: float = 0.0

    def __call__(self) -> float:
        return self.now() + self.ahead_s


@dataclass
class Listener:
    """What a shop's webhook address received, and the answers it is to give first."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[bytes, str]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes, signature: str) -> int:
        with self.news:
            self.received.append((body, signature))
            self.news.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Block until `count` calls came; return the events in the order of arrival."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.received) >= count, PATIENCE_S):
                raise AssertionError(f"{len(self.received)} of {count} webhooks came")
            return [json.loads(body) for body, _ in self.received]

    def wait_for_type(self, event_type: str) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            events = [json.loads(body) for body, _ in self.received]
            return [event for event in events if event["type"] == event_type]

        with self.news:
            if not self.news.wait_for(lambda: bool(found()), PATIENCE_S):
                raise AssertionError(f"no {event_type} came")
            return found()[0]


@pytest.fixture
def shop() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = listener.take(body, self.headers["Stripe-Signature"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    listener.url = f"http://127.0.0.1:{server.server_port}/api/webhooks/stripe"
    yield listener
    server.shutdown()
    server.server_close()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(time.time)


@pytest.fixture
def sandbox(
    tmp_path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningSandbox]:
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    running = start_sandbox(tmp_path / "sandbox", clock=clock)
    yield running
    running.close()


@pytest.fixture
def gateway(sandbox: RunningSandbox) -> stripe.StripeClient:
    return stripe_client(sandbox)


def stripe_client(sandbox: RunningSandbox, retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        sandbox.stripe_secret_key,
        base_addresses={"api": sandbox.stripe_url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=5),
    )


@pytest.fixture
def control(sandbox: RunningSandbox) -> Callable[..., Any]:
    """POST one control and return its answer: control("stripe", delay_ms=5)."""

    def turn(path: str, **wanted: Any) -> Any:
        answer = requests.post(f"{sandbox.url}/control/{path}", json=wanted, timeout=5)
        assert answer.ok, answer.text
        return answer.json()

    return turn


def s3_client(
    sandbox: RunningSandbox, access_key: str | None = None, secret_key: str | None = None
) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=sandbox.s3_url,
        region_name="auto",
        aws_access_key_id=access_key or sandbox.s3_access_key,
        aws_secret_access_key=secret_key or sandbox.s3_secret_key,
        config=Config(signature_version="s3v4", retries={"max_attempts": 0}),
    )


def session_params(**changes: Any) -> Any:
    """A checkout of one script for 350 baht, two pieces."""
    params: dict[str, Any] = {
        "mode": "payment",
        "success_url": "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:1/cart",
        "client_reference_id": "order-7",
        "customer_email": "anna@example.com",
        "allowed_payment_method_types": ["card", "promptpay"],
        "line_items": [
            {
                "price_data": {
                    "currency": "thb",
                    "unit_amount": 17_500,
                    "product_data": {"name": "Fishing job"},
                },
                "quantity": 2,
            }
        ],
        "metadata": {"order_id": "7"},
        "payment_intent_data": {"metadata": {"order_id": "7"}},
        "locale": "en",
    }
    return {**params, **changes}
