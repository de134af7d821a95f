"""What holds for owners who move their servers and change their keys, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A slot whose server has not asked for so long is idle: it moves by itself when another server
# needs it, so taking it by hand costs nothing either.
IDLE_AFTER: Final = timedelta(hours=24)

MOVE_PAUSE: Final = timedelta(hours=24)
MOVE_WINDOW: Final = timedelta(days=30)
MOVES: Final = 5

ROTATION_WINDOW: Final = timedelta(days=1)
ROTATIONS: Final = 3

LONGEST_NOTE: Final = 1000
MOST_DAYS: Final = 3650

MOST_ADDRESSES: Final = 20
SHORTEST_V4: Final = 24
SHORTEST_V6: Final = 48


@dataclass(frozen=True, slots=True)
class MoveBudget:
    """What an owner may still do: how many moves are left, and when the next one is free; None for
    now."""

    left: int
    next_at: datetime | None

    @property
    def is_free(self) -> bool:
        """Whether a move can be made right now."""
        return self.next_at is None


def budget_of(moves: Sequence[datetime], *, now: datetime) -> MoveBudget:
    """One move in 24 hours and five in 30 days, from the times of earlier ones in any order."""
    recent = sorted(moment for moment in moves if moment > now - MOVE_WINDOW)
    left = max(0, MOVES - len(recent))
    waits = []
    if recent and recent[-1] > now - MOVE_PAUSE:
        waits.append(recent[-1] + MOVE_PAUSE)
    if not left:
        waits.append(recent[-MOVES] + MOVE_WINDOW)
    return MoveBudget(left, max(waits, default=None))


def is_live(last_seen_at: datetime, *, now: datetime) -> bool:
    """Whether the server of a slot has asked within the last 24 hours."""
    return last_seen_at > now - IDLE_AFTER
