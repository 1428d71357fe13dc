"""When an answer to an eye signal fits between the steps of a design.

The steps are what all have agreed to and what all hear in common; an answer is one more cue in one pod, and
cues need their distance (`LimiterSettings.gap_s`). So the steps go first: an answer that would keep a step
of its pod from sounding is put off or not given at all.
"""

from __future__ import annotations

from math import floor, inf

from sanctuary.commons.designs import DreamDesign

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
