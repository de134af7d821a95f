"""The ledger against the gateway: our copy of its movements against the entries of the gateway
account, thing by thing. A positive amount is in our favour on both sides."""

from __future__ import annotations

from typing import Final

from storefront.reconciliation.checks.check import Check

# One row per charge, refund, dispute or unexplained movement. What is booked as a fee is left out
# on both sides (see FEES), payouts are not booked at all.
SIDES: Final = """
    WITH gateway AS (
        SELECT
            CASE WHEN kind IN ('refund', 'refund_failure') THEN 'refund'
                WHEN kind IN ('dispute', 'dispute_reversal') THEN 'dispute'
                WHEN kind = 'charge' THEN 'charge' ELSE 'movement' END AS source,
            CASE WHEN kind = 'charge' THEN coalesce(gateway_payment_id, source_id, id)
                WHEN kind = 'other' THEN id ELSE coalesce(source_id, id) END AS source_key,
            sum(amount_satang - fee_satang + cost_satang) AS satang,
            min(currency) AS currency, max(currency) AS other_currency,
            max(created_at) AS moved_at, count(*) AS movements, min(id) AS movement_id,
            min(gateway_payment_id) AS gateway_payment_id,
            CAST(min(CAST(payment_id AS text)) AS uuid) AS own_id
        FROM gateway_movements WHERE kind NOT IN ('fee', 'payout')
        GROUP BY 1, 2
    ), books AS (
        SELECT
            CASE WHEN p.kind IN ('topup', 'purchase', 'wallet_credit') THEN 'charge'
                WHEN p.kind IN ('refund', 'refund_failed') THEN 'refund'
                WHEN p.kind IN ('dispute', 'dispute_fee', 'dispute_won') THEN 'dispute'
                ELSE 'booking' END AS source,
            CASE WHEN p.kind IN ('refund', 'refund_failed')
                    THEN coalesce(r.gateway_refund_id, p.reference)
                WHEN p.kind IN ('topup', 'purchase', 'wallet_credit', 'dispute', 'dispute_fee',
                    'dispute_won') THEN p.reference
                ELSE CAST(p.id AS text) END AS source_key,
            -sum(e.amount_satang) AS satang,
            min(e.currency) AS currency, max(e.currency) AS other_currency,
            max(p.posted_at) AS posted_at, min(CAST(p.id AS text)) AS posting_id
        FROM ledger_entries e
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'gateway'
        JOIN ledger_postings p ON p.id = e.posting_id
        LEFT JOIN refunds r ON 'refund:' || r.id = p.reference
        WHERE p.kind <> 'gateway_fee'
        GROUP BY 1, 2
    ), differing AS (
        SELECT source, source_key, g.satang AS at_gateway, b.satang AS in_books,
            coalesce(g.satang, 0) - coalesce(b.satang, 0) AS satang,
            coalesce(b.currency, g.currency) AS currency, g.currency AS gateway_currency,
            greatest(g.moved_at, b.posted_at) AS latest_at, b.posting_id, g.movement_id,
            g.movements, g.gateway_payment_id, g.own_id
        FROM gateway g FULL JOIN books b USING (source, source_key)
        WHERE coalesce(g.satang, 0) <> coalesce(b.satang, 0)
            OR g.currency <> b.currency OR g.other_currency <> b.other_currency
    )
"""

SOURCES: Final = Check(
    (
        *("charge_unknown", "charge_missing", "charge_differs"),
        *("refund_unknown", "refund_missing", "refund_differs"),
        *("dispute_unknown", "dispute_missing", "dispute_differs"),
        *("movement_unknown", "booking_missing"),
    ),
    SIDES  # noqa: S608 - both parts are our own
    + """
    SELECT
        d.source || CASE WHEN in_books IS NULL THEN '_unknown'
            WHEN at_gateway IS NULL THEN '_missing' ELSE '_differs' END AS code,
        CASE d.source WHEN 'charge' THEN 'gateway_payment' WHEN 'refund' THEN 'gateway_refund'
            WHEN 'dispute' THEN 'gateway_dispute' WHEN 'booking' THEN 'posting'
            ELSE 'movement' END AS subject_type,
        source_key AS subject_id,
        CAST(in_books AS bigint) AS expected, CAST(at_gateway AS bigint) AS actual, d.currency,
        jsonb_build_object('posting_id', posting_id, 'movement_id', movement_id,
            'movements', coalesce(movements, 0), 'gateway_id', source_key,
            'gateway_currency', gateway_currency, 'payment_id', pay.id,
            'order_id', CASE pay.purpose WHEN 'order' THEN pay.subject_id END) AS detail
    FROM differing d
    LEFT JOIN LATERAL (
        SELECT p.id, p.purpose, p.subject_id FROM payments p
        WHERE p.gateway_payment_id = coalesce(d.gateway_payment_id, d.source_key)
            OR p.gateway_session_id = d.gateway_payment_id OR p.id = d.own_id
        LIMIT 1
    ) pay ON true
    WHERE latest_at < :cutoff
    """,
)

# Every fee is booked as the gateway took it. The run has just booked what was missing.
FEES: Final = Check(
    ("fee_differs", "fee_unknown"),
    """
    WITH booked AS (
        SELECT p.reference AS id, sum(e.amount_satang) AS satang, min(e.currency) AS currency,
            min(CAST(p.id AS text)) AS posting_id
        FROM ledger_postings p
        JOIN ledger_entries e ON e.posting_id = p.id
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'gateway'
        WHERE p.kind = 'gateway_fee'
        GROUP BY p.reference
    ), taken AS (
        SELECT id, cost_satang AS satang, currency FROM gateway_movements WHERE cost_satang <> 0
    )
    SELECT CASE WHEN t.satang IS NULL THEN 'fee_unknown' ELSE 'fee_differs' END AS code,
        'movement' AS subject_type, id AS subject_id,
        CAST(b.satang AS bigint) AS expected, CAST(t.satang AS bigint) AS actual,
        coalesce(b.currency, t.currency) AS currency,
        jsonb_build_object('posting_id', b.posting_id, 'movement_id', id,
            'gateway_currency', t.currency) AS detail
    FROM booked b FULL JOIN taken t USING (id)
    WHERE b.satang IS DISTINCT FROM t.satang OR b.currency <> t.currency
    """,
)
