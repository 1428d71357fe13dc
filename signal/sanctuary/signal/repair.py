"""Gap repair: the filters need finite numbers, the judges need to know which were real.

A missing sample (NaN, or at the amplifier's rail) is replaced by what its channel's own past and the samples
about it make likely (`bridging`), second by second: a second is filled when it is complete, from the samples
up to its end and no later ones, so how the stream was cut cannot matter. A gap that runs over the edge of a
second is extrapolated up to it, and filled from there on when the next second is known. Where most of a
second is missing a straight line does, since nothing of it is used; a second without any sample holds the
last value. After a gap of a second or more the filters start afresh, as they did at the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sanctuary.signal.bridging import PAST_S, REACH, bridged
from sanctuary.signal.samples import BoolArray, FloatArray

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
