"""Is this key good? The rules of a verdict, without a database."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from storefront.licenses.models import LicenseStatus, effective_status

NEXT_CHECK: Final = timedelta(hours=6)
GRACE: Final = timedelta(hours=72)


class Code(StrEnum):
    """Verdicts, stable for programs."""

    VALID = "VALID"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    PRODUCT_MISMATCH = "PRODUCT_MISMATCH"
    VERSION_NOT_ALLOWED = "VERSION_NOT_ALLOWED"
    IP_NOT_ALLOWED = "IP_NOT_ALLOWED"
    IP_SLOTS_FULL = "IP_SLOTS_FULL"


MESSAGES: Final = {
    Code.VALID: "The licence is valid.",
    Code.NOT_FOUND: "This licence key is unknown. Check it for typing mistakes.",
    Code.EXPIRED: "This licence has expired. Renew it in the shop.",
    Code.REVOKED: "This licence was revoked. Contact the seller.",
    Code.SUSPENDED: "This licence is suspended. Contact the seller.",
    Code.PRODUCT_MISMATCH: "This licence key belongs to another product.",
    Code.VERSION_NOT_ALLOWED: "The seller took this version back. Update to version {latest}.",
    Code.IP_NOT_ALLOWED: "The address {address} is not on this licence's list. Allow it: {url}",
    Code.IP_SLOTS_FULL: "All {slots} server slots of this licence are taken. Free one: {url}",
}
_NO_UPDATE: Final = "The seller took this version back. Install another one."
_BY_STATUS: Final = {
    LicenseStatus.ACTIVE: Code.VALID,
    LicenseStatus.EXPIRED: Code.EXPIRED,
    LicenseStatus.SUSPENDED: Code.SUSPENDED,
    LicenseStatus.REVOKED: Code.REVOKED,
}


# Named tuples, here and below: made for every question, in a third of a frozen dataclass's time.
class Question(NamedTuple):
    """What was asked. `product` is a slug in lower case, `address` the caller's, `network` the
    server's (see `addresses`); what was not sent is empty. `server_id` and `nonce` are exactly as
    sent, the rest is fit to be stored."""

    key: str
    product: str
    resource: str
    version: str
    server_id: str
    nonce: str
    event: str
    address: str
    network: str


class Facts(NamedTuple):
    """What is known of a licence that was found. `seen_at` is when this server was last seen on a
    slot it holds, `idle_since` when the slot that was unseen for longest was; `is_auto` says that
    there is no list of addresses."""

    license_id: UUID
    key_hint: str
    product: str
    status: str
    expires_at: datetime | None
    slots: int
    username: str
    is_banned: bool
    is_auto: bool
    is_allowed: bool
    is_yanked: bool
    latest_version: str
    used: int
    seen_at: datetime | None
    idle_since: datetime | None


class Verdict(NamedTuple):
    """The decision; `facts` is None when the key is unknown. `used` counts the slots after it."""

    code: Code
    facts: Facts | None
    used: int = 0


def judge(facts: Facts | None, question: Question, *, now: datetime) -> Code:
    """The verdict as far as it does not hang on slots.

    A key bought for another product says so only when it is otherwise known, whatever its state.
    A version is refused only when it is a release that the seller took back: a version that never
    was one is somebody's own change of an open script.
    """
    if facts is None:
        return Code.NOT_FOUND
    if question.product and question.product != facts.product:
        return Code.PRODUCT_MISMATCH
    code = _BY_STATUS[status_of(facts, now=now)]
    if code is Code.VALID and facts.is_yanked:
        return Code.VERSION_NOT_ALLOWED
    if code is Code.VALID and not facts.is_allowed:
        return Code.IP_NOT_ALLOWED
    return code


def status_of(facts: Facts, *, now: datetime) -> LicenseStatus:
    """The status that counts: whoever is banned has no good licence."""
    status = effective_status(facts.status, facts.expires_at, now=now)
    return LicenseStatus.SUSPENDED if facts.is_banned and status == "active" else status


def next_check_of(verdict: Verdict, *, now: datetime) -> datetime:
    """When the script is to ask again: in six hours, or the moment its licence ends."""
    return _before_the_end(verdict, now + NEXT_CHECK)


def grace_until_of(verdict: Verdict, *, now: datetime) -> datetime | None:
    """How long a script may run on without reaching the shop; None for a refusal. Never beyond the
    end of the licence."""
    return _before_the_end(verdict, now + GRACE) if verdict.code is Code.VALID else None


def message_of(verdict: Verdict, *, address: str, url: str) -> str:
    """The verdict for a server's console, in English. `url` is where the licence's owner mends
    it."""
    facts = verdict.facts
    if verdict.code is Code.VERSION_NOT_ALLOWED and facts and not facts.latest_version:
        return _NO_UPDATE
    return MESSAGES[verdict.code].format(
        address=address,
        url=url,
        slots=facts.slots if facts else 0,
        latest=facts.latest_version if facts else "",
    )


def _before_the_end(verdict: Verdict, moment: datetime) -> datetime:
    end = verdict.facts.expires_at if verdict.facts and verdict.code is Code.VALID else None
    return moment if end is None or end > moment else end
