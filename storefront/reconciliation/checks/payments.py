"""The ledger against the payments the shop knows of."""

from __future__ import annotations

from typing import Final

from storefront.reconciliation.checks.check import Check

# R1 and R2: what was captured is booked once, with its amount, and belongs to somebody soon.
PAYMENTS: Final = Check(
    ("payment_unbooked", "payment_booked_twice", "payment_amount", "booking_without_payment"),
    """
    WITH booked AS (
        SELECT p.reference, count(DISTINCT p.id) AS postings, -sum(e.amount_satang) AS total,
            min(e.currency) AS currency, min(CAST(p.id AS text)) AS posting_id
        FROM ledger_postings p
        JOIN ledger_entries e ON e.posting_id = p.id
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'gateway'
        WHERE p.kind IN ('topup', 'purchase', 'wallet_credit')
        GROUP BY p.reference
    ), captured AS (
        SELECT id, gateway_payment_id AS reference, amount_satang, currency, paid_at,
            CASE purpose WHEN 'order' THEN subject_id END AS order_id
        FROM payments WHERE state = 'succeeded'
    )
    SELECT
        CASE WHEN c.id IS NULL THEN 'booking_without_payment'
            WHEN b.postings IS NULL THEN 'payment_unbooked'
            WHEN b.postings > 1 THEN 'payment_booked_twice'
            ELSE 'payment_amount' END AS code,
        CASE WHEN c.id IS NULL THEN 'posting' ELSE 'payment' END AS subject_type,
        coalesce(CAST(c.id AS text), b.posting_id) AS subject_id,
        CAST(coalesce(c.amount_satang, 0) AS bigint) AS expected,
        CAST(coalesce(b.total, 0) AS bigint) AS actual,
        coalesce(c.currency, b.currency) AS currency,
        jsonb_build_object('payment_id', c.id, 'order_id', c.order_id,
            'posting_id', b.posting_id, 'gateway_id', reference,
            'postings', coalesce(b.postings, 0)) AS detail
    FROM booked b FULL JOIN captured c USING (reference)
    WHERE c.id IS NULL OR b.postings > 1
        OR (b.postings IS NULL AND c.paid_at < :attributed_by)
        OR b.total <> c.amount_satang OR b.currency <> c.currency
    """,
)

# R1, the other half: credited = captured - refunded - lost disputes. An open dispute counts as
# lost: its money is away.
GIVEN_BACK: Final = Check(
    ("payment_given_back",),
    """
    WITH books AS (
        SELECT coalesce(r.payment_id, d.payment_id) AS payment_id, sum(e.amount_satang) AS given,
            min(CAST(p.id AS text)) AS posting_id
        FROM ledger_entries e
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'gateway'
        JOIN ledger_postings p ON p.id = e.posting_id
        LEFT JOIN refunds r ON 'refund:' || r.id = p.reference
        LEFT JOIN disputes d ON d.gateway_dispute_id = p.reference
        WHERE p.kind IN ('refund', 'refund_failed', 'dispute', 'dispute_won')
            AND coalesce(r.payment_id, d.payment_id) IS NOT NULL
        GROUP BY 1
    ), owed AS (
        SELECT payment_id, sum(satang) AS satang FROM (
            SELECT payment_id, amount_satang - kept_satang AS satang FROM refunds
            WHERE destination = 'gateway' AND state IN ('sent', 'succeeded')
            UNION ALL
            SELECT payment_id, amount_satang FROM disputes WHERE state IN ('open', 'lost')
        ) parts GROUP BY payment_id
    )
    SELECT 'payment_given_back' AS code, 'payment' AS subject_type,
        CAST(payment_id AS text) AS subject_id,
        CAST(coalesce(o.satang, 0) AS bigint) AS expected,
        CAST(coalesce(b.given, 0) AS bigint) AS actual, pay.currency,
        jsonb_build_object('payment_id', payment_id, 'posting_id', b.posting_id,
            'order_id', CASE pay.purpose WHEN 'order' THEN pay.subject_id END) AS detail
    FROM books b FULL JOIN owed o USING (payment_id)
    JOIN payments pay ON pay.id = payment_id
    WHERE coalesce(b.given, 0) <> coalesce(o.satang, 0)
    """,
)
