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
    """Finite samples, which of them were real, and which channels came back after a long gap.

    `uv` and `real` have shape ``(n_channels, n)``; `restart` and `resume_uv` have shape ``(n_channels,)``.
    """

    uv: FloatArray
    real: BoolArray
    restart: BoolArray
    resume_uv: FloatArray


class GapRepair:
    """Carries each channel's last real value and the length of its present gap.

    Parameters
    ----------
    n_channels, restart_after
        Channels, and the gap length in samples after which filters start afresh.
    rail_uv
        Magnitude (uV) at which a channel rails, one per channel; infinity where unknown.
    """

    def __init__(self, n_channels: int, restart_after: int, rail_uv: FloatArray) -> None:
        self._last = np.zeros(n_channels)
        self._gap = np.full(n_channels, restart_after, dtype=np.int64)
        self._restart_after = restart_after
        self._limit = np.asarray(rail_uv, dtype=np.float64)[:, np.newaxis] * RAIL_SHARE

    def untouched(self, uv: FloatArray) -> bool:
        """Whether nothing is missing from `uv` and no gap is open, so that it needs no repair."""
        return not self._gap.any() and bool((np.abs(uv) < self._limit).all())

    def __call__(self, uv: FloatArray) -> Repaired:
        """Repair one stretch, shape ``(n_channels, n)``, n >= 1."""
        real = np.isfinite(uv) & (np.abs(uv) < self._limit)
        none = np.zeros(len(uv), dtype=bool)
        if real.all() and not self._gap.any():
            self._last = uv[:, -1].copy()
            return Repaired(uv, real, none, self._last)
        out, restart, resume = uv.copy(), none, self._last.copy()
        for row in range(len(uv)):
            seen = np.flatnonzero(real[row])
            if seen.size and self._gap[row] >= self._restart_after:
                restart[row] = True
                self._last[row] = resume[row] = uv[row, seen[0]]
            self._fill(out[row], real[row], row)
            self._gap[row] = uv.shape[1] - 1 - seen[-1] if seen.size else self._gap[row] + uv.shape[1]
        return Repaired(out, real, restart, resume)

    def _fill(self, values: FloatArray, real: BoolArray, row: int) -> None:
        index = np.where(real, np.arange(values.size), -1)
        np.maximum.accumulate(index, out=index)
        values[:] = np.where(index >= 0, values[index], self._last[row])
        self._last[row] = values[-1]
