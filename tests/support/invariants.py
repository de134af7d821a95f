"""The invariants of money, stock, orders and keys, as SQL. Checked after every test."""

from __future__ import annotations

from sqlalchemy import text

from storefront.db import Database

# Each query lists the rows that break one invariant.
INVARIANTS = {
    "L1 a posting sums to zero": """
        SELECT posting_id FROM ledger_entries GROUP BY posting_id, currency
        HAVING sum(amount_satang) <> 0""",
    "L3 a wallet's balance is the sum of its entries": """
        SELECT a.id FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id
        WHERE a.user_id IS NOT NULL
        GROUP BY a.id HAVING a.balance_satang <> coalesce(sum(e.amount_satang), 0)""",
    "L3 what is left of its lots is a wallet's balance": """
        SELECT a.id FROM ledger_accounts a LEFT JOIN wallet_lots l ON l.account_id = a.id
        WHERE a.user_id IS NOT NULL
        GROUP BY a.id HAVING a.balance_satang <> coalesce(sum(l.remaining_satang), 0)""",
    "L3 what is left of a lot is what came less what was used": """
        SELECT l.id FROM wallet_lots l LEFT JOIN wallet_lot_uses u ON u.lot_id = l.id
        GROUP BY l.id
        HAVING l.remaining_satang <> l.amount_satang - coalesce(sum(u.amount_satang), 0)""",
    "L3 every credit of a wallet is one lot of its pot": """
        SELECT e.id FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
        LEFT JOIN wallet_lots l ON l.posting_id = e.posting_id AND l.account_id = e.account_id
        WHERE a.user_id IS NOT NULL AND e.amount_satang > 0
            AND (l.amount_satang IS DISTINCT FROM e.amount_satang
                OR a.kind <> 'wallet_' || l.pot)""",
    "L3 every debit of a wallet is uses of its lots": """
        SELECT e.id FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
        LEFT JOIN (wallet_lot_uses u JOIN wallet_lots l ON l.id = u.lot_id)
            ON u.posting_id = e.posting_id AND l.account_id = e.account_id
        WHERE a.user_id IS NOT NULL AND e.amount_satang < 0
        GROUP BY e.id HAVING coalesce(sum(u.amount_satang), 0) <> -e.amount_satang""",
    "L3 nothing is used but by a debit": """
        SELECT u.id FROM wallet_lot_uses u JOIN wallet_lots l ON l.id = u.lot_id
        LEFT JOIN ledger_entries e
            ON e.posting_id = u.posting_id AND e.account_id = l.account_id AND e.amount_satang < 0
        WHERE e.id IS NULL""",
    "bonus is not spent after its time": """
        SELECT u.id FROM wallet_lot_uses u JOIN wallet_lots l ON l.id = u.lot_id
        JOIN ledger_postings p ON p.id = u.posting_id
        WHERE p.posted_at >= l.expires_at AND p.kind NOT IN ('bonus_expiry', 'bonus_clawback')""",
    "L6 a top-up gives the bonus it promised, once": """
        SELECT t.id FROM topups t
        LEFT JOIN ledger_postings p ON p.subject_id = t.id AND p.kind = 'topup'
        LEFT JOIN wallet_lots l ON l.posting_id = p.id AND l.pot = 'bonus'
        GROUP BY t.id HAVING coalesce(sum(l.amount_satang), 0)
            <> CASE t.state WHEN 'completed' THEN t.bonus_satang ELSE 0 END""",
    "L6 no more bonus is taken back than was given, nor for more than was paid": """
        SELECT t.id FROM topups t JOIN bonus_clawbacks c ON c.topup_id = t.id
        GROUP BY t.id HAVING sum(c.taken_satang + c.shortfall_satang) > t.bonus_satang
            OR sum(c.refunded_satang) > t.amount_satang""",
    "L6 a clawback is booked as it is written": """
        SELECT c.id FROM bonus_clawbacks c
        LEFT JOIN wallet_lot_uses u ON u.posting_id = c.posting_id
        GROUP BY c.id HAVING c.taken_satang <> coalesce(sum(u.amount_satang), 0)""",
    "A2 an adjustment by staff is booked as it is written, with an audit entry": """
        SELECT w.id FROM wallet_adjustments w
        LEFT JOIN ledger_entries e ON e.posting_id = w.posting_id
            AND e.account_id IN (SELECT id FROM ledger_accounts WHERE user_id = w.user_id)
        WHERE e.amount_satang IS DISTINCT FROM w.amount_satang OR NOT EXISTS (
            SELECT 1 FROM audit_entries a WHERE a.action = 'adjust_wallet'
                AND a.subject_id = w.user_id::text AND a.actor_id = w.actor_id)""",
    "L4 no wallet below zero": "SELECT id FROM ledger_accounts WHERE balance_satang < 0",
    "R1 a captured payment is booked exactly once": """
        SELECT p.id FROM payments p
        LEFT JOIN ledger_postings l ON l.reference = p.gateway_payment_id
        WHERE p.state = 'succeeded' GROUP BY p.id HAVING count(l.id) <> 1""",
    "R1 nothing is booked for a payment that was not captured": """
        SELECT l.id FROM ledger_postings l
        LEFT JOIN payments p ON p.gateway_payment_id = l.reference AND p.state = 'succeeded'
        WHERE l.kind IN ('topup', 'wallet_credit') AND p.id IS NULL""",
    "a fee of the gateway is booked as the gateway took it": """
        SELECT m.id FROM gateway_movements m LEFT JOIN ledger_postings l
            ON l.kind = 'gateway_fee' AND l.reference = m.id
        LEFT JOIN ledger_entries e ON e.posting_id = l.id AND e.account_id IN
            (SELECT id FROM ledger_accounts WHERE kind = 'gateway')
        WHERE l.id IS DISTINCT FROM m.posting_id
            OR (l.id IS NOT NULL AND e.amount_satang IS DISTINCT FROM m.cost_satang)""",
    "O1 a completed order that costs money has one purchase posting of its total": """
        SELECT o.id FROM orders o
        LEFT JOIN ledger_postings l ON l.subject_id = o.id AND l.kind = 'purchase'
        LEFT JOIN ledger_entries e ON e.posting_id = l.id AND e.account_id IN
            (SELECT id FROM ledger_accounts WHERE kind = 'sales')
        WHERE o.state = 'completed' AND o.total_satang > 0
        GROUP BY o.id HAVING count(l.id) <> 1 OR sum(e.amount_satang) <> o.total_satang""",
    "O1 an order that is not completed has no purchase posting": """
        SELECT o.id FROM orders o JOIN ledger_postings l
            ON l.subject_id = o.id AND l.kind = 'purchase'
        WHERE o.state IN ('pending', 'processing', 'cancelled', 'expired')""",
    "O1 a completed order has a licence per unit and product": """
        SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id
        LEFT JOIN licenses l ON l.order_line_id = i.id
        WHERE o.state = 'completed' GROUP BY i.id
        HAVING count(l.id) <> i.quantity * cardinality(i.product_ids)""",
    "O1 an order that is not completed has no licence": """
        SELECT l.id FROM licenses l JOIN order_items i ON i.id = l.order_line_id
        JOIN orders o ON o.id = i.order_id
        WHERE o.state IN ('pending', 'processing', 'cancelled', 'expired')""",
    "O4 the total is that of the lines": """
        SELECT o.id FROM orders o JOIN order_items i ON i.order_id = o.id
        GROUP BY o.id HAVING sum(i.total_satang) <> o.subtotal_satang""",
    "S1 sold and held never pass the stock": """
        SELECT id FROM variants WHERE stock <> -1 AND sold + held > stock""",
    "S2 held units are those of open holds": """
        SELECT v.id FROM variants v LEFT JOIN stock_holds h
            ON h.variant_id = v.id AND h.state = 'held'
        GROUP BY v.id HAVING v.held <> coalesce(sum(h.quantity), 0)""",
    "S2 only open orders hold stock": """
        SELECT h.order_id FROM stock_holds h JOIN orders o ON o.id = h.order_id
        WHERE (h.state = 'held') <> (o.state IN ('pending', 'processing'))""",
    "S2 held units of a flash sale are those of open holds": """
        SELECT f.id FROM flash_sale_items f LEFT JOIN stock_holds h
            ON h.flash_sale_item_id = f.id AND h.state = 'held'
        GROUP BY f.id HAVING f.held <> coalesce(sum(h.quantity), 0)""",
    "S3 sold units of a flash sale are those of taken holds": """
        SELECT f.id FROM flash_sale_items f LEFT JOIN stock_holds h
            ON h.flash_sale_item_id = f.id AND h.state = 'taken'
        GROUP BY f.id HAVING f.sold <> coalesce(sum(h.quantity), 0)""",
    "a card offers the first tier that can be had": """
        SELECT p.id FROM products p LEFT JOIN LATERAL (
            SELECT v.id, v.price_satang, v.original_price_satang,
                v.stock <> -1 AND v.sold + v.held >= v.stock AS sold_out
            FROM variants v WHERE v.product_id = p.id
            ORDER BY sold_out, v.position, v.price_satang, v.id LIMIT 1) v ON true
        WHERE (p.offer_variant_id, p.offer_price_satang, p.offer_original_satang,
               p.offer_is_sold_out)
            IS DISTINCT FROM
            (v.id, v.price_satang, v.original_price_satang, coalesce(v.sold_out, false))""",
    "the price history ends with the price of now": """
        SELECT v.id FROM variants v WHERE v.price_satang IS DISTINCT FROM (
            SELECT c.price_satang FROM price_changes c WHERE c.variant_id = v.id
            ORDER BY c.began_at DESC LIMIT 1)""",
    "O4 the discount is that of the lines and of the code's use": """
        SELECT o.id FROM orders o JOIN order_items i ON i.order_id = o.id
        LEFT JOIN promo_uses u ON u.order_id = o.id
        GROUP BY o.id, u.id HAVING sum(i.discount_satang) <> o.discount_satang
            OR coalesce(u.discount_satang, 0) <> o.discount_satang""",
    "P1 a code is used as often as it has uses that count": """
        SELECT p.id FROM promo_codes p LEFT JOIN promo_uses u
            ON u.promo_id = p.id AND u.state IN ('reserved', 'taken')
        GROUP BY p.id HAVING p.used <> count(u.id) OR p.used > p.total_limit""",
    "P2 no customer passes their limit": """
        SELECT p.id FROM promo_codes p JOIN promo_uses u
            ON u.promo_id = p.id AND u.state IN ('reserved', 'taken')
        GROUP BY p.id, u.user_id HAVING count(*) > p.per_customer_limit""",
    "P3 a use is reserved, taken or given back with its order": """
        SELECT u.id FROM promo_uses u JOIN orders o ON o.id = u.order_id
        WHERE (u.state = 'reserved') <> (o.state IN ('pending', 'processing'))
            OR (u.state = 'taken' AND o.state NOT IN ('completed', 'partially_refunded'))""",
    "every state has an event that led to it": """
        SELECT o.id FROM orders o WHERE o.state IS DISTINCT FROM (
            SELECT e.to_state FROM order_events e WHERE e.order_id = o.id
            ORDER BY e.id DESC LIMIT 1)""",
}


def check_invariants(database: Database) -> None:
    """Raise AssertionError naming each broken invariant and its rows."""
    broken = {}
    with database.reading() as session:
        for name, query in INVARIANTS.items():
            rows = session.execute(text(query)).all()
            if rows:
                broken[name] = rows[:5]
    assert not broken, broken
