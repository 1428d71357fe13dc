"""When the samples of an XDF stream were taken: unbroken runs, each a straight line through time stamps.

A stamp tells when a sample arrived at the computer, not when it was taken, so single stamps say little; a
line through those of a run says more. All runs have one rate.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sanctuary.firmware_bridge.recordings.edf_layout import FARTHEST_S
from sanctuary.firmware_bridge.recordings.formats.edf import IntArray
from sanctuary.firmware_bridge.recordings.formats.xdf_chunks import FASTEST_HZ, SLOWEST_HZ
from sanctuary.signal.samples import FloatArray

BREAK_S = 1.0
"""Stamps further apart are of two runs (pyxdf's default too); the lines tell whether anything is missing."""
ANCHOR_S = 1.0
"""One stamp is kept for about so much signal."""
JITTER_S = 0.1
"""Runs whose lines meet within this are one: stamps came late, no sample is missing."""
LATE_S = 1.0
"""Stamps this far off their run's line came late, after a stall of the computer."""
SHORTEST_S = 10.0
"""Runs of together less do not tell the rate better than the stream's header does."""
_NOTHING = np.empty(0)
"""One array for all chunks without a kept stamp: a night has hundreds of thousands."""
RATE_TOLERANCE = 0.005
"""Effective rates within this share of the nominal one are a crystal's; beyond it samples are missing."""


class Anchors:
    """Which samples' stamps are kept, chosen while chunks come in.

    Attributes
    ----------
    rows
        Index of each kept stamp's sample.
    n_samples
        Samples so far.
    breaks
        For each kept stamp, 1 if it is the first of its run.
    """

    def __init__(self, nominal_hz: float) -> None:
        self._spacing = max(1, int(nominal_hz * ANCHOR_S))
        self._longest_s = BREAK_S + 1.0 / nominal_hz
        self.rows, self.breaks = array("q"), array("b")
        self.n_samples = 0
        self._last_s = np.nan

    def take(self, stamps_s: FloatArray) -> FloatArray:
        """Stamps of one chunk in; those to be kept out."""
        n = len(stamps_s)
        if not n:
            return stamps_s
        before = np.concatenate(([self._last_s], stamps_s[:-1]))
        with np.errstate(invalid="ignore"):
            # what is no number begins a run too: the first sample, and stamps that `timeline` refuses
            broken = ~(np.abs(stamps_s - before) <= self._longest_s)
        kept = broken.copy()
        kept[(-self.n_samples) % self._spacing :: self._spacing] = True
        kept[:-1] |= broken[1:]
        if n > 1:
            kept[-1] |= n >= self._spacing
        at = np.flatnonzero(kept)
        self.rows.extend((self.n_samples + at).tolist())
        self.breaks.extend(broken[at].astype(np.int8).tolist())
        self.n_samples += n
        self._last_s = float(stamps_s[-1])
        return stamps_s[at] if len(at) else _NOTHING


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where the samples lie on a clock of one rate.

    Attributes
    ----------
    fs_hz, n_samples
        The rate, and the length with pauses.
    origin_s
        Stamp of the first sample.
    runs
        Of each run: its first row in the file, its place on the sample clock, its samples.
    longest_pause_s
        Between two runs.
    said
        What is doubtful, one sentence each.
    """

    fs_hz: float
    n_samples: int
    origin_s: float
    runs: tuple[tuple[int, int, int], ...]
    longest_pause_s: float
    said: tuple[str, ...]


def timeline(anchors: Anchors, stamps_s: FloatArray, nominal_hz: float) -> Timeline | None:
    """Lay runs out in time.

    Parameters
    ----------
    anchors
        Which samples the stamps are of.
    stamps_s
        Their stamps, seconds.
    nominal_hz
        Rate by the stream's header.

    Returns
    -------
    The time line, or None where the stamps cannot be times of the samples: there are not as many as anchors,
    they are no numbers, or they tell a rate that no device has.
    """
    rows = np.array(anchors.rows, dtype=np.int64)
    if len(rows) != len(stamps_s) or not (np.abs(stamps_s) < FARTHEST_S).all():
        return None
    edges = [*np.flatnonzero(np.array(anchors.breaks)).tolist(), len(rows)]
    spans = [(a, b) for a, b in pairwise(edges) if b > a]
    firsts = [int(rows[a]) for a, _ in spans]
    counts = [end - first for first, end in zip(firsts, [*firsts[1:], anchors.n_samples], strict=True)]
    fs_hz, said = _rate(rows, stamps_s, spans, nominal_hz, anchors.n_samples)
    if not SLOWEST_HZ <= fs_hz <= FASTEST_HZ:
        return None
    begins = [_begin_s(rows[a:b], stamps_s[a:b], fs_hz) for a, b in spans]
    placed: list[list[int]] = []
    backwards = 0
    longest_s, end = 0.0, 0
    for first, count, begin_s in zip(firsts, counts, begins, strict=True):
        pause_s = (begin_s - begins[0]) - end / fs_hz
        longest_s = max(longest_s, abs(pause_s))
        backwards += pause_s < -JITTER_S
        place = end if pause_s <= JITTER_S else round((begin_s - begins[0]) * fs_hz)
        if placed and place == end:
            placed[-1][2] += count
        else:
            placed.append([first, place, count])
        end = place + count
    if backwards:
        said = [*said, f"its clock steps back {backwards} times; the samples follow on without a pause there"]
    runs = tuple((first, place, count) for first, place, count in placed)
    return Timeline(fs_hz, end, begins[0], runs, longest_s, tuple(said))


def _begin_s(rows: IntArray, stamps_s: FloatArray, fs_hz: float) -> float:
    """When a run's first sample was taken: half of the stamps say later, half earlier."""
    return float(np.median(stamps_s - (rows - rows[0]) / fs_hz))


def _rate(
    rows: IntArray, stamps_s: FloatArray, spans: list[tuple[int, int]], nominal_hz: float, n_samples: int
) -> tuple[float, list[str]]:
    """Rate by the stamps of all runs together, or the nominal one where the stamps tell no better."""
    length_s = sum(float(rows[b - 1] - rows[a]) for a, b in spans) / nominal_hz
    if length_s < SHORTEST_S:
        return nominal_hz, []
    fs_hz = _slope_hz(rows, stamps_s, spans, nominal_hz, LATE_S)
    fs_hz = _slope_hz(rows, stamps_s, spans, fs_hz, JITTER_S)
    if abs(fs_hz / nominal_hz - 1.0) * n_samples < 0.5:
        return nominal_hz, []
    if abs(fs_hz / nominal_hz - 1.0) <= RATE_TOLERANCE:
        return round(fs_hz, 5), []
    said = f"its samples come at {fs_hz:.2f} Hz by their time stamps, not at its header's {nominal_hz:g} Hz"
    return round(fs_hz, 5), [f"{said}; times follow the stamps, and some samples may be missing"]


def _slope_hz(
    rows: IntArray, stamps_s: FloatArray, spans: list[tuple[int, int]], guess_hz: float, late_s: float
) -> float:
    """Rate of the best lines through all runs, without stamps that are off by more than `late_s`."""
    above, below = 0.0, 0.0
    for a, b in spans:
        at, when = rows[a:b].astype(np.float64), stamps_s[a:b]
        off_s = when - (at - at[0]) / guess_hz
        slow = (off_s[-1] - off_s[0]) / max(at[-1] - at[0], 1.0)
        off_s = off_s - slow * (at - at[0])
        kept = np.abs(off_s - np.median(off_s)) <= late_s
        if not kept.any():
            continue
        at, when = at[kept] - at[kept].mean(), when[kept] - when[kept].mean()
        above += float(at @ at)
        below += float(at @ when)
    return above / below if below > 0.0 else guess_hz
