"""Where a virtual headband's signal comes from."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SignalSource(Protocol):
    """Anything that goes on rendering its channels for ever: two, or as many as a headband has inputs."""

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(n_channels, n_samples)``, uV; NaN is an electrode in the air."""


class NoiseSource:
    """Seeded white noise, for trials of the way that bytes take.

    Parameters
    ----------
    seed, rms_uv
        The noise's seed and amplitude.
    n_channels
        Rows, each with noise of its own.
    """

    def __init__(self, seed: int, rms_uv: float = 20.0, n_channels: int = 2) -> None:
        self._rng = np.random.default_rng(seed)
        self._rms_uv = rms_uv
        self._n_channels = n_channels

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(n_channels, n_samples)``, uV; the same whatever the call sizes."""
        noise = self._rng.standard_normal((n_samples, self._n_channels))
        return np.ascontiguousarray(noise.T * self._rms_uv)


class ElectrodeOff:
    """A source one of whose electrodes is off the skin for a while.

    Parameters
    ----------
    source, fs_hz
        The signal, and its rate.
    channel
        Which row loses contact, from 0; a row that the source does not have changes nothing.
    from_s, to_s
        When, in seconds of signal; for good by default.
    """

    def __init__(
        self,
        source: SignalSource,
        fs_hz: float,
        channel: int,
        from_s: float = 0.0,
        to_s: float = math.inf,
    ) -> None:
        self._source = source
        self._channel = channel
        self._begin = round(from_s * fs_hz)
        self._end = math.inf if math.isinf(to_s) else round(to_s * fs_hz)
        self._rendered = 0

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, NaN in the channel that is off."""
        uv = np.array(self._source.render(n_samples))
        begin = max(0, self._begin - self._rendered)
        end = min(n_samples, self._end - self._rendered)
        if self._channel < len(uv) and begin < end:
            uv[self._channel, begin : int(end)] = np.nan
        self._rendered += n_samples
        return uv
