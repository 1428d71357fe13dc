"""A hypnogram: stretches of a night with their stages, and what a person may say about its file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.stage_labels import StageCodes, parse_codes
from sanctuary.signal.samples import Stage

EPOCH_S = 30.0
OVERLAP_S = 1e-3
"""Onsets are rounded in files: this much overlap is none."""


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """One scored stretch, seconds since the first sample of the night."""

    onset_s: float
    duration_s: float
    stage: Stage

    @property
    def end_s(self) -> float:
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
    scored: tuple[ScoredSpan, ...]
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


LONGEST_EPOCH_S = 600.0
LARGEST_OFFSET_S = 30 * 86400.0


class RecordingFacts(Protocol):
    """The recording that a hypnogram belongs to; `RecordingInfo` is one."""

    @property
    def path(self) -> Path:
        """The recording's file."""

    @property
    def start(self) -> datetime | None:
        """Wall clock of its first sample, without time zone; None if it is not known."""

    @property
    def duration_s(self) -> float:
        """Its length."""


@dataclass(frozen=True, slots=True)
class HypnogramOptions:
    """Facts from the user; None where the file has to say them itself.

    Attributes
    ----------
    epoch_s
        Length of an epoch (s), for files with one stage a line.
    offset_s
        From the recording's first sample to the hypnogram's beginning (s), negative if it begins earlier.
    codes
        Stage of each label or number.
    """

    epoch_s: float | None = None
    offset_s: float | None = None
    codes: StageCodes | None = None


NO_OPTIONS = HypnogramOptions()


def hypnogram_options(
    epoch_s: float | None = None, offset_s: float | None = None, stages: str | None = None
) -> HypnogramOptions:
    """Check what was typed for ``--epoch-s``, ``--hypnogram-offset`` and ``--stages``.

    Raises
    ------
    InputError
        Naming the option and what it takes.
    """
    if epoch_s is not None and not 0.0 < epoch_s <= LONGEST_EPOCH_S:
        raise InputError(f"--epoch-s {epoch_s:g}: give seconds, more than 0 and at most {LONGEST_EPOCH_S:g}")
    if offset_s is not None and not (math.isfinite(offset_s) and abs(offset_s) <= LARGEST_OFFSET_S):
        raise InputError(f"--hypnogram-offset {offset_s:g}: give seconds, at most 30 days either way")
    return HypnogramOptions(epoch_s, offset_s, None if stages is None else parse_codes(stages))
