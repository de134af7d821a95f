"""The last word of a fault test: what Stripe's own books say, against the shop's."""

from __future__ import annotations

from collections import Counter
from typing import Any

import requests
from sqlalchemy import select, text

from storefront.payments.models import Payment, PaymentState
from storefront.refunds.models import Destination, Refund, RefundState
from tests.faults.town import Town

_LEDGER = """SELECT coalesce(sum(-e.amount_satang), 0) FROM ledger_entries e
    JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'gateway'
    JOIN ledger_postings p ON p.id = e.posting_id
    WHERE p.kind NOT IN ('dispute_fee', 'gateway_fee')"""


def check_money(town: Town) -> None:
    """Charges less refunds less disputes are the same in both, every payment that Stripe took is
    known to the shop, and every refund that was decided was made exactly once."""
    moved = sum(int(one["amount"]) for one in listed(town, "balance_transactions"))
    with town.shop.database.reading() as session:
        booked = session.scalar(text(_LEDGER))
        states = {
            row.gateway_payment_id: row.state
            for row in session.execute(select(Payment.gateway_payment_id, Payment.state))
        }
        refunds = session.scalars(
            select(Refund).where(Refund.destination == Destination.GATEWAY)
        ).all()
    assert booked == moved, "the ledger's account of the gateway is what is there"
    for intent in listed(town, "payment_intents"):
        if intent["status"] == "succeeded":
            assert states.get(intent["id"]) == PaymentState.SUCCEEDED, intent["id"]
    made = Counter(
        one["metadata"].get("refund_id")
        for one in listed(town, "refunds")
        if one["status"] not in ("failed", "canceled")
    )
    for refund in refunds:
        assert refund.state != RefundState.PENDING, "every refund is sent in the end"
        assert made.pop(str(refund.id), 0) == (refund.state != RefundState.FAILED), refund.id
    assert not made, "nothing was given back that nobody decided"
    town.counts["baht moved at Stripe"] += moved // 100


def listed(town: Town, kind: str) -> list[dict[str, Any]]:
    """All objects of a kind that Stripe has."""
    found: list[dict[str, Any]] = []
    key = town.stack.environment["STRIPE_SECRET_KEY"]
    while True:
        answer = requests.get(
            f"{town.stack.environment['STRIPE_API_URL']}/v1/{kind}",
            params={"limit": "100", **({"starting_after": found[-1]["id"]} if found else {})},
            headers={"Authorization": f"Bearer {key}"},
            timeout=20,
        )
        answer.raise_for_status()
        page = answer.json()
        found += page["data"]
        if not page["has_more"]:
            return found
