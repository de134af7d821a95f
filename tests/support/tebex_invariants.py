"""The invariants of purchases made at Tebex, as SQL; see `invariants`."""

TEBEX_INVARIANTS = {
    "K6 a licence from Tebex comes of a purchase that its owner claimed, or was given by them": """
        SELECT l.id FROM licenses l WHERE l.source = 'tebex' AND NOT EXISTS (
            SELECT 1 FROM tebex_purchases p WHERE p.transaction_id = l.source_reference
                AND (p.user_id = l.user_id OR p.user_id IS NOT NULL AND EXISTS (
                    SELECT 1 FROM license_gifts g
                    WHERE g.license_id = l.id AND g.state = 'accepted')))""",
    "K6 a line of a Tebex purchase has a licence per unit and product, none before it is known": """
        SELECT n.id FROM tebex_purchase_lines n
        JOIN tebex_purchases p ON p.id = n.purchase_id
        LEFT JOIN licenses l ON l.source = 'tebex' AND l.source_reference = p.transaction_id
            AND l.unit BETWEEN n.first_unit AND n.first_unit + n.quantity - 1
        GROUP BY n.id
        HAVING (count(l.id) = 0) <> (n.variant_id IS NULL)
            OR count(DISTINCT l.unit) NOT IN (0, n.quantity)
            OR count(l.id) FILTER (WHERE l.variant_id <> n.variant_id) > 0""",
    "K6 the keys of a Tebex purchase are over when it is, and held while a bank disputes it": """
        SELECT l.id FROM licenses l JOIN tebex_purchases p
            ON l.source = 'tebex' AND p.transaction_id = l.source_reference
        WHERE (p.state = 'ended' AND l.status <> 'revoked')
            OR (p.dispute = 'open' AND l.status IN ('active', 'expired'))""",
    "K6 a transaction at Tebex is a purchase or a renewal, never both": """
        SELECT r.id FROM tebex_renewals r
        JOIN tebex_purchases p ON p.transaction_id = r.transaction_id""",
    "K6 time that was paid for elsewhere comes of a renewal of the purchase that made the key": """
        SELECT t.id FROM license_terms t JOIN licenses l ON l.id = t.license_id
        WHERE t.source_reference IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM tebex_renewals r JOIN tebex_purchases p ON p.id = r.purchase_id
            WHERE r.transaction_id = t.source_reference AND r.paid_at IS NOT NULL
                AND l.source = 'tebex' AND l.source_reference = p.transaction_id)""",
    "K6 a renewal at Tebex counts unless its money went back or a bank has it": """
        SELECT t.id FROM license_terms t JOIN tebex_renewals r
            ON r.transaction_id = t.source_reference
        WHERE ('tebex:' || r.id = ANY (t.withdrawn_for))
            <> (r.refunded_at IS NOT NULL OR r.dispute IN ('open', 'lost'))""",
}
