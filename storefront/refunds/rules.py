"""How a refund is split: between gateway and wallet, between the lines it is for, and which units
it ends. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from storefront.errors import Conflict, Invalid
from storefront.kit.money import Money, total_of
from storefront.refunds.models import Destination


@dataclass(frozen=True, slots=True)
class Left:
    """What can still be given back of an order: `gateway` by the way it was paid, `bonus` into the
    bonus pot."""

    gateway: Money
    bonus: Money


@dataclass(frozen=True, slots=True)
class RefundableLine:
    """What was paid for a line, and what of that was given back already."""

    id: UUID
    paid: Money
    refunded: Money

    @property
    def left(self) -> Money:
        """What can still be given back of it."""
        return self.paid - self.refunded


@dataclass(frozen=True, slots=True)
class Part:
    """What goes one way, and which lines it is for."""

    destination: Destination
    amount: Money
    bonus: Money
    lines: Mapping[UUID, Money]


def check_wanted(lines: Sequence[RefundableLine], wanted: Mapping[UUID, Money]) -> None:
    """Raises Invalid `refund_empty` for nothing at all or an amount below zero, `refund_line` for
    a line of another order, Conflict `refund_too_large` for more than is left of a line."""
    known = {line.id: line for line in lines}
    if not set(wanted) <= set(known):
        raise Invalid("refund_line")
    if not any(wanted.values()) or any(amount < Money(0) for amount in wanted.values()):
        raise Invalid("refund_empty")
    for line_id, amount in wanted.items():
        if amount > known[line_id].left:
            raise Conflict("refund_too_large", f"{known[line_id].left} is left of {line_id}")


def plan_refund(wanted: Mapping[UUID, Money], *, by: Destination, left: Left) -> list[Part]:
    """Split what is wanted into what goes through the gateway and what into the wallet.

    Back to the origin means: through the gateway as far as it was paid there, the rest into the
    wallet that paid it. What goes into the wallet returns to the bonus pot as far as bonus paid
    and did not come back yet, bonus first as it was spent, so no refund turns bonus into money.
    """
    amount = total_of(wanted.values())
    through = min(amount, left.gateway) if by is Destination.GATEWAY else Money(0)
    inward = amount - through
    shares = _shares(wanted, through)
    parts = []
    if through:
        parts.append(Part(Destination.GATEWAY, through, Money(0), shares))
    if inward:
        rest = {line: amount - shares.get(line, Money(0)) for line, amount in wanted.items()}
        lines = {line: amount for line, amount in rest.items() if amount}
        parts.append(Part(Destination.WALLET, inward, min(inward, left.bonus), lines))
    return parts


def ended_units(*, quantity: int, paid: Money, given_back: Money, is_all: bool) -> int:
    """How many units of a line are given back for good: those whose whole price came back. One of
    three units refunded in full ends one licence, half of a unit ends none. A line that cost
    nothing ends with the whole order (`is_all`)."""
    if not paid:
        return quantity if is_all else 0
    return quantity * given_back.satang // paid.satang


def _shares(wanted: Mapping[UUID, Money], amount: Money) -> dict[UUID, Money]:
    """Fill `amount` line by line."""
    shares = {}
    missing = amount
    for line, most in wanted.items():
        taken = min(most, missing)
        missing = missing - taken
        if taken:
            shares[line] = taken
    return shares
