"""Gap repair: the filters need finite numbers, the judges need to know which were real.

A missing sample (NaN, or at the amplifier's rail) is replaced by the last real value of its channel. After
a gap of a second or more the filters start afresh, as they did at the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    """Carries each row's last real value and the length of its present gap.

    Parameters
    ----------
    n_rows, restart_after
        Rows (channels of all sleepers), and the gap length in samples after which filters start afresh.
    rail_uv
        Magnitude (uV) at which a row rails, one per row; infinity where unknown.
    """

    def __init__(self, n_rows: int, restart_after: int, rail_uv: FloatArray) -> None:
        self._rows = np.arange(n_rows)
        self._last = np.zeros(n_rows)
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

    def __call__(self, uv: FloatArray) -> Repaired:
        """Repair one stretch, shape ``(n_rows, n)``, n >= 1."""
        present = ~np.isnan(uv)
        real = np.abs(uv) < self._limit
        if real.all() and not self._gap.any():
            self._last = uv[:, -1].copy()
            return Repaired(uv, present, real, np.zeros(len(uv), dtype=bool), self._last)
        seen = real.any(axis=1)
        restart = seen & (self._gap >= self._restart_after)
        resume = np.where(restart, uv[self._rows, real.argmax(axis=1)], self._last)
        index = np.maximum.accumulate(np.where(real, np.arange(uv.shape[1]), -1), axis=1)
        filled = np.take_along_axis(uv, np.maximum(index, 0), axis=1)
        filled = np.where(index >= 0, filled, resume[:, np.newaxis])
        self._last = filled[:, -1].copy()
        self._gap = np.where(seen, uv.shape[1] - 1 - index[:, -1], self._gap + uv.shape[1])
        return Repaired(filled, present, real, restart, resume)


def hold_last(values: FloatArray, before: FloatArray) -> FloatArray:
    """Replace NaN along the last axis by the last number before it, or by `before` ``(..., 1)``."""
    known = np.concatenate((before, values), axis=-1)
    index = np.maximum.accumulate(np.where(np.isnan(known), 0, np.arange(known.shape[-1])), axis=-1)
    return np.asarray(np.take_along_axis(known, index, axis=-1)[..., 1:])
