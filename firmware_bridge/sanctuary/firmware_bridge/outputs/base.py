"""What all outputs have in common: a cue is played, how it began is told, and everything can be cut at once.

An output gets cues that the pod's limiter has passed already, and has a hard cap of its own as its very last
stage. It renders what it is given and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sanctuary.firmware_bridge.outputs.cue import Cue

STOP_S = 0.1
"""How soon after `stop` an output must be silent or dark."""


@dataclass(frozen=True, slots=True)
class Onset:
    """How a cue began.

    Attributes
    ----------
    wanted_s
        When it was to begin, monotonic seconds.
    happened_s
        When it did, as far as the device tells.
    """

    cue: Cue
    wanted_s: float
    happened_s: float


OnOnset = Callable[[Onset], None]
"""Hears of each cue that began; called from the output's own thread, so it must be quick."""


class Output(Protocol):
    """One device that renders cues; all times are monotonic seconds."""

    @property
    def busy(self) -> bool:
        """Whether a cue is being rendered, so that `tick` is wanted often."""

    def play(self, cue: Cue, at_s: float) -> None:
        """Begin a cue now, which was wanted at `at_s`.

        Raises
        ------
        DeviceError
            The device is not there or broken: this cue is not rendered; a later one may be.
        """

    def tick(self, now_s: float) -> None:
        """Let time pass: whatever is due in a cue is done; at least every 50 ms while `busy`.

        Raises
        ------
        DeviceError
            The device went away; told once, however often it is asked.
        """

    def stop(self, now_s: float) -> None:
        """Be silent or dark within `STOP_S`; never raises."""

    def close(self) -> None:
        """Stop, and let the device go; never raises."""
