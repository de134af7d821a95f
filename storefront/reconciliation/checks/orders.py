"""The ledger against the orders."""

from __future__ import annotations

from typing import Final

from storefront.reconciliation.checks.check import Check

# O1: a paid order is booked exactly once, with its total; what is not paid is not booked.
ORDERS: Final = Check(
    (
        "order_unbooked",
        "order_booked_twice",
        "order_amount",
        "order_not_paid",
        "purchase_without_order",
    ),
    """
    WITH booked AS (
        SELECT p.subject_id AS order_id, count(DISTINCT p.id) AS postings,
            sum(e.amount_satang) AS total, min(CAST(p.id AS text)) AS posting_id
        FROM ledger_postings p
        LEFT JOIN ledger_entries e ON e.posting_id = p.id
            AND e.account_id IN (SELECT id FROM ledger_accounts WHERE kind = 'sales')
        WHERE p.kind = 'purchase'
        GROUP BY p.subject_id
    ), compared AS (
        SELECT o.id, o.number, o.currency, coalesce(b.postings, 0) AS postings,
            coalesce(b.total, 0) AS booked, b.posting_id,
            CASE WHEN o.state IN ('completed', 'partially_refunded', 'refunded')
                THEN o.total_satang ELSE 0 END AS owed
        FROM orders o FULL JOIN booked b ON b.order_id = o.id
    )
    SELECT
        CASE WHEN id IS NULL THEN 'purchase_without_order'
            WHEN owed = 0 THEN 'order_not_paid'
            WHEN postings = 0 THEN 'order_unbooked'
            WHEN postings > 1 THEN 'order_booked_twice'
            ELSE 'order_amount' END AS code,
        CASE WHEN id IS NULL THEN 'posting' ELSE 'order' END AS subject_type,
        coalesce(CAST(id AS text), posting_id) AS subject_id,
        CAST(owed AS bigint) AS expected, CAST(booked AS bigint) AS actual,
        coalesce(currency, 'THB') AS currency,
        jsonb_build_object('order_id', id, 'reference', 'QR-' || number,
            'posting_id', posting_id, 'postings', postings) AS detail
    FROM compared
    WHERE id IS NULL OR booked <> owed OR postings > 1 OR (owed > 0 AND postings = 0)
    """,
)

# What was taken out of wallets and has not arrived anywhere: the wallet's part of open orders, and
# refunds of wallet money that the gateway has not taken yet.
HELD: Final = Check(
    ("held_amount",),
    """
    WITH books AS (
        SELECT
            CASE WHEN p.kind = 'purchase' THEN 'order:' || p.subject_id
                WHEN p.reference LIKE 'order:%' OR p.reference LIKE 'refund:%' THEN p.reference
                ELSE 'posting:' || p.id END AS held_for,
            sum(e.amount_satang) AS held, min(e.currency) AS currency,
            min(CAST(p.id AS text)) AS posting_id
        FROM ledger_entries e
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'held'
        JOIN ledger_postings p ON p.id = e.posting_id
        GROUP BY 1
    ), owed AS (
        SELECT 'order:' || id AS held_for, wallet_satang AS satang, currency
        FROM orders WHERE state IN ('pending', 'processing') AND wallet_satang > 0
            AND payment_method IN ('stripe', 'promptpay')
        UNION ALL
        SELECT 'refund:' || id, amount_satang - kept_satang, currency
        FROM refunds WHERE order_id IS NULL AND state = 'pending'
    )
    SELECT 'held_amount' AS code, split_part(held_for, ':', 1) AS subject_type,
        split_part(held_for, ':', 2) AS subject_id,
        CAST(coalesce(o.satang, 0) AS bigint) AS expected,
        CAST(coalesce(b.held, 0) AS bigint) AS actual,
        coalesce(o.currency, b.currency) AS currency,
        jsonb_build_object('posting_id', b.posting_id, 'order_id',
            CASE WHEN held_for LIKE 'order:%' THEN split_part(held_for, ':', 2) END) AS detail
    FROM books b FULL JOIN owed o USING (held_for)
    WHERE coalesce(b.held, 0) <> coalesce(o.satang, 0)
    """,
)

# The counters that guard against giving back more than was paid (R4) against the refunds.
COUNTERS: Final = Check(
    ("order_refunded", "line_refunded", "payment_refunded"),
    """
    WITH given AS (
        SELECT id, order_id, payment_id, amount_satang FROM refunds WHERE state <> 'failed'
    ), compared AS (
        SELECT 'order_refunded' AS code, 'order' AS subject_type, o.id, o.id AS order_id,
            CAST(NULL AS uuid) AS payment_id, o.currency, o.refunded_satang AS counted, g.total
        FROM orders o LEFT JOIN (
            SELECT order_id, sum(amount_satang) AS total FROM given
            WHERE order_id IS NOT NULL GROUP BY order_id
        ) g ON g.order_id = o.id
        UNION ALL
        SELECT 'line_refunded', 'order_line', i.id, i.order_id, NULL, 'THB', i.refunded_satang,
            g.total
        FROM order_items i LEFT JOIN (
            SELECT l.order_line_id, sum(l.amount_satang) AS total
            FROM refund_lines l JOIN given r ON r.id = l.refund_id GROUP BY l.order_line_id
        ) g ON g.order_line_id = i.id
        UNION ALL
        SELECT 'payment_refunded', 'payment', p.id, NULL, p.id, p.currency, p.refunded_satang,
            g.total
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(amount_satang) AS total FROM given
            WHERE payment_id IS NOT NULL GROUP BY payment_id
        ) g ON g.payment_id = p.id
    )
    SELECT code, subject_type, CAST(id AS text) AS subject_id,
        CAST(coalesce(total, 0) AS bigint) AS expected, CAST(counted AS bigint) AS actual,
        currency, jsonb_build_object('order_id', order_id, 'payment_id', payment_id) AS detail
    FROM compared WHERE counted <> coalesce(total, 0)
    """,
)

# A refund of an order is booked once it cannot be taken back by ourselves, and not before.
REFUNDS: Final = Check(
    ("refund_booking",),
    """
    WITH books AS (
        SELECT p.reference, -sum(e.amount_satang) AS booked, min(e.currency) AS currency,
            min(CAST(p.id AS text)) AS posting_id
        FROM ledger_entries e
        JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'refunds'
        JOIN ledger_postings p ON p.id = e.posting_id
        GROUP BY p.reference
    ), owed AS (
        SELECT 'refund:' || id AS reference, order_id, payment_id, currency,
            CASE WHEN state IN ('sent', 'succeeded') THEN amount_satang ELSE 0 END AS satang
        FROM refunds WHERE order_id IS NOT NULL
    )
    SELECT 'refund_booking' AS code, 'refund' AS subject_type,
        replace(reference, 'refund:', '') AS subject_id,
        CAST(coalesce(o.satang, 0) AS bigint) AS expected,
        CAST(coalesce(b.booked, 0) AS bigint) AS actual,
        coalesce(o.currency, b.currency) AS currency,
        jsonb_build_object('order_id', o.order_id, 'payment_id', o.payment_id,
            'posting_id', b.posting_id) AS detail
    FROM books b FULL JOIN owed o USING (reference)
    WHERE coalesce(b.booked, 0) <> coalesce(o.satang, 0)
    """,
)
