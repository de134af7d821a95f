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
}
