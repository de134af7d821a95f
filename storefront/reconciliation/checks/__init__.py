"""The checks, in the order in which a run makes them."""

from __future__ import annotations

from typing import Final

from storefront.reconciliation.checks.check import Check
from storefront.reconciliation.checks.gateway import FEES, SOURCES
from storefront.reconciliation.checks.ledger import POSTINGS, TOTALS, WALLETS
from storefront.reconciliation.checks.orders import COUNTERS, HELD, ORDERS, REFUNDS
from storefront.reconciliation.checks.payments import GIVEN_BACK, PAYMENTS

__all__ = ["ALL_CODES", "BOOKS", "GATEWAY", "Check"]

# What the shop can tell without asking anybody.
BOOKS: Final = (
    *(POSTINGS, TOTALS, WALLETS),
    *(ORDERS, HELD, COUNTERS, REFUNDS),
    *(PAYMENTS, GIVEN_BACK),
)
GATEWAY: Final = (SOURCES, FEES)

ALL_CODES: Final = tuple(code for check in (*BOOKS, *GATEWAY) for code in check.codes)
