"""State machines as plain tables: one pure function decides, a service applies and records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Moved(Generic[S]):
    """The action leads to a new state."""

    state: S


@dataclass(frozen=True, slots=True)
class AlreadyDone(Generic[S]):
    """The action was applied before: repeating it changes nothing."""

    state: S


@dataclass(frozen=True, slots=True)
class Illegal(Generic[S, A]):
    """The action has no meaning in this state."""

    state: S
    action: A


@dataclass(frozen=True, slots=True)
class Machine(Generic[S, A]):
    """A transition table: for each action, the states it may start from and where it leads."""

    moves: Mapping[A, Mapping[S, S]]

    def next_state(self, state: S, action: A) -> Moved[S] | AlreadyDone[S] | Illegal[S, A]:
        """Decide without side effects. A state that the action leads to counts as already done."""
        table = self.moves.get(action, {})
        if state in table:
            return Moved(table[state])
        if state in table.values():
            return AlreadyDone(state)
        return Illegal(state, action)

    def allows(self, state: S, action: A) -> bool:
        """Whether the action would move this state: what buttons are drawn from."""
        return isinstance(self.next_state(state, action), Moved)

    def actions_from(self, state: S) -> tuple[A, ...]:
        """Every action that moves this state."""
        return tuple(action for action in self.moves if self.allows(state, action))
