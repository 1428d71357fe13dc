"""What pods and coordinators ask of their shell, in the order to be done.

The shell must perform the effects of one list in order; `Log` before `Render` is invariant P7. `Keep` comes
before whatever rests on it: where it fails, no cue after it in the list may sound.

Message ids without randomness: the boot they belong to and a count.

When an answer to an eye signal fits between the steps of a design.

The steps are what all have agreed to and what all hear in common; an answer is one more cue in one pod, and
cues need their distance (`LimiterSettings.gap_s`). So the steps go first: an answer that would keep a step
of its pod from sounding is put off or not given at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, inf

from sanctuary.commons.designs import DreamDesign
from sanctuary.firmware_bridge.outputs.output import Cue
from sanctuary.pods.pod.memory import PodMemory
from sanctuary.pods.protocol.records import CueEntry, LogRecord


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a message."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Log:
    """Write to the cue log and make sure it is written before going on."""

    entry: CueEntry


@dataclass(frozen=True, slots=True)
class Render:
    """Let a cue sound.

    Attributes
    ----------
    at_s
        When the step was due, sanctuary clock; at most a second ago. Start at once.
    """

    cue: Cue
    at_s: float
    window: str
    step: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop every output at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write to the event log."""

    record: LogRecord


@dataclass(frozen=True, slots=True)
class Keep:
    """Put the pod's memory where a restart finds it, and make sure it is there before going on."""

    memory: PodMemory


Effect = Publish | Log | Render | Silence | Record | Keep


class IdSource:
    """Ids that never repeat within a boot; the shell finds a boot id that never repeats either.

    Parameters
    ----------
    boot
        ``[a-z0-9-]``, at most 48 characters.
    """

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self._count = 0

    def next(self, kind: str) -> str:
        """Give ``<boot>-<kind><count>``."""
        self._count += 1
        return f"{self.boot}-{kind}{self._count}"


_ROUNDING_S = 1e-6


def next_step_s(design: DreamDesign, part: int, elapsed_s: float) -> float:
    """When the first step for `part` at or after `elapsed_s` begins, seconds from zero; infinite for none."""
    number = design.next_for(design.first_number(elapsed_s), part)
    at_s = None if number is None else design.time_of(number)
    return inf if at_s is None else at_s


def leaves_room(design: DreamDesign, part: int, elapsed_s: float, gap_s: float) -> bool:
    """Tell whether a cue at `elapsed_s` leaves the next step for `part` its distance."""
    return next_step_s(design, part, elapsed_s) >= elapsed_s + gap_s


def first_room_s(design: DreamDesign, part: int, from_s: float, until_s: float, gap_s: float) -> float | None:
    """Find the first moment from `from_s` to `until_s` that keeps its distance from the steps on both sides.

    Parameters
    ----------
    part
        The part that the pod plays, counted from 1.
    from_s, until_s
        Seconds from the design's zero.
    gap_s
        Least distance between the beginnings of two cues.

    Returns
    -------
    Seconds from zero, or None where there is no room.
    """
    at_s = from_s
    while at_s <= until_s:
        near_s = next_step_s(design, part, max(0.0, at_s - gap_s + _ROUNDING_S))
        if near_s >= at_s + gap_s:
            return at_s
        at_s = near_s + gap_s
    return None


def answer_number(elapsed_s: float) -> int:
    """Give the number of an answer in the cue log: below zero, one for each millisecond of the design.

    Steps count up from 0, so no answer is taken for a step. An answer begins at least a second after the
    command that asks for it, and one at a time is planned; so no two of one pod and window share a number,
    even if the pod is switched off and on in between.
    """
    return -1 - floor(1000.0 * max(0.0, elapsed_s))
