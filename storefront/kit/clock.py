"""Time as a value that can be handed in: UTC inside, Asia/Bangkok for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

SHOP_ZONE = ZoneInfo("Asia/Bangkok")


def system_clock() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


def fixed_clock(moment: datetime) -> Clock:
    """A clock that stands still: for tests and for replaying a calculation."""
    return lambda: moment


def in_shop_zone(moment: datetime) -> datetime:
    """The same moment on the shop's wall clock."""
    return moment.astimezone(SHOP_ZONE)


def bounds_of_day(day: date) -> tuple[datetime, datetime]:
    """The first moment of a day on the shop's wall clock, and that of the next day."""
    start = datetime.combine(day, time(), SHOP_ZONE)
    return start, start + timedelta(days=1)
