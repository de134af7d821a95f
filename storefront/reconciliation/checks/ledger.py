"""The ledger against itself."""

from __future__ import annotations

from typing import Final

from storefront.reconciliation.checks.check import Check

# L1. A deferred trigger refuses such a posting, unless somebody switched it off.
POSTINGS: Final = Check(
    ("posting_unbalanced",),
    """
    SELECT 'posting_unbalanced' AS code, 'posting' AS subject_type,
        CAST(posting_id AS text) AS subject_id, CAST(0 AS bigint) AS expected,
        CAST(sum(amount_satang) AS bigint) AS actual, currency,
        jsonb_build_object('posting_id', posting_id) AS detail
    FROM ledger_entries
    GROUP BY posting_id, currency HAVING sum(amount_satang) <> 0
    """,
)

TOTALS: Final = Check(
    ("ledger_unbalanced",),
    """
    SELECT 'ledger_unbalanced' AS code, 'currency' AS subject_type, currency AS subject_id,
        CAST(0 AS bigint) AS expected, CAST(sum(amount_satang) AS bigint) AS actual, currency,
        CAST('{}' AS jsonb) AS detail
    FROM ledger_entries
    GROUP BY currency HAVING sum(amount_satang) <> 0
    """,
)

# L3. The entries are the truth, the balance is a copy, and the lots are what can be spent of it.
WALLETS: Final = Check(
    ("wallet_balance", "wallet_lots"),
    """
    SELECT c.code, 'account' AS subject_type, CAST(w.id AS text) AS subject_id,
        CAST(c.expected AS bigint) AS expected, CAST(c.actual AS bigint) AS actual, w.currency,
        jsonb_build_object('user_id', w.user_id, 'account', w.kind) AS detail
    FROM (
        SELECT a.id, a.user_id, a.kind, a.currency, a.balance_satang AS balance,
            coalesce(e.total, 0) AS entries, coalesce(l.remaining, 0) AS lots
        FROM ledger_accounts a
        LEFT JOIN (SELECT account_id, sum(amount_satang) AS total FROM ledger_entries
            GROUP BY account_id) e ON e.account_id = a.id
        LEFT JOIN (SELECT account_id, sum(remaining_satang) AS remaining FROM wallet_lots
            GROUP BY account_id) l ON l.account_id = a.id
        WHERE a.user_id IS NOT NULL
    ) w
    CROSS JOIN LATERAL (VALUES
        ('wallet_balance', w.entries, w.balance, w.balance <> w.entries),
        ('wallet_lots', w.balance, w.lots, w.kind <> 'debt' AND w.balance <> w.lots)
    ) AS c (code, expected, actual, is_broken)
    WHERE c.is_broken
    """,
)
