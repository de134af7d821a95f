"""Stripe's balance transactions in our words."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

import stripe

from storefront.kit.money import Money
from storefront.providers.payments import BalanceMovement, MovementKind, MovementPage

# Stripe's largest page.
PAGE_SIZE: Final = 100

# https://docs.stripe.com/reports/reporting-categories: the category tells what `type` does not,
# because disputes, their reversals and much else are all of the type "adjustment".
_KINDS: Final = {
    "charge": MovementKind.CHARGE,
    "charge_failure": MovementKind.CHARGE,
    "partial_capture_reversal": MovementKind.CHARGE,
    "refund": MovementKind.REFUND,
    "refund_failure": MovementKind.REFUND_FAILURE,
    "dispute": MovementKind.DISPUTE,
    "dispute_reversal": MovementKind.DISPUTE_REVERSAL,
    "fee": MovementKind.FEE,
    "network_cost": MovementKind.FEE,
    "payout": MovementKind.PAYOUT,
    "payout_reversal": MovementKind.PAYOUT,
}


def movement_params(*, since: datetime, until: datetime, cursor: str | None) -> dict[str, Any]:
    """One page of the list, with the charge, refund or dispute behind each movement."""
    params: dict[str, Any] = {
        "created": {"gte": math.floor(since.timestamp()), "lt": math.ceil(until.timestamp())},
        "expand": ["data.source"],
        "limit": PAGE_SIZE,
    }
    if cursor is not None:
        params["starting_after"] = cursor
    return params


def read_movements(page: stripe.ListObject[stripe.BalanceTransaction]) -> MovementPage:
    """A page of balance transactions in our words."""
    movements = tuple(_read(one) for one in page.data)
    has_more = page.has_more and bool(movements)
    return MovementPage(movements, movements[-1].movement_id if has_more else None)


def _read(found: stripe.BalanceTransaction) -> BalanceMovement:
    currency = found.currency.upper()
    # A list cannot say of which sort its sources are, so they are read field by field.
    source: Any = found.source
    source_id = source if isinstance(source, str) or source is None else source.id
    return BalanceMovement(
        movement_id=found.id,
        kind=_KINDS.get(found.reporting_category, MovementKind.OTHER),
        amount=Money(int(found.amount), currency),
        fee=Money(int(found.fee), currency),
        created_at=datetime.fromtimestamp(found.created, UTC),
        source_id=source_id,
        gateway_payment_id=_id_of(getattr(source, "payment_intent", None)),
        payment_id=_own_id(getattr(source, "metadata", None)),
        live_mode=getattr(source, "livemode", None),
    )


def _id_of(reference: Any) -> str | None:
    """An id, or the id of the object that stands in its place."""
    return reference if isinstance(reference, str) or reference is None else str(reference.id)


def _own_id(metadata: Any) -> str | None:
    named: dict[str, str] = metadata.to_dict() if metadata else {}
    return named.get("payment_id")
