"""Spectra of the background EEG and of muscle, by stage.

The aperiodic part is ``level / (1 + (f / knee)^exponent)`` with the exponents that sleep studies report
between 1 and 35 Hz (flattest awake, steepest in N3); gentle bumps stand for theta, sleeping alpha, sigma
and beta. Levels, knees and bumps were set so that whole nights agree with the band powers of real ones at
Fpz-Cz (Sleep-EDF Expanded; the table that the tests hold them against). What happens as single waves is
added elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.physiology.traits import Traits

_CENTRES_HZ = (6.0, 10.0, 13.0, 21.0)
_WIDTHS_HZ = (1.5, 1.5, 1.2, 6.0)
"""Theta, alpha, sigma, beta: centre and standard deviation of each bump."""


@dataclass(frozen=True, slots=True)
class _Background:
    """Density (dB re 1 uV^2/Hz) well below the knee, knee, exponent, and height (dB) of each bump."""

    level_db: float
    knee_hz: float
    exponent: float
    bumps_db: tuple[float, float, float, float]


_BACKGROUND = {
    Stage.W: _Background(15.0, 2.2, 1.6, (-1.6, -2.8, 0.0, -0.8)),
    Stage.N1: _Background(9.8, 2.7, 1.9, (0.0, -3.2, 0.0, 0.4)),
    Stage.N2: _Background(14.4, 2.8, 2.55, (0.5, 0.4, 1.0, 4.0)),
    Stage.N3: _Background(18.8, 2.6, 2.8, (0.4, 1.4, 0.2, 2.3)),
    Stage.R: _Background(11.3, 2.8, 1.95, (0.5, -2.0, -1.0, -2.3)),
}
_MUSCLE_DB = {Stage.W: -7.0, Stage.N1: -14.0, Stage.N2: -21.5, Stage.N3: -23.0, Stage.R: -25.5}
"""Density (dB re 1 uV^2/Hz) of muscle at 45 to 90 Hz."""

_HIGH_PASS_HZ = 0.3
_STEEPER_HZ, _STEEPER_ORDER = 44.0, 8.0
"""Above this the EEG falls faster still; what is left there is muscle."""
_PIVOT_HZ = 8.0
"""Density at this frequency does not depend on a sleeper's own exponent."""
_MUSCLE_LOW_HZ, _MUSCLE_HIGH_HZ = 28.0, 100.0
_SILENCE_DB = -60.0


class Background:
    """Log spectra of one sleeper's background as a linear function of the state.

    Parameters
    ----------
    freq_hz
        Shape ``(n_freqs,)``, first 0.
    traits
        The sleeper.
    """

    STATES = len(STAGES) + 3
    """Columns of the state: a weight for every stage, then departures (dB) of level, tilt and alpha."""

    def __init__(self, freq_hz: NDArray[np.float64], traits: Traits) -> None:
        own_db = -10.0 * traits.exponent_shift * _decades(freq_hz)
        amplitudes = dict.fromkeys(STAGES, traits.amplitude) | {Stage.N3: traits.deep_amplitude}
        stages_db = [
            _stage_db(freq_hz, _BACKGROUND[stage]) + own_db + 20.0 * np.log10(amplitudes[stage])
            for stage in STAGES
        ]
        alpha = np.exp(-0.5 * ((freq_hz - traits.alpha_hz) / 0.9) ** 2)
        tilt = -_decades(freq_hz)
        self._basis_db = np.stack([*stages_db, np.ones_like(freq_hz), tilt, alpha])

    def density(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """One-sided power density, uV^2/Hz: ``(n, STATES)`` to ``(n, n_freqs)``."""
        return np.asarray(np.exp(np.log(10.0) / 10.0 * (states @ self._basis_db)))


def muscle_db(tone_weights: NDArray[np.float64], traits: Traits) -> NDArray[np.float64]:
    """Muscle tone (dB re 1 uV^2/Hz at 45 to 90 Hz) for stage weights ``(n, 5)``."""
    return np.asarray(tone_weights @ np.array([_MUSCLE_DB[stage] for stage in STAGES]) + traits.muscle_db)


def muscle_shape(freq_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power spectrum of surface muscle activity, largest value near 1."""
    low = 1.0 / (1.0 + (_MUSCLE_LOW_HZ / np.maximum(freq_hz, 1e-3)) ** 6)
    return np.asarray(low / (1.0 + (freq_hz / _MUSCLE_HIGH_HZ) ** 8))


def _stage_db(freq_hz: NDArray[np.float64], background: _Background) -> NDArray[np.float64]:
    f = np.maximum(freq_hz, 1e-3)
    db = background.level_db - 10.0 * np.log10(1.0 + (f / background.knee_hz) ** background.exponent)
    for centre_hz, width_hz, height_db in zip(_CENTRES_HZ, _WIDTHS_HZ, background.bumps_db, strict=True):
        db = db + height_db * np.exp(-0.5 * ((f - centre_hz) / width_hz) ** 2)
    db = db - 10.0 * np.log10(1.0 + (f / _STEEPER_HZ) ** _STEEPER_ORDER)
    return np.asarray(np.maximum(db - 10.0 * np.log10(1.0 + (_HIGH_PASS_HZ / f) ** 4), _SILENCE_DB))


def _decades(freq_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decades above the pivot, held constant outside 0.5 to 50 Hz."""
    return np.asarray(np.log10(np.clip(freq_hz, 0.5, 50.0) / _PIVOT_HZ))
