"""The invariants of what is bought for keys that exist, as SQL."""

from __future__ import annotations

# Each query lists the rows that break one invariant.
TERM_INVARIANTS = {
    "O1 a line about a key has one change of its terms, which is where the order is": """
        SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id
        LEFT JOIN license_terms t ON t.order_line_id = i.id
        WHERE (i.license_id IS NULL) <> (t.id IS NULL) OR t.license_id <> i.license_id
            OR t.purpose <> i.purpose OR t.variant_id <> i.variant_id
            OR t.state <> CASE WHEN o.state IN ('pending', 'processing') THEN 'held'
                WHEN o.state IN ('cancelled', 'expired') THEN 'released' ELSE 'applied' END""",
    "K2 what was bought for a key counts unless it was given back in full": """
        SELECT t.id FROM license_terms t JOIN order_items i ON i.id = t.order_line_id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(l.amount_satang), 0) AS satang FROM refund_lines l
            JOIN refunds r ON r.id = l.refund_id AND r.state <> 'failed' AND r.licenses = 'revoke'
            WHERE l.order_line_id = i.id) back ON true
        WHERE i.total_satang > i.discount_satang
            AND ('refund:' || i.order_id = ANY (t.withdrawn_for))
                <> (back.satang >= i.total_satang - i.discount_satang)""",
    "K2 what was bought for a key does not count while a bank has its money": """
        SELECT t.id FROM license_terms t JOIN order_items i ON i.id = t.order_line_id
        JOIN payments p ON p.purpose = 'order' AND p.subject_id = i.order_id
        JOIN ledger_postings l ON l.kind = 'purchase' AND l.reference = p.gateway_payment_id
        JOIN disputes d ON d.payment_id = p.id
        WHERE t.state = 'applied' AND (d.state IN ('open', 'lost'))
            <> ('dispute:' || d.id = ANY (t.withdrawn_for))""",
    "K4 a licence has the terms of its purchases in effect": """
        WITH RECURSIVE chain AS (
            SELECT t.*, t.withdrawn_for = '{}' AS counts,
                row_number() OVER (PARTITION BY license_id ORDER BY applied_at, id) AS n
            FROM license_terms t WHERE t.state = 'applied'),
        walk (license_id, n, variant_id, slots, ends_at) AS (
            SELECT license_id, 0::bigint, before_variant_id, before_slots, before_end
            FROM chain WHERE n = 1
            UNION ALL
            SELECT c.license_id, c.n,
                CASE WHEN c.counts AND c.slots >= w.slots THEN c.variant_id
                    ELSE w.variant_id END,
                CASE WHEN c.counts THEN greatest(c.slots, w.slots) ELSE w.slots END,
                CASE WHEN NOT c.counts THEN m.ends_at
                    WHEN m.ends_at IS NULL OR c.duration_days IS NULL THEN NULL
                    WHEN c.purpose = 'renew' THEN greatest(m.ends_at, c.applied_at)
                        + c.duration_days * interval '24 hours'
                    ELSE greatest(m.ends_at,
                        c.starts_at + c.duration_days * interval '24 hours') END
            FROM walk w JOIN chain c ON c.license_id = w.license_id AND c.n = w.n + 1
            CROSS JOIN LATERAL (SELECT CASE
                WHEN c.before_end IS NOT DISTINCT FROM c.expected_end THEN w.ends_at
                WHEN c.before_end IS NULL OR c.expected_end IS NULL OR w.ends_at IS NULL
                    THEN c.before_end
                ELSE w.ends_at + (c.before_end - c.expected_end) END AS ends_at) m)
        SELECT k.id FROM walk w JOIN licenses k ON k.id = w.license_id
        WHERE w.n = (SELECT max(c.n) FROM chain c WHERE c.license_id = w.license_id)
            AND (k.slots <> w.slots OR k.variant_id <> w.variant_id
                OR (k.expires_at IS DISTINCT FROM w.ends_at AND NOT EXISTS (
                    SELECT 1 FROM license_events e
                    WHERE e.license_id = k.id AND e.action = 'extended')))""",
}
