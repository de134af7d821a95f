"""Who may do what, and where a sign-in may lead."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from storefront.accounts.models import Role

# OWASP ASVS 5, 7.5.3: what is worth stealing asks for a fresh sign-in.
RECENT_SIGN_IN: Final = timedelta(minutes=30)


class Permission(StrEnum):
    """Named rights of staff; a route declares one, a role carries several."""

    SEE_ORDERS = "see_orders"
    MANAGE_CATALOG = "manage_catalog"
    SEE_AUDIT = "see_audit"
    MANAGE_PROMOS = "manage_promos"
    ADJUST_WALLETS = "adjust_wallets"
    MANAGE_TOPUPS = "manage_topups"
    RECONCILE = "reconcile"
    REFUND = "refund"
    SEE_PAYMENTS = "see_payments"
    SEE_LEDGER = "see_ledger"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE_JOBS = "manage_jobs"
    MANAGE_SELLER = "manage_seller"
    SEE_LICENSES = "see_licenses"
    MANAGE_LICENSES = "manage_licenses"
    MANAGE_OUTGOING = "manage_outgoing"
    MANAGE_DISCORD_ROLES = "manage_discord_roles"
    TRACE_LEAKS = "trace_leaks"


_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.CUSTOMER: frozenset(),
    Role.MODERATOR: frozenset(
        {Permission.SEE_ORDERS, Permission.SEE_PAYMENTS, Permission.SEE_LICENSES}
    ),
    Role.ADMIN: frozenset(Permission),
}


def role_permits(role: Role, permission: Permission) -> bool:
    """Whether people of this role have that right."""
    return permission in _PERMISSIONS[role]


def is_recent(signed_in_at: datetime, *, now: datetime) -> bool:
    """Whether somebody signed in so shortly before that it is still they who sit there: within 30
    minutes."""
    return signed_in_at > now - RECENT_SIGN_IN


def safe_next_path(target: str | None, *, fallback: str = "/") -> str:
    """Where to go after sign-in: a path of our own, else the fallback.

    Browsers read backslashes as slashes and drop control characters, so both are refused: an
    address like //evil.example or /\\evil.example would lead away (OWASP ASVS 5, 3.7.2).
    """
    if not target or len(target) > 500 or not target.startswith("/"):
        return fallback
    if target.startswith("//") or "\\" in target or any(ord(symbol) < 32 for symbol in target):
        return fallback
    parts = urlsplit(target)
    return fallback if parts.scheme or parts.netloc else target
