"""The one place that changes the status of a licence: by the transition table, under its lock."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from storefront.errors import Conflict
from storefront.kit.state import AlreadyDone, Moved
from storefront.licenses.models import LICENSE_MACHINE, License, LicenseAction, LicenseStatus

# How a licence that money gives back gets to what it was before.
_WAY_BACK: Final = {
    LicenseStatus.ACTIVE: None,
    LicenseStatus.EXPIRED: LicenseAction.EXPIRE,
    LicenseStatus.SUSPENDED: LicenseAction.SUSPEND,
    LicenseStatus.REVOKED: LicenseAction.REVOKE,
}


def take_action(license: License, action: LicenseAction) -> bool:
    """Move a locked licence; False when that was done before. Raises Conflict `license_is_<status>`
    where the action has no meaning."""
    outcome = LICENSE_MACHINE.next_state(LicenseStatus(license.status), action)
    if isinstance(outcome, Moved):
        license.status = outcome.state
        return True
    if isinstance(outcome, AlreadyDone):
        return False
    raise Conflict(f"license_is_{license.status}", f"cannot {action} {license.id}")


def settle_expiry(license: License, *, now: datetime) -> bool:
    """Mark a locked licence that is active beyond its end as expired; whether it was."""
    is_due = license.effective_status(now) != license.status
    return is_due and take_action(license, LicenseAction.EXPIRE)


def hold_down(license: License, action: LicenseAction, *, cause: str) -> bool:
    """Suspend or revoke a locked licence for a refund or a dispute, which alone brings it back. Of
    two causes in a row the first knows what the licence was. Whether anything changed."""
    before, had_cause = license.status, license.cause is not None
    moved = take_action(license, action)
    if not moved and had_cause:
        return False
    license.status_before = license.status_before or before
    license.cause = cause
    return True


def let_go(license: License) -> bool:
    """What held a locked licence down has come to nothing: it is what it was before. Whether
    anything changed."""
    if license.status_before is None:
        return False
    way = _WAY_BACK[LicenseStatus(license.status_before)]
    license.status_before = license.cause = None
    take_action(license, LicenseAction.REINSTATE)
    if way is not None:
        take_action(license, way)
    return True


def forget_cause(license: License) -> None:
    """Staff decided by hand: no refund and no dispute brings the licence back any more."""
    license.status_before = license.cause = None
