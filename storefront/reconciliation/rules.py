"""What reconciliation works out without the database: windows, fees, days, and who agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from storefront.kit.clock import in_shop_zone
from storefront.kit.money import Money, total_of
from storefront.providers.payments import BalanceMovement, MovementKind
from storefront.reconciliation.models import RunAction

NIGHTLY_AT: Final = time(3, 30)
# Movements are asked for again this long after the last run, should the gateway have been late.
OVERLAP: Final = timedelta(days=3)
# What moved later than this before a run may be known to one side only: its webhook is on the way.
GRACE: Final = timedelta(minutes=60)
# R2: money that came belongs to somebody by then.
ATTRIBUTED_WITHIN: Final = timedelta(minutes=10)
# A gateway that is away is asked again after these; then the run has failed.
RETRY_AFTER: Final = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(minutes=60),
)
# A run that has not moved for so long is dead, whatever became of its message.
DEAD_AFTER: Final = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Window:
    """From when until before when the gateway is asked for movements."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A difference as a check found it. `expected` and `actual` are satang of `currency`; None is
    "nothing there"."""

    code: str
    subject_type: str
    subject_id: str
    expected: int | None
    actual: int | None
    currency: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """What moved for one reason, as the gateway and as the ledger have it: a positive amount is
    in our favour on both sides."""

    name: str
    gateway: Money
    books: Money

    @property
    def difference(self) -> Money:
        """What the gateway has and the ledger has not."""
        return self.gateway - self.books


@dataclass(frozen=True, slots=True)
class Balances:
    """The gateway's balance of one currency and the ledger's view of it. `young` is what of the
    difference is too young to be compared: its other half is on the way."""

    lines: Sequence[BalanceLine]
    paid_out: Money
    young: Money

    @property
    def earned(self) -> BalanceLine:
        """Everything together, before payouts."""
        currency = self.paid_out.currency
        return BalanceLine(
            "earned",
            total_of((line.gateway for line in self.lines), currency),
            total_of((line.books for line in self.lines), currency),
        )

    @property
    def at_gateway(self) -> Money:
        """What lies at the gateway now: earned less paid out. The ledger books no payouts, so its
        gateway account stays at what was earned."""
        return self.earned.gateway - self.paid_out

    @property
    def unexplained(self) -> Money:
        """What of the difference is not merely on its way."""
        return self.earned.difference - self.young


def window_after(
    complete_until: datetime | None, *, first_payment_at: datetime | None, now: datetime
) -> Window:
    """What a run that begins `now` asks for: since the last complete run, and some days before it
    once more; at the first time since the shop's first payment."""
    begin = complete_until or first_payment_at or now
    return Window(min(begin, now) - OVERLAP, now)


def cost_of(movement: BalanceMovement) -> Money:
    """What of a movement is a fee that the nightly run books; below zero where one was given
    back. The fee of a dispute is booked with the dispute, by whoever books that."""
    if movement.kind is MovementKind.DISPUTE:
        return Money(0, movement.fee.currency)
    if movement.kind is MovementKind.FEE:
        return movement.fee - movement.amount
    return movement.fee


def nightly_day(now: datetime) -> date:
    """The day whose night run is due or done at `now`, on the shop's wall clock: the day begins
    at 03:30."""
    local = in_shop_zone(now)
    return local.date() if local.time() >= NIGHTLY_AT else local.date() - timedelta(days=1)


def next_nightly_at(now: datetime) -> datetime:
    """When the next one is due."""
    local = in_shop_zone(now)
    tomorrow = nightly_day(now) + timedelta(days=1)
    return datetime.combine(tomorrow, NIGHTLY_AT, local.tzinfo)


def retry_wait(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts that found the gateway away; None: give up."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None


def verdict(open_differences: int) -> RunAction:
    """How a run ends that came to its end."""
    return RunAction.DIFFER if open_differences else RunAction.AGREE
