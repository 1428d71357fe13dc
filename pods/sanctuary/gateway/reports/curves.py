"""Stages over time as values: runs, totals and where two hypnograms differ.

A spectrogram averaged onto an even grid, small enough to carry inside a page.

What the figures of a replay report need beyond its result: the traces behind the stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sanctuary.gateway.reports.page import STAGE_NAMES
from sanctuary.gateway.results.replay_result import UNKNOWN, Epoch, epoch_length_s
from sanctuary.signal.samples import FloatArray


@dataclass(frozen=True, slots=True)
class StageRun:
    """Consecutive epochs of one stage."""

    start_s: float
    end_s: float
    stage: str


@dataclass(frozen=True, slots=True)
class StageTrack:
    """Stages of equal epochs, by rising onset; epochs may be missing in between."""

    onsets_s: tuple[float, ...]
    stages: tuple[str, ...]
    epoch_s: float

    @classmethod
    def detected(cls, epochs: Sequence[Epoch]) -> StageTrack:
        """Make it of the stages that the chain found."""
        ordered = sorted(epochs, key=lambda epoch: epoch.onset_s)
        return cls(
            tuple(epoch.onset_s for epoch in ordered),
            tuple(epoch.stage for epoch in ordered),
            epoch_length_s(ordered),
        )

    @classmethod
    def truth(cls, stages: Sequence[str | None], like: StageTrack) -> StageTrack:
        """Make it of the expert's stages: at the epochs of `like` if as many, else from second 0."""
        names = tuple(stage or UNKNOWN for stage in stages)
        if len(names) == len(like.onsets_s):
            return cls(like.onsets_s, names, like.epoch_s)
        return cls(tuple(i * like.epoch_s for i in range(len(names))), names, like.epoch_s)

    @property
    def runs(self) -> list[StageRun]:
        """Consecutive epochs of equal stage, as one."""
        runs: list[StageRun] = []
        for onset_s, stage in zip(self.onsets_s, self.stages, strict=True):
            end_s = onset_s + self.epoch_s
            if runs and runs[-1].stage == stage and onset_s <= runs[-1].end_s + 0.5:
                runs[-1] = StageRun(runs[-1].start_s, end_s, stage)
            else:
                runs.append(StageRun(onset_s, end_s, stage))
        return runs

    @property
    def known(self) -> bool:
        """Whether any epoch has a stage."""
        return any(stage != UNKNOWN for stage in self.stages)

    def time_in_s(self, stage: str) -> float:
        """Time spent in `stage`."""
        return self.stages.count(stage) * self.epoch_s

    @property
    def asleep_s(self) -> float:
        """Time spent in any stage of sleep."""
        return sum(self.time_in_s(stage) for stage in STAGE_NAMES if stage != "W")


def differences(ours: StageTrack, expert: StageTrack) -> list[tuple[float, float]]:
    """Stretches in which both give a stage and not the same one, as (start, end) in seconds."""
    theirs = dict(zip(expert.onsets_s, expert.stages, strict=True))
    different = (
        onset_s
        for onset_s, stage in zip(ours.onsets_s, ours.stages, strict=True)
        if UNKNOWN not in (stage, other := theirs.get(onset_s, UNKNOWN)) and stage != other
    )
    return joined((onset_s, onset_s + ours.epoch_s) for onset_s in different)


