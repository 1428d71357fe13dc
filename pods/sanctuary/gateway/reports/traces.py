"""What the figures of a replay report need beyond its result: the traces behind the stages."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sanctuary.signal.samples import FloatArray


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
