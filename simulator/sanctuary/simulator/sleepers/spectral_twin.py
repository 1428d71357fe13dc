"""The spectral twin of a real night: its band powers and stages, in noise, with simulated eyes.

The spectrum of each epoch is that of the simulator's own sleeper in the epoch's stage, bent until the means
of its bands are those measured. So levels, their course over the night and the stages are real; the course
inside a band, the waveforms, and the eye movements are not. Results are those of a "twin of NIGHT".
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.config.sleeper_settings import VariationSettings
from sanctuary.signal.samples import STAGES, FloatArray, Stage
from sanctuary.simulator.physiology.background_eeg import Background, ShapedNoise
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.eye_movements import EyeMovements, RemPlan
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.physiology.traits import Traits, draw_traits
from sanctuary.simulator.physiology.waveforms import OverlapAdd

BANDS_HZ = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 50.0))
EPOCH_S = 30
SEGMENT_S = 30
_LEAST = 1e-4
_ROUNDS = 12
"""Bending converges by half a dB a round at worst; after twelve, bands are right to a few hundredths."""


class SpectralTwin:
    """A source of signal that follows a scored night.

    Parameters
    ----------
    bands
        Shape ``(n_epochs, 5)``: mean density (uV^2/Hz) of each 30 s epoch in `BANDS_HZ`.
    stages
        Shape ``(n_epochs,)``: the expert's `Stage`.
    fs_hz, seed
        Sampling rate, a whole number; chooses the noise and the eyes.

    Raises
    ------
    ValueError
        Bands and stages do not fit together, or hold what is no power or no stage.
    """

    def __init__(self, bands: FloatArray, stages: NDArray[np.int8], fs_hz: float, seed: int) -> None:
        _check(bands, stages)
        fs, self.stages = int(fs_hz), stages
        traits = draw_traits(VariationSettings(), stream(seed, Concern.TWIN))
        seconds = np.repeat(stages, EPOCH_S)
        course = Course(seconds, stream(seed, Concern.DEPTH))
        rem = RemPlan(seconds, traits.rem_density, stream(seed, Concern.REM_PLAN))
        self._noise = MeasuredNoise(seed, fs, bands, stages, traits)
        self._eyes = EyeMovements(seed, fs, SEGMENT_S, course, rem, traits, 0.0, float(seconds.size))
        self._overlay = OverlapAdd(fs, SEGMENT_S)
        self._next_segment = 0
        self._ready = np.empty((2, 0))

    def render(self, n_samples: int) -> FloatArray:
        """Give the next samples, shape ``(2, n_samples)``, uV; after the night, its last epoch for ever."""
        while self._ready.shape[1] < n_samples:
            index = self._next_segment
            self._next_segment += 1
            waves = self._overlay.segment(index, self._eyes.segment(index))
            self._ready = np.concatenate([self._ready, self._noise.segment(index) + waves], axis=1)
        done, self._ready = self._ready[:, :n_samples], self._ready[:, n_samples:]
        return done


class MeasuredNoise(ShapedNoise):
    """Noise whose band powers are those measured, passing smoothly from epoch to epoch."""

    def __init__(
        self, seed: int, fs_hz: int, bands: FloatArray, stages: NDArray[np.int8], traits: Traits
    ) -> None:
        super().__init__(seed, fs_hz, SEGMENT_S, traits.side_share)
        states = np.zeros((stages.size, Background.STATES))
        states[np.arange(stages.size), stages] = 1.0
        self._log_density = np.log(
            bent(Background(self.freq_hz, traits).density(states), self.freq_hz, bands)
        )

    def _densities(self, t_s: FloatArray, _rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        at = np.clip(t_s / EPOCH_S - 0.5, 0.0, len(self._log_density) - 1.0)
        first = np.floor(at).astype(np.int64)
        second = np.minimum(first + 1, len(self._log_density) - 1)
        share = (at - first)[:, None]
        density = np.exp((1.0 - share) * self._log_density[first] + share * self._log_density[second])
        return density, np.zeros_like(density)


def bent(density: FloatArray, freq_hz: FloatArray, bands: FloatArray) -> FloatArray:
    """Bend spectra until their bands have the means wanted.

    Parameters
    ----------
    density
        Shape ``(n, n_freqs)``, uV^2/Hz, above 0 from the second frequency on.
    freq_hz
        Shape ``(n_freqs,)``, rising from 0.
    bands
        Shape ``(n, 5)``: means wanted in `BANDS_HZ`.

    Returns
    -------
    Shape ``(n, n_freqs)``: the spectra times a gain that is a polygon over log frequency, with one corner in
    the middle of each band.
    """
    inside = np.stack([(freq_hz >= low) & (freq_hz < high) for low, high in BANDS_HZ]).astype(np.float64)
    inside /= inside.sum(axis=1, keepdims=True)
    corners = np.log([np.sqrt(low * high) for low, high in BANDS_HZ])
    log_f = np.clip(np.log(np.maximum(freq_hz, 1e-3)), corners[0], corners[-1])
    weights = np.stack([np.interp(log_f, corners, row) for row in np.eye(len(BANDS_HZ))])
    wanted, log_gain = np.log(np.maximum(bands, _LEAST)), np.zeros_like(bands)
    for _ in range(_ROUNDS):
        found = (density * np.exp(log_gain @ weights)) @ inside.T
        log_gain += wanted - np.log(np.maximum(found, 1e-12))
    return np.asarray(density * np.exp(log_gain @ weights))


def read_twin(path: Path, night: str | None, fs_hz: float, seed: int) -> SpectralTwin:
    """Make the twin of a measured night.

    Parameters
    ----------
    path
        An ``.npz`` that holds of each night ``NIGHT_band``, shape ``(n_epochs, n_derivations, 5)``, the first
        derivation frontal, and ``NIGHT_y``, the expert's stages 0 (W) to 4 (R).
    night
        Its name; the first one if left out.
    fs_hz, seed
        As for `SpectralTwin`.

    Raises
    ------
    RecordingError
        No such file, night, or measurements.
    """
    try:
        with np.load(path) as data:
            names = sorted(key[:-2] for key in data.files if key.endswith("_y"))
            chosen = night if night is not None else (names or [""])[0]
            if chosen not in names:
                raise RecordingError(
                    f"{path}: holds no night {chosen!r}; there are {', '.join(names) or 'none'}"
                )
            bands, stages = data[f"{chosen}_band"][:, 0], data[f"{chosen}_y"]
        return SpectralTwin(np.asarray(bands, dtype=np.float64), stages.astype(np.int8), fs_hz, seed)
    except (OSError, KeyError, IndexError, ValueError, BadZipFile) as error:
        raise RecordingError(f"{path}: cannot be read as measured nights ({error})") from error


def _check(bands: FloatArray, stages: NDArray[np.int8]) -> None:
    if stages.ndim != 1 or stages.size == 0 or bands.shape != (stages.size, len(BANDS_HZ)):
        raise ValueError(f"bands {bands.shape} and stages {stages.shape}: must be (n, 5) and (n,), n over 0")
    if not (np.isfinite(bands).all() and (bands >= 0.0).all()):
        raise ValueError("bands must be finite and not negative")
    if not np.isin(stages, [int(Stage(stage)) for stage in STAGES]).all():
        raise ValueError("stages must be 0 (W) to 4 (R)")