def joined(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join sorted stretches that touch."""
    out: list[tuple[float, float]] = []
    for start_s, end_s in stretches:
        if out and start_s <= out[-1][1] + 0.5:
            out[-1] = (out[-1][0], max(end_s, out[-1][1]))
        else:
            out.append((start_s, end_s))
    return out


def outline(runs: Sequence[StageRun], level: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Corners of a hypnogram's line; NaN breaks the line where the stage is unknown or epochs are missing."""
    times_s: list[float] = []
    levels: list[float] = []
    for number, run in enumerate(runs):
        before = runs[number - 1] if number else run
        if run.start_s > before.end_s + 0.5 or UNKNOWN in (before.stage, run.stage):
            times_s.append(run.start_s)
            levels.append(float("nan"))
        if run.stage in level:
            times_s += [run.start_s, run.end_s]
            levels += [level[run.stage], level[run.stage]]
    return times_s, levels


def _nothing() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class ReplayTraces:
    """Traces of one night, each on its own times in seconds since the recording began; NaN where not known.

    An array of size 0 says that nothing was measured.

    Attributes
    ----------
    spectrogram_db
        Shape ``(n_freqs, n_times)``, dB re 1 uV^2/Hz, at `spectrogram_freq_hz` and `spectrogram_t_s`, both
        rising.
    p_rem
        Probability of REM, 0 to 1, shape of `p_rem_t_s`.
    quality
        Shape ``(n_channels, n)``, 0 (useless) to 1 (clean), at `quality_t_s`.
    saccades_per_min, emg_db
        Rapid eye movements per minute and muscle tone, shape of `eye_t_s`.
    """

    spectrogram_db: FloatArray = field(default_factory=_nothing)
    spectrogram_freq_hz: FloatArray = field(default_factory=_nothing)
    spectrogram_t_s: FloatArray = field(default_factory=_nothing)
    p_rem_t_s: FloatArray = field(default_factory=_nothing)
    p_rem: FloatArray = field(default_factory=_nothing)
    quality_t_s: FloatArray = field(default_factory=_nothing)
    quality: FloatArray = field(default_factory=_nothing)
    eye_t_s: FloatArray = field(default_factory=_nothing)
    saccades_per_min: FloatArray = field(default_factory=_nothing)
    emg_db: FloatArray = field(default_factory=_nothing)


def thinned(t_s: FloatArray, values: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Average `values` over `n` equal stretches of time; NaN where a stretch holds none.

    Returns
    -------
    Middles of the stretches and the averages; what was given if it has no more than `n` values.
    """
    if t_s.size <= n:
        return t_s, values
    edges_s = np.linspace(t_s[0], t_s[-1], n + 1)
    place = np.clip(np.searchsorted(edges_s, t_s, side="right") - 1, 0, n - 1)
    known = np.isfinite(values)
    counts = np.bincount(place[known], minlength=n)
    sums = np.bincount(place[known], weights=values[known], minlength=n)
    means = np.full(n, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return (edges_s[:-1] + edges_s[1:]) / 2.0, means


N_COLUMNS, N_ROWS = 900, 88
HIGHEST_HZ = 40.0
_SHADES = (2.0, 99.5)
"""Percentiles of power that span the scale: single artefacts must not bleach the night."""


def even_grid(traces: ReplayTraces) -> tuple[FloatArray, tuple[float, float, float, float]] | None:
    """Average over time and interpolate over frequency.

    Returns
    -------
    dB of shape ``(rows, columns)``, lowest frequency first, and its extent (start_s, end_s, lowest_hz,
    highest_hz); None where nothing finite was given.
    """
    db, freq_hz, t_s = traces.spectrogram_db, traces.spectrogram_freq_hz, traces.spectrogram_t_s
    if db.ndim != 2 or min(db.shape) < 2 or not np.isfinite(db).any():
        return None
    rows_hz = np.linspace(freq_hz[0], min(float(freq_hz[-1]), HIGHEST_HZ), min(N_ROWS, 2 * freq_hz.size))
    n_columns = min(N_COLUMNS, t_s.size)
    columns = np.array([thinned(t_s, row, n_columns)[1] for row in db])
    grid = np.array([np.interp(rows_hz, freq_hz, column) for column in columns.T]).T
    half_s, half_hz = (t_s[-1] - t_s[0]) / (n_columns - 1) / 2.0, (rows_hz[1] - rows_hz[0]) / 2.0
    extent = (
        float(t_s[0] - half_s),
        float(t_s[-1] + half_s),
        float(rows_hz[0] - half_hz),
        float(rows_hz[-1] + half_hz),
    )
    return grid, extent


def shade_limits(grid: FloatArray) -> tuple[float, float]:
    """Lowest and highest dB of the colour scale."""
    low, high = np.nanpercentile(grid, _SHADES)
    return float(low), float(max(high, low + 1.0))
