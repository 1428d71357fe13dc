"""A whole night in outline, and the beginning of it that is asked for, second by second."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.episodes import Episode

Piece = tuple[Stage, float]
"""A stage and how long it lasts (seconds)."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A night until the sleeper wakes up for good.

    Attributes
    ----------
    pieces
        Stages and how long they last, from the start of the recording; the first is waking until sleep comes.
    lights_out_s
        When the eyes close.
    rem_periods
        REM periods, one per cycle, with what interrupts them.
    """

    pieces: tuple[Piece, ...]
    lights_out_s: float
    rem_periods: tuple[Episode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Stages of a night, second by second, and the marks that structure it."""

    stages: NDArray[np.int8]
    lights_out_s: float
    sleep_onset_s: float
    rem_periods: tuple[Episode, ...]


def end_after(sleep_s: float, night: Outline) -> Outline:
    """End a night when `sleep_s` have been slept."""
    pieces: list[Piece] = []
    left_s, end_s = sleep_s, 0.0
    for stage, duration_s in night.pieces:
        lasts_s = duration_s if stage is Stage.W else min(left_s, duration_s)
        left_s -= 0.0 if stage is Stage.W else lasts_s
        pieces.append((stage, lasts_s))
        end_s += lasts_s
        if left_s <= 0.0:
            break
    periods = [
        Episode(period.onset_s, min(period.end_s, end_s) - period.onset_s)
        for period in night.rem_periods
        if period.onset_s < end_s
    ]
    return Outline(tuple(pieces), night.lights_out_s, tuple(periods))


def cut_outline(outline: Outline, n_seconds: int) -> Plan:
    """Take the first `n_seconds` of a night, on whole seconds; awake after its last piece."""
    stages = np.full(n_seconds, Stage.W, dtype=np.int8)
    start_s = 0.0
    for stage, duration_s in outline.pieces:
        stages[math.ceil(start_s) : math.ceil(start_s + duration_s)] = stage
        start_s += duration_s
    onset_s = float(min(n_seconds, math.ceil(outline.pieces[0][1])))
    return Plan(
        stages, min(outline.lights_out_s, n_seconds), onset_s, _cut(outline.rem_periods, float(n_seconds))
    )


def _cut(periods: tuple[Episode, ...], end_s: float) -> tuple[Episode, ...]:
    """Only what lies inside the night, on whole seconds like the stages."""
    whole = [(float(math.ceil(period.onset_s)), float(math.ceil(period.end_s))) for period in periods]
    return tuple(
        Episode(start_s, min(stop_s, end_s) - start_s) for start_s, stop_s in whole if start_s < end_s
    )
