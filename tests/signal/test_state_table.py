"""The one shape of every state machine: what a table lists happens, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from sanctuary.firmware_bridge.stream import reconnect
from sanctuary.pods.pod import states
from sanctuary.signal import gate
from sanctuary.signal.state_table import StateTable, apply, apply_listed


class Door(StrEnum):
    SHUT = "shut"
    OPEN = "open"


class Touch(StrEnum):
    PUSHED = "pushed"
    PULLED = "pulled"


TABLE: StateTable[Door, Touch] = {Door.SHUT: {Touch.PUSHED: Door.OPEN}, Door.OPEN: {}}


def test_what_a_state_lists_leads_on() -> None:
    assert apply(TABLE, Door.SHUT, Touch.PUSHED, of="door") is Door.OPEN
    assert apply_listed(TABLE, Door.SHUT, Touch.PUSHED) is Door.OPEN


@pytest.mark.parametrize(("state", "event"), [(Door.SHUT, Touch.PULLED), (Door.OPEN, Touch.PUSHED)])
def test_what_a_state_does_not_list_is_a_mistake_in_words(state: Door, event: Touch) -> None:
    with pytest.raises(LookupError, match=f"^'?door: {event} does not apply in state {state}'?$"):
        apply(TABLE, state, event, of="door")


def test_or_changes_nothing_where_that_is_asked_for() -> None:
    assert apply_listed(TABLE, Door.OPEN, Touch.PUSHED) is Door.OPEN


@pytest.mark.parametrize("table", [states.TRANSITIONS, gate.TRANSITIONS, reconnect.TRANSITIONS])
def test_every_state_of_a_machine_has_its_row(table: Mapping[Any, Any]) -> None:
    assert set(table) == set(type(next(iter(table))))
