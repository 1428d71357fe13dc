"""Gap repair: replaces lost and railed samples, since filters need finite numbers, and tells which were real.

A missing sample (NaN, or at the amplifier's rail) is replaced by what its channel's own past and the samples
about it make likely, second by second: a second is filled when it is complete, from the samples up to its end
and no later ones, so block sizes do not matter. A gap that runs over the edge of a second is extrapolated up
to it, and filled from there on when the next second is known. Where most of a second is missing it is
interpolated linearly, since nothing of it is used; a second without any sample holds the last value. After a
gap of a second or more the filters start afresh, as at the beginning.

The model is autoregressive in the signal's differences: each sample is its predecessor plus a sum over the
last `ORDER` differences, plus an innovation. The missing samples are those for which the sum of squares of
the innovations is least (Janssen, Veldhuis and Vries 1986, with the model taken from the past alone). Without
a model that is the straight line between the neighbours, and at an open end the last value held. Differences,
since an electrode's offset of tens of millivolts then drops out exactly.

Why not less: with 40 uV of mains hum on the channel, holding the last value or a straight line across 2 % of
lost samples raises 25-45 Hz by 5 to 9 dB, which looks like muscle; this raises it by 0.1 dB. What is filled
holds almost no power beyond what is predictable, so a band loses about the share of samples that were lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpbsv, dposv

from sanctuary.signal.samples import BoolArray, FloatArray

ORDER = 12
"""Differences that predict the next one; 8 to 32 do alike, and fewer do not hold a mains hum."""
PAST_S = 2
"""Seconds from which the model is estimated; over four, a mains frequency that wanders is followed worse."""
RIDGE = 1e-6
"""White noise added to the autocorrelation, as a share of the power, so that it can always be inverted."""
MODEL_SHARE = 0.5
"""Where more than this share of a second is missing, a straight line does; such a second is not used."""
REACH = ORDER + 1
"""Samples before it on which each sample depends."""
STRAIGHT: FloatArray = np.array([1.0, -1.0, *[0.0] * (REACH - 1)])
"""The error filter without a model: each sample is expected where the last one was."""

_STEPS = np.arange(REACH + 1)
_LAGS = np.abs(np.subtract.outer(_STEPS[:ORDER], _STEPS[:ORDER]))
_LATER = np.add.outer(_STEPS, _STEPS)
_FUTURE = np.zeros(REACH)


def bridged(past_uv: FloatArray, uv: FloatArray, gaps: NDArray[np.intp]) -> FloatArray:
    """Fill the gaps of one second.

    Parameters
    ----------
    past_uv
        Shape ``(p,)``, p over `REACH`: the seconds before, without gaps.
    uv
        Shape ``(n,)``: the second; what the missing samples are does not matter, but they must be finite.
    gaps
        Shape ``(m,)``, m over 0, rising: which samples are missing.

    Returns
    -------
    Shape ``(m,)``: values for them, uV. What follows the second is not needed, and plays no part.
    """
    if gaps.size <= MODEL_SHARE * uv.size:
        return expected(past_uv, uv, gaps, error_filter(past_uv))
    if gaps.size == uv.size:
        return np.full(uv.size, past_uv[-1])
    known = np.delete(np.arange(uv.size), gaps)
    values = np.concatenate((past_uv[-1:], uv[known]))
    return np.asarray(np.interp(gaps, np.concatenate(([-1], known)), values))


def error_filter(past_uv: FloatArray) -> FloatArray:
    """Estimate the filter that turns the channel into what is new in each sample.

    Parameters
    ----------
    past_uv
        Shape ``(p,)``, p over `REACH`: the last seconds, without gaps.

    Returns
    -------
    Shape ``(REACH + 1,)``, first 1; `STRAIGHT` if nothing moves. Its sum is 0: a constant holds nothing new.
    """
    steps = past_uv[1:] - past_uv[:-1]
    largest = max(float(steps.max()), -float(steps.min()))
    if not 0.0 < largest < np.inf:
        return STRAIGHT
    steps /= largest
    power = np.correlate(np.concatenate((steps, _FUTURE[:ORDER])), steps, "valid")
    power[0] *= 1.0 + RIDGE
    weights = dposv(power[_LAGS], power[1:])[1]
    return np.asarray(np.convolve(np.concatenate(([1.0], -weights)), STRAIGHT[:2]))


def expected(past_uv: FloatArray, uv: FloatArray, gaps: NDArray[np.intp], errors: FloatArray) -> FloatArray:
    """Find the missing samples that leave the least that is new.

    Parameters
    ----------
    past_uv, uv, gaps
        As `bridged` takes them.
    errors
        As `error_filter` gives it.

    Returns
    -------
    Shape ``(m,)``, uV.
    """
    level = past_uv[-1]
    known = np.concatenate((past_uv[-REACH:], uv)) - level
    known[REACH + gaps] = 0.0
    new = np.concatenate((np.correlate(known, errors[::-1], "valid"), _FUTURE))
    right = (new[gaps[:, np.newaxis] + _STEPS] * errors).sum(axis=1)
    return np.asarray(level - dpbsv(_normal(gaps, uv.size, errors), right, lower=1)[1])


def _normal(gaps: NDArray[np.intp], n: int, errors: FloatArray) -> FloatArray:
    """Matrix of the least-squares equations as its lower diagonals, shape ``(at most REACH + 1, m)``."""
    # products[lag, k]: sum of errors[v] * errors[v + lag] for v up to k: as far as samples go on.
    later = np.concatenate((errors, _FUTURE, _FUTURE[:1]))
    products = np.cumsum(errors * later[_LATER], axis=1)
    down = np.add.outer(_STEPS[: gaps.size], np.arange(gaps.size))
    row = np.minimum(down, gaps.size - 1)
    lag = gaps[row] - gaps
    left = np.minimum(REACH, n - 1 - gaps)[row]
    inside = (down < gaps.size) & (lag <= REACH)
    return np.where(inside, products[np.minimum(lag, REACH), left], 0.0)


RAIL_SHARE = 0.999
"""A sample this close to the rail is a disconnected electrode, not a voltage."""


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """Finite samples, which of them were there and real, and which channels came back after a long gap.

    `uv`, `present` (not lost) and `real` (present, and not railed) have shape ``(n_rows, n)``; `restart`
    and `resume_uv` have shape ``(n_rows,)``.
    """

    uv: FloatArray
    present: BoolArray
    real: BoolArray
    restart: BoolArray
    resume_uv: FloatArray


class GapRepair:
    """Carries each row's last seconds and the length of its present gap.

    Parameters
    ----------
    n_rows, restart_after
        Rows (channels of all sleepers), and the gap length in samples after which filters start afresh: a
        second.
    rail_uv
        Magnitude (uV) at which a row rails, one per row; infinity where unknown.
    """

    def __init__(self, n_rows: int, restart_after: int, rail_uv: FloatArray) -> None:
        self._past = np.zeros((n_rows, max(PAST_S * restart_after, REACH + 1)))
        self._gap = np.full(n_rows, restart_after, dtype=np.int64)
        self._restart_after = restart_after
        self._limit = np.asarray(rail_uv, dtype=np.float64)[:, np.newaxis] * RAIL_SHARE

    def restarts_within(self, uv: FloatArray) -> bool:
        """Whether a row is in a long gap somewhere in `uv`, so that it must be taken by seconds."""
        if not self._gap.any() and (np.abs(uv) < self._limit).all():
            return False
        real = np.abs(uv) < self._limit
        places = np.arange(uv.shape[1])
        before = np.maximum.accumulate(np.where(real, places, -1 - self._gap[:, np.newaxis]), axis=1)
        return bool(
            (places - before >= self._restart_after).any() or (self._gap >= self._restart_after).any()
        )

    def __call__(self, uv: FloatArray, count: int = 1) -> Repaired:
        """Repair `count` seconds of one length, shape ``(n_rows, n)``, n >= 1.

        Several at once only where `restarts_within` says no.
        """
        present = ~np.isnan(uv)
        real = np.abs(uv) < self._limit
        if real.all() and not self._gap.any():
            self._keep(uv)
            return Repaired(uv, present, real, np.zeros(len(uv), dtype=bool), self._past[:, -1])
        seen = real.any(axis=1)
        restart = seen & (self._gap >= self._restart_after)
        first_uv = np.take_along_axis(uv, real.argmax(axis=1)[:, np.newaxis], axis=1)
        self._past = np.where(restart[:, np.newaxis], first_uv, self._past)
        resume_uv = self._past[:, -1].copy()
        index = np.maximum.accumulate(np.where(real, np.arange(uv.shape[1]), -1), axis=1)
        before = restart[:, np.newaxis] & (index < 0)
        filled = self._filled(np.where(real, uv, resume_uv[:, np.newaxis]), real | before, count)
        self._keep(filled)
        self._gap = np.where(seen, uv.shape[1] - 1 - index[:, -1], self._gap + uv.shape[1])
        return Repaired(filled, present, real, restart, resume_uv)

    def _filled(self, uv: FloatArray, known: BoolArray, count: int) -> FloatArray:
        """Fill what is not known, ``(n_rows, n)``, second by second in order of time."""
        past, length = self._past.shape[1], uv.shape[1] // count
        joined = np.concatenate((self._past, uv), axis=1)
        holes = ~known.reshape(len(uv), count, length)
        for k, row in np.argwhere(holes.any(axis=2).T).tolist():
            begin = past + k * length
            second, gaps = joined[row, begin : begin + length], np.flatnonzero(holes[row, k])
            second[gaps] = bridged(joined[row, begin - past : begin], second, gaps)
        return joined[:, past:]

    def _keep(self, uv: FloatArray) -> None:
        """Keep the last `PAST_S` seconds."""
        size = self._past.shape[1]
        short = self._past[:, uv.shape[1] :] if uv.shape[1] < size else uv[:, :0]
        self._past = np.concatenate((short, uv[:, -size:]), axis=1)


def hold_last(values: FloatArray, before: FloatArray) -> FloatArray:
    """Replace NaN along the last axis by the last number before it, or by `before` ``(..., 1)``."""
    known = np.concatenate((before, values), axis=-1)
    index = np.maximum.accumulate(np.where(np.isnan(known), 0, np.arange(known.shape[-1])), axis=-1)
    return np.asarray(np.take_along_axis(known, index, axis=-1)[..., 1:])
