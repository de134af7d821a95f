"""Reading Tebex's webhooks: the signature over the raw bytes, and what a payment event says.

Source of the rules: https://docs.tebex.io/developers/webhooks/overview. The header X-Signature is
the hex HMAC-SHA256, under the endpoint's secret, of the hex SHA-256 of the raw body. Every event
has `id`, `type`, `date` and `subject`; `validation.webhook` asks to be answered with its own id.
The subject of `payment.*` is the whole payment, whichever event brings it, so that any of them
can be the first that is heard of a purchase. That of `recurring-payment.*` is the subscription:
its `reference`, its first and its last payment, each whole, and when the next one is due. A later
payment is told of twice, by `payment.completed` and by `recurring-payment.renewed`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from storefront.providers.payments import BadSignature, GatewayEvent

SOURCE: Final = "tebex"
VALIDATION: Final = "validation.webhook"
COMPLETED: Final = "payment.completed"
REFUNDED: Final = "payment.refunded"
DISPUTE_OPENED: Final = "payment.dispute.opened"
DISPUTE_WON: Final = "payment.dispute.won"
DISPUTE_LOST: Final = "payment.dispute.lost"
DISPUTE_CLOSED: Final = "payment.dispute.closed"
STARTED: Final = "recurring-payment.started"
RENEWED: Final = "recurring-payment.renewed"
ENDED: Final = "recurring-payment.ended"
CANCELLATION_REQUESTED: Final = "recurring-payment.cancellation.requested"
CANCELLATION_ABORTED: Final = "recurring-payment.cancellation.aborted"

# https://docs.tebex.io/developers/webhooks/overview#useful-status-ids
STATUS_COMPLETE: Final = 1
STATUS_CHARGEBACK: Final = 3

MOST_LINES: Final = 100
MOST_UNITS: Final = 1000
# The variable of a package that asks for the buyer's Discord account:
# https://docs.tebex.io/developers/headless-api/adding-packages
_DISCORD_VARIABLE: Final = "discord_id"
_DISCORD_ID: Final = re.compile(r"[0-9]{15,22}")
_EMAIL: Final = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,185}\.[^@\s<>.]+")
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class TebexLine:
    """One package of a payment, and how many units of it."""

    package_id: str
    name: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TebexPayment:
    """What the shop keeps of a payment: who is to have what. `price` is a text for people, in
    whatever currency was paid; the money is Tebex's business. `discord_id` is the Discord account
    that the buyer gave at Tebex, None when they gave none or several. `subscription` names the
    recurring payment that this is one of."""

    transaction_id: str
    email: str | None
    username: str
    discord_id: str | None
    country: str
    price: str
    subscription: str | None
    status_id: int | None
    lines: tuple[TebexLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TebexSubscriptionNews:
    """What an event says of a subscription: its payments as far as they can be delivered, the
    first one first, and when Tebex takes the next one."""

    reference: str
    payments: tuple[TebexPayment, ...]
    next_payment_at: datetime | None


def sign_body(body: bytes, secret: str) -> str:
    """The X-Signature of a body, as Tebex makes it."""
    digest = hashlib.sha256(body).hexdigest()
    return hmac.new(secret.encode(), digest.encode(), hashlib.sha256).hexdigest()


def read_event(body: bytes, signature: str, *, secrets: Sequence[str]) -> GatewayEvent:
    """Check the signature and read the event. Any of the secrets may have signed, so that they
    can be rotated. Raises BadSignature, also for what is signed and is no event."""
    given = signature.strip().encode("utf-8", "replace")
    # Every secret is tried, whichever fits: how long that takes tells nothing.
    fits = [hmac.compare_digest(sign_body(body, one).encode(), given) for one in secrets]
    if not any(fits):
        raise BadSignature("no secret matches")
    return _event(body)


def read_payment(payload: Mapping[str, Any]) -> TebexPayment | None:
    """The payment an event is about; None when it has none, or one that cannot be delivered as it
    stands (no transaction, no or too many packages, quantities that are none)."""
    return _payment(_mapping(payload.get("subject")))


def read_subscription(payload: Mapping[str, Any]) -> TebexSubscriptionNews | None:
    """The subscription an event is about; None when it names none. A payment in it belongs to it,
    whether or not it says so itself."""
    subject = _mapping(payload.get("subject"))
    reference = _text(subject.get("reference"), 100)
    if not reference:
        return None
    told = {
        payment.transaction_id: replace(payment, subscription=reference)
        for name in ("initial_payment", "last_payment")
        if (payment := _payment(_mapping(subject.get(name)))) is not None
    }
    return TebexSubscriptionNews(
        reference=reference,
        payments=tuple(told.values()),
        next_payment_at=_moment(subject.get("next_payment_at")),
    )


def _payment(subject: Mapping[str, Any]) -> TebexPayment | None:
    transaction_id = _text(subject.get("transaction_id"), 100)
    lines = _lines(subject.get("products"))
    if not transaction_id or lines is None:
        return None
    customer = _mapping(subject.get("customer"))
    email = _text(customer.get("email"), 254).lower()
    return TebexPayment(
        transaction_id=transaction_id,
        email=email if _EMAIL.fullmatch(email) else None,
        username=_username(customer.get("username")),
        discord_id=_discord_id(subject),
        country=_text(customer.get("country"), 2).upper(),
        price=_price(subject),
        subscription=_text(subject.get("recurring_payment_reference"), 100) or None,
        status_id=_whole(_mapping(subject.get("status")).get("id")),
        lines=lines,
    )


def said_at(payload: Mapping[str, Any], *, otherwise: datetime) -> datetime:
    """When the event happened, by Tebex's clock."""
    return _moment(payload.get("date")) or otherwise


