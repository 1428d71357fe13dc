"""Where a virtual headband's signal comes from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SignalSource(Protocol):
    """Anything that goes on rendering two channels for ever."""

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(2, n_samples)``, uV."""


class NoiseSource:
    """Seeded white noise, for trials of the way that bytes take.

    Parameters
    ----------
    seed, rms_uv
        The noise's seed and amplitude.
    """

    def __init__(self, seed: int, rms_uv: float = 20.0) -> None:
        self._rng = np.random.default_rng(seed)
        self._rms_uv = rms_uv

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(2, n_samples)``, uV; the same bits whatever the call sizes."""
        return np.ascontiguousarray(self._rng.standard_normal((n_samples, 2)).T * self._rms_uv)
