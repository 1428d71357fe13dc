"""One shape for every state machine: a table of states, events and next states, applied by one function.

A machine is three things: an enum of states, whose docstrings say what is true in each; an enum of events;
and a `StateTable` that is the whole truth about the moves between them::

    TRANSITIONS: StateTable[Door, Touch] = {
        Door.SHUT: {Touch.PUSHED: Door.OPEN},
        Door.OPEN: {Touch.PULLED: Door.SHUT},
    }
    self.state = apply(TRANSITIONS, self.state, Touch.PUSHED, of="door")

The functions are pure. What goes out with a move, and what must be true before an event is applied, is the
business of whoever holds the state; it applies the event first and acts on the result, so that an event that
is refused has changed nothing.

Two ways to meet an event that a state does not list, to be chosen for each machine:

* `apply`: it is a mistake of the caller, and raises. For machines that are driven by their own program.
* `apply_listed`: it changes nothing. For machines that are driven by what happens outside, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias, TypeVar

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT", bound=Enum)

StateTable: TypeAlias = Mapping[StateT, Mapping[EventT, StateT]]
"""The next state by state and event. Every state has a row, also one that nothing leaves."""


def apply(table: StateTable[StateT, EventT], state: StateT, event: EventT, *, of: str) -> StateT:
    """Look up the state that follows `state` on `event`.

    Parameters
    ----------
    of
        What the machine belongs to, such as ``pod``; begins the error message.

    Raises
    ------
    LookupError
        `state` does not list `event`.
    """
    moves = table[state]
    if event not in moves:
        raise LookupError(f"{of}: {event} does not apply in state {state}")
    return moves[event]


def apply_listed(table: StateTable[StateT, EventT], state: StateT, event: EventT) -> StateT:
    """Look up the state that follows `state` on `event`: `state` itself where it does not list `event`."""
    return table[state].get(event, state)