def _moment(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _event(body: bytes) -> GatewayEvent:
    try:
        event = json.loads(body)
        event_id, event_type = event["id"], event["type"]
        # NaN, infinity and lone surrogates raise here: the database could not store them.
        text = json.dumps(event, allow_nan=False).encode()
        json.dumps(event, ensure_ascii=False).encode()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadSignature("not an event") from error
    if not isinstance(event_id, str) or not isinstance(event_type, str) or _NUL.search(text):
        raise BadSignature("not an event")
    if not event_id or len(event_id) > 200:
        raise BadSignature("not an event")
    return GatewayEvent(event_id=event_id, event_type=event_type[:100], payload=event)


def _lines(value: Any) -> tuple[TebexLine, ...] | None:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LINES:
        return None
    lines = []
    for item in map(_mapping, value):
        package_id, quantity = _identifier(item.get("id")), _whole(item.get("quantity"))
        if not package_id or quantity is None or not 1 <= quantity <= MOST_UNITS:
            return None
        name = _text(item.get("name"), 200)
        lines.append(TebexLine(package_id=package_id, name=name, quantity=quantity))
    return tuple(lines) if sum(line.quantity for line in lines) <= MOST_UNITS else None


def _discord_id(subject: Mapping[str, Any]) -> str | None:
    products = subject.get("products")
    found = {
        option
        for product in (products if isinstance(products, list) else [])
        for name, option in _variables(_mapping(product).get("variables"))
        if name == _DISCORD_VARIABLE and _DISCORD_ID.fullmatch(option)
    }
    # Two different accounts: nobody can tell which of them is meant.
    return found.pop() if len(found) == 1 else None


def _variables(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        value = [{"identifier": name, "option": option} for name, option in value.items()]
    for one in map(_mapping, value if isinstance(value, list) else []):
        yield _text(one.get("identifier"), 60).lower(), _identifier(one.get("option"))


def _price(subject: Mapping[str, Any]) -> str:
    paid = _mapping(subject.get("price_paid") or subject.get("price"))
    amount, currency = paid.get("amount"), _text(paid.get("currency"), 3)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not currency:
        return ""
    return f"{amount:.2f} {currency}"[:40]


def _username(value: Any) -> str:
    return _text(_mapping(value).get("username"), 100)


def _identifier(value: Any) -> str:
    """An id that comes as a number or as a text."""
    whole = _whole(value)
    return str(whole)[:40] if whole is not None else _text(value, 40)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, longest: int) -> str:
    return value.strip()[:longest] if isinstance(value, str) else ""
