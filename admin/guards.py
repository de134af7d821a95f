"""Who may open which panel, and ids that came in by an address."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from storefront.accounts.rules import Permission
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.web import permitted

see_orders: Final = permitted(Permission.SEE_ORDERS)
manage_catalog: Final = permitted(Permission.MANAGE_CATALOG)
manage_promos: Final = permitted(Permission.MANAGE_PROMOS)
see_audit: Final = permitted(Permission.SEE_AUDIT)
adjust_wallets: Final = permitted(Permission.ADJUST_WALLETS)
refund_money: Final = permitted(Permission.REFUND)
manage_topups: Final = permitted(Permission.MANAGE_TOPUPS)
see_payments: Final = permitted(Permission.SEE_PAYMENTS)
see_ledger: Final = permitted(Permission.SEE_LEDGER)
manage_webhooks: Final = permitted(Permission.MANAGE_WEBHOOKS)
manage_jobs: Final = permitted(Permission.MANAGE_JOBS)
manage_seller: Final = permitted(Permission.MANAGE_SELLER)
see_licenses: Final = permitted(Permission.SEE_LICENSES)
manage_licenses: Final = permitted(Permission.MANAGE_LICENSES)
trace_leaks: Final = permitted(Permission.TRACE_LEAKS)
reconcile: Final = permitted(Permission.RECONCILE)
manage_outgoing: Final = permitted(Permission.MANAGE_OUTGOING)
manage_discord_roles: Final = permitted(Permission.MANAGE_DISCORD_ROLES)


def wanted_id(text: str, what: str) -> UUID:
    """An id from an address. Raises NotFound(what) when it is none."""
    wanted = parse_id(text)
    if wanted is None:
        raise NotFound(what)
    return wanted
