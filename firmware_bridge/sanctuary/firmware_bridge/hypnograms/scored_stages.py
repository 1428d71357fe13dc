"""A hypnogram: stretches of a night with their stages, and the stage of each epoch.

What a reader finds in a file, before labels are understood and times are laid on a recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.hypnograms.clocks import Clock
from sanctuary.firmware_bridge.hypnograms.stage_names import StageCodes
from sanctuary.signal.samples import Stage

EPOCH_S = 30.0
OVERLAP_S = 1e-3
"""Onsets are rounded in files: this much overlap is none."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One scored stretch, seconds since the first sample of the night."""

    onset_s: float
    duration_s: float
    stage: Stage

    @property
    def end_s(self) -> float:
        """Where it ends."""
        return self.onset_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Hypnogram:
    """An expert's scoring: stretches in order, not overlapping.

    Attributes
    ----------
    path
        The file.
    scored
        Stretches; what none of them covers is unscored.
    warnings
        One sentence each: what was assumed, shifted, left out or not understood.
    kind
        What the file is, such as ``"EDF+ annotations"``.
    offset_s
        Where the file's own second 0 lies on the recording, seconds since its first sample.
    """

    path: Path
    scored: tuple[Scored, ...]
    warnings: tuple[str, ...] = ()
    kind: str = ""
    offset_s: float = 0.0

    def epochs(self, n_epochs: int, epoch_s: float = EPOCH_S) -> NDArray[np.int8]:
        """Stage of each epoch of the night.

        Parameters
        ----------
        n_epochs, epoch_s
            Epochs in the night, and their length.

        Returns
        -------
        Shape ``(n_epochs,)``, values of `Stage`: the stage that fills most of the epoch, ``UNKNOWN`` where
        less than half of it is scored. A longer hypnogram is cut.
        """
        filled_s = np.zeros((n_epochs, max(Stage) + 1))
        for stretch in self.scored:
            if stretch.stage is Stage.UNKNOWN or stretch.onset_s >= n_epochs * epoch_s:
                continue
            first = max(0, math.floor(stretch.onset_s / epoch_s))
            stop = min(n_epochs, math.ceil(stretch.end_s / epoch_s))
            starts = np.arange(first, stop) * epoch_s
            ends = np.minimum(starts + epoch_s, stretch.end_s)
            filled_s[first:stop, stretch.stage] += ends - np.maximum(starts, stretch.onset_s)
        known = filled_s.sum(axis=1) >= epoch_s / 2 - OVERLAP_S
        return np.where(known, filled_s.argmax(axis=1), Stage.UNKNOWN).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled stretch.

    Attributes
    ----------
    label
        As it stands in the file.
    place
        Where it stands, for messages: ``"line 3"``.
    onset, duration
        Seconds since the draft's second 0, or epochs where the draft is `Draft.listed`; duration None or 0
        where the file gives none.
    """

    label: str
    place: str
    onset: float
    duration: float | None


@dataclass(frozen=True, slots=True)
class Draft:
    """The rows of a file and what its format says about them.

    Attributes
    ----------
    kind
        What the file is, for people.
    rows
        All labelled rows.
    listed
        Rows count epochs instead of seconds.
    epoch_s
        Length of an epoch where the file says it.
    clock
        Wall clock of second 0, where the file has one; else its seconds count from the recording's start.
    clocked
        Files of this kind usually have a clock, so that its absence is worth a word.
    doubtful_midnight
        Times of day begin at 00:00:00, which may as well be the time since the beginning.
    events
        Other events stand among the stages and are left alone.
    codes
        What numbers mean, where the format defines it.
    warnings
        What the reader has to say.
    """

    kind: str
    rows: tuple[Row, ...]
    listed: bool = False
    epoch_s: float | None = None
    clock: Clock | None = None
    clocked: bool = False
    doubtful_midnight: bool = False
    events: bool = False
    codes: StageCodes | None = None
    warnings: tuple[str, ...] = ()


def listing(kind: str, labels: list[tuple[str, str]], **facts: object) -> Draft:
    """Draft of one label an epoch, in order; `labels` are ``(label, place)``."""
    rows = tuple(Row(label, place, float(i), 1.0) for i, (label, place) in enumerate(labels))
    return Draft(kind, rows, listed=True, **facts)  # type: ignore[arg-type]
