"""Features of the trailing 30 s: what an epoch ending now would show.

Two groups: log band powers, and order statistics of the eye strengths, each against its own median, so that
neither gain nor the level of the background counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanctuary.signal.eyes import STRENGTHS
from sanctuary.signal.filters import WINDOW_S, decibel
from sanctuary.signal.frontend import Seconds
from sanctuary.signal.samples import EPOCH_S, FloatArray

INSIDE_S = EPOCH_S - WINDOW_S + 1
"""Spectral windows that lie wholly within an epoch."""
LEAST_WINDOWS = 9
"""A third of them; fewer say too little."""
LEAST_EYE_S = 12
"""Seconds of two usable channels needed to speak of eye movements."""
QUANTILES = (1.0, 24.0 / 29.0, 15.0 / 29.0, 6.0 / 29.0)
"""Largest, high, middle and low strength of the 30 seconds."""
_HALF = len(STRENGTHS) // 2
EYE_FEATURES: tuple[str, ...] = (
    *(f"{name} largest/middle" for name in STRENGTHS),
    *(f"{name} high/middle" for name in STRENGTHS),
    *(f"{name} middle/low" for name in STRENGTHS),
    *(f"{name} largest, difference/mean" for name in STRENGTHS[:_HALF]),
    *(f"{name} high, difference/mean" for name in STRENGTHS[:_HALF]),
)
"""Names of the eye features, natural logs of ratios."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The trailing 30 s of `S` sleepers in numbers.

    Attributes
    ----------
    band_db
        Shape ``(S, 5)``: log band powers (dB re 1 uV^2/Hz, `spectra.BAND_NAMES`); NaN if too little was
        usable.
    eyes
        Shape ``(S, 48)``: `EYE_FEATURES`; NaN if two usable channels were there too rarely.
    quality
        Shape ``(S,)``: share of the samples, 0 to 1, that were there on the best channel of each second; a
        second that is not usable counts as none.
    channel_quality
        Shape ``(S, C)``: the same for each channel.
    saccades
        Shape ``(S,)``: rapid horizontal eye movements in the 30 s (REM density: twice that a minute).
    """

    band_db: FloatArray
    eyes: FloatArray
    quality: FloatArray
    channel_quality: FloatArray
    saccades: FloatArray


def eye_features(strengths: FloatArray) -> FloatArray:
    """Order statistics of strengths ``(S, 12, seconds)``, natural logs with NaN; returns ``(S, 48)``."""
    ordered = np.sort(strengths, axis=-1)
    count = np.isfinite(ordered[:, :1]).sum(axis=-1)
    last = np.maximum(count - 1, 0)
    picks = [np.rint(q * last).astype(np.int64)[..., np.newaxis] for q in QUANTILES]
    largest, high, middle, low = (
        np.take_along_axis(ordered, np.repeat(pick, ordered.shape[1], axis=1), axis=-1)[..., 0]
        for pick in picks
    )
    parts = (
        largest - middle,
        high - middle,
        middle - low,
        largest[:, :_HALF] - largest[:, _HALF:],
        high[:, :_HALF] - high[:, _HALF:],
    )
    found = np.concatenate(parts, axis=1)
    return np.where(count >= LEAST_EYE_S, found, np.nan)


class _History:
    """The last `keep` columns of an array, along its last axis."""

    def __init__(self, keep: int, fill: float) -> None:
        self._keep, self._fill = keep, fill
        self._kept: FloatArray | None = None
        self.joined = np.empty(0)

    def extend(self, values: FloatArray) -> None:
        if self._kept is None:
            self._kept = np.full((*values.shape[:-1], self._keep), self._fill)
        self.joined = np.concatenate((self._kept, values), axis=-1)
        self._kept = self.joined[..., self.joined.shape[-1] - self._keep :].copy()


class TrailingFeatures:
    """Keeps the last 30 seconds.

    Only spectra whose whole 4 s window lies within the last 30 s count, so that an epoch's features
    never contain samples of the epoch before.
    """

    def __init__(self) -> None:
        past = EPOCH_S - 1
        self._usable, self._bands = _History(past, 0.0), _History(past, np.nan)
        self._strengths, self._saccades = _History(past, np.nan), _History(past, 0.0)

    def push(self, seconds: Seconds) -> None:
        """Take the next seconds."""
        usable = (seconds.problems == 0) * seconds.present
        self._usable.extend(usable)
        self._bands.extend(seconds.band_power)
        shape = (len(usable), len(STRENGTHS), seconds.count)
        eyes = seconds.eyes
        self._strengths.extend(np.full(shape, np.nan) if eyes is None else eyes.strengths)
        none = np.zeros((len(usable), seconds.count))
        self._saccades.extend(none if eyes is None else eyes.saccades.astype(np.float64))

    def at(self, k: int) -> Features:
        """Features of the 30 s that end with second `k` of the latest ones."""
        return self.all_at([k])

    def all_at(self, moments: Sequence[int]) -> Features:
        """Features of the 30 s that end with each of these seconds of the latest ones, moment by moment.

        Row ``i * S + s`` belongs to moment `i` and sleeper `s`.
        """
        usable = _spans(self._usable, moments)
        channel_quality = usable.sum(axis=-1) / EPOCH_S
        quality = np.maximum(usable[:, 0], usable[:, -1]).sum(axis=-1) / EPOCH_S
        bands = _spans(self._bands, moments)[..., -INSIDE_S:]
        enough = (np.isfinite(bands[:, 0]).sum(axis=-1) >= LEAST_WINDOWS)[:, np.newaxis]
        return Features(
            np.where(enough, decibel(_mean(bands)), np.nan),
            eye_features(_spans(self._strengths, moments)),
            quality,
            channel_quality,
            _spans(self._saccades, moments).sum(axis=-1),
        )


def _spans(history: _History, moments: Sequence[int]) -> FloatArray:
    """Stack the 30 s that end with each moment along the first axis."""
    return np.concatenate([history.joined[..., k : k + EPOCH_S] for k in moments])


def _mean(values: FloatArray) -> FloatArray:
    """Mean of the numbers along the last axis; 0 where there is none."""
    there = np.isfinite(values)
    total = np.ascontiguousarray(np.where(there, values, 0.0)).sum(axis=-1)
    return np.asarray(total / np.maximum(there.sum(axis=-1), 1))
