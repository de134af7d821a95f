"""The balances of one moment: what the gateway holds for the shop, and what the ledger says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, String, text
from sqlalchemy.orm import Session

from storefront.kit.money import Money
from storefront.reconciliation.checks.gateway import SIDES
from storefront.reconciliation.rules import BalanceLine, Balances

LINES: Final = ("charges", "refunds", "disputes", "fees", "other")

# Both sides by reason and currency, a positive amount in our favour; in the end what has a younger
# half that is not compared yet.
_TOTALS: Final = (
    SIDES  # noqa: S608 - both parts are our own
    + """
    SELECT name, currency, CAST(sum(at_gateway) AS bigint) AS at_gateway,
        CAST(sum(in_books) AS bigint) AS in_books
    FROM (
        SELECT CASE kind WHEN 'charge' THEN 'charges' WHEN 'payout' THEN 'payouts'
                WHEN 'refund' THEN 'refunds' WHEN 'refund_failure' THEN 'refunds'
                WHEN 'dispute' THEN 'disputes' WHEN 'dispute_reversal' THEN 'disputes'
                ELSE 'other' END AS name,
            currency, amount_satang - fee_satang + cost_satang AS at_gateway, 0 AS in_books
        FROM gateway_movements WHERE kind <> 'fee'
        UNION ALL
        SELECT 'fees', currency, -cost_satang, 0 FROM gateway_movements WHERE cost_satang <> 0
        UNION ALL
        SELECT CASE WHEN p.kind IN ('topup', 'purchase', 'wallet_credit') THEN 'charges'
                WHEN p.kind IN ('refund', 'refund_failed') THEN 'refunds'
                WHEN p.kind IN ('dispute', 'dispute_fee', 'dispute_won') THEN 'disputes'
                WHEN p.kind = 'gateway_fee' THEN 'fees' ELSE 'other' END,
            e.currency, 0, -e.amount_satang
        FROM ledger_entries e
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'gateway'
        JOIN ledger_postings p ON p.id = e.posting_id
        UNION ALL
        SELECT 'young', currency, satang, 0 FROM differing WHERE latest_at >= :cutoff
    ) moves
    GROUP BY name, currency
    """
)
_PAYOUTS, _YOUNG = "payouts", "young"
_PLAIN: Final = {"name": String(), "currency": String()}
_SUMS: Final = {"at_gateway": BigInteger(), "in_books": BigInteger()}


def take_balances(session: Session, *, cutoff: datetime) -> dict[str, Any]:
    """Both sides as they stand now, in one statement, to be kept with a run: satang by currency
    and line."""
    rows = session.execute(text(_TOTALS).columns(**_PLAIN, **_SUMS), {"cutoff": cutoff})
    kept: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        kept.setdefault(row.currency, {})[row.name] = [int(row.at_gateway), int(row.in_books)]
    return dict(kept)


def read_balances(kept: Mapping[str, Any] | None) -> Sequence[Balances]:
    """What `take_balances` kept, one for each currency; the shop's own first."""
    return [
        Balances(
            lines=tuple(_lines(currency, sums)),
            paid_out=-Money(_gateway_side(sums, _PAYOUTS), currency),
            young=Money(_gateway_side(sums, _YOUNG), currency),
        )
        for currency, sums in sorted((kept or {}).items(), key=lambda one: (one[0] != "THB", one))
    ]


def _lines(currency: str, sums: Mapping[str, Sequence[int]]) -> Iterable[BalanceLine]:
    for name in LINES:
        at_gateway, in_books = sums.get(name, (0, 0))
        if name != "other" or at_gateway or in_books:
            yield BalanceLine(name, Money(at_gateway, currency), Money(in_books, currency))


def _gateway_side(sums: Mapping[str, Sequence[int]], name: str) -> int:
    return sums.get(name, (0, 0))[0]
