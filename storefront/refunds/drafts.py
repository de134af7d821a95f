"""What staff, or the gateway, ask for when money is to be given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from storefront.errors import Invalid
from storefront.kit.money import Money
from storefront.refunds.models import Destination, LicenseRule

LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefundDraft:
    """Which amounts of which lines of an order, which way, and what becomes of their licences.
    One key is one refund, however often it is sent."""

    lines: Mapping[UUID, Money]
    destination: Destination
    licenses: LicenseRule
    reason: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRefundDraft:
    """How much of what a payment put into the wallet is sent back where it came from."""

    amount: Money
    reason: str
    idempotency_key: str


def check_reason(reason: str) -> str:
    """The reason without its margins. Raises Invalid `reason_missing`."""
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON:
        raise Invalid("reason_missing")
    return text
