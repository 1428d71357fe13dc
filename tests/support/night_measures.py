"""Figures that sleep laboratories give for a night, from its 30 s epochs.

Used to hold simulated nights against scored ones; both go through the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage

REM_GAP_MIN = 15.0
"""REM epochs closer than this belong to one REM period (Feinberg and Floyd 1979)."""
REM_LEAST_MIN = 2.0
"""REM periods with less REM than this are not counted."""
CYCLES_NAMED = 5
"""Cycles that get figures of their own."""

_EPOCH_MIN = 0.5
_EPOCHS_PER_HOUR = 120.0


@dataclass(frozen=True, slots=True)
class RemPeriod:
    """A REM period in epochs: the first, the one after the last, and how many of them are REM."""

    start: int
    end: int
    rem: int


def runs(stages: NDArray[np.int8]) -> Iterator[tuple[Stage, int, int]]:
    """Stage, first epoch and length of each uninterrupted run."""
    edges = np.flatnonzero(np.diff(stages)) + 1
    starts = [0, *edges.tolist()]
    for start, end in zip(starts, [*starts[1:], stages.size], strict=True):
        yield Stage(int(stages[start])), start, end - start


def find_rem_periods(stages: NDArray[np.int8]) -> list[RemPeriod]:
    """REM periods of a night, by the rules above."""
    epochs = np.flatnonzero(stages == Stage.R)
    if epochs.size == 0:
        return []
    parts = np.split(epochs, np.flatnonzero(np.diff(epochs) > REM_GAP_MIN / _EPOCH_MIN) + 1)
    periods = [RemPeriod(int(part[0]), int(part[-1]) + 1, part.size) for part in parts]
    return [period for period in periods if period.rem * _EPOCH_MIN >= REM_LEAST_MIN]


def measure(stages: NDArray[np.int8]) -> dict[str, float]:
    """Figures of one night.

    Parameters
    ----------
    stages
        Shape ``(n_epochs,)``, values of `Stage`, 30 s each, from lights out to the end.

    Returns
    -------
    Figures by name, units in the names; those that the night does not have (the fourth cycle of a night of
    three) are absent. Bouts and transitions are those between the first and the last epoch asleep.

    Raises
    ------
    ValueError
        Nobody sleeps.
    """
    asleep = np.flatnonzero(stages != Stage.W)
    if asleep.size == 0:
        raise ValueError("a night without sleep has no figures")
    period = stages[asleep[0] : asleep[-1] + 1]
    sleep_epochs = int(asleep.size)
    return {
        "sleep latency min": float(asleep[0]) * _EPOCH_MIN,
        "sleep efficiency %": 100.0 * sleep_epochs / stages.size,
        "WASO min": float(period.size - sleep_epochs) * _EPOCH_MIN,
        "maintenance %": 100.0 * sleep_epochs / period.size,
        **{f"{s.name} share %": 100.0 * float((period == s).sum()) / sleep_epochs for s in STAGES[1:]},
        **_bouts(period, sleep_epochs),
        **_transitions(period),
        **_cycles(period),
    }


def transition_counts(period: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count steps from `STAGES` (rows) to `STAGES` (columns), one epoch apart."""
    counts = np.zeros((len(STAGES), len(STAGES)), dtype=np.int64)
    np.add.at(counts, (period[:-1], period[1:]), 1)
    return counts


def _bouts(period: NDArray[np.int8], sleep_epochs: int) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for stage in STAGES:
        lengths_min = np.array([n * _EPOCH_MIN for s, _, n in runs(period) if s is stage])
        found[f"{stage.name} bouts per h"] = lengths_min.size * _EPOCHS_PER_HOUR / sleep_epochs
        if lengths_min.size:
            found[f"{stage.name} bout mean min"] = float(lengths_min.mean())
            found[f"{stage.name} bout median min"] = float(np.median(lengths_min))
            found[f"{stage.name} bout longest min"] = float(lengths_min.max())
    return found


def _transitions(period: NDArray[np.int8]) -> Mapping[str, float]:
    """Chances per epoch (percent) of leaving each stage for each other."""
    counts = transition_counts(period)
    return {
        f"{a.name} to {b.name} %": 100.0 * float(counts[a, b]) / int(counts[a].sum())
        for a in STAGES
        for b in STAGES
        if a is not b and counts[a].any()
    }


def _cycles(period: NDArray[np.int8]) -> Mapping[str, float]:
    """Cycles end with their REM period; the first begins with sleep."""
    periods = find_rem_periods(period)
    found = {"REM periods": float(len(periods))}
    if not periods:
        return found
    found["REM latency min"] = periods[0].start * _EPOCH_MIN
    lengths_min = np.diff([0, *(p.end for p in periods)]) * _EPOCH_MIN
    found["cycle mean min"] = float(lengths_min.mean())
    if len(periods) > 2:
        found["cycle spread min"] = float(lengths_min.std(ddof=1))
    for number, (one, length_min) in enumerate(zip(periods, lengths_min, strict=True), start=1):
        if number <= CYCLES_NAMED:
            found[f"cycle {number} min"] = float(length_min)
            found[f"REM period {number} min"] = one.rem * _EPOCH_MIN
    return found
