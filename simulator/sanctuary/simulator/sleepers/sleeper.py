"""One simulated sleeper: a hidden true night, and the signal of two electrodes that follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleepers import SleeperSettings
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.electrodes import Electrodes, draw_faults
from sanctuary.simulator.physiology.eyes import EyeMovements
from sanctuary.simulator.physiology.movements import Movements
from sanctuary.simulator.physiology.noise import BackgroundNoise
from sanctuary.simulator.physiology.overlay import Overlay, Wave
from sanctuary.simulator.physiology.randomness import Concern, stream
from sanctuary.simulator.physiology.rem_plan import RemPlan
from sanctuary.simulator.physiology.sleep_waves import SleepWaves
from sanctuary.simulator.physiology.traits import draw_traits
from sanctuary.simulator.sleepers.night import draw_night

CHANNELS = ("AF7", "AF8")
"""Rows of the signal: left first."""
SEGMENT_S = 30
"""Signals are made in segments of this length, whatever amounts are asked for."""

USUAL = SleeperSettings()
"""Settings of a sleeper about whom nothing is said."""

_FS_HZ = (100.0, 2000.0)
_HOURS_MOST = 24.0


class Sleeper:
    """A sleeper whose true stages are known.

    Parameters
    ----------
    seed
        Chooses the person and the night, 0 or more. The night depends on `seed`, `hours`, the settings of
        the night and, where these couple sleepers, on `beside` only, never on anything about the signal.
    hours
        Length of the night, over 0 to 24 h; afterwards the sleeper is awake.
    fs_hz
        Sampling rate, a whole number from 100 to 2000 Hz.
    settings
        Ranges from which the night, the person and the disturbances are drawn.
    beside
        Seeds of those who sleep next to this one, in any order.

    Raises
    ------
    ValueError
        An argument lies outside its range.
    """

    def __init__(
        self,
        seed: int,
        hours: float,
        fs_hz: float = 250.0,
        settings: SleeperSettings = USUAL,
        beside: Sequence[int] = (),
    ) -> None:
        _check(seed, hours, fs_hz)
        self.fs_hz = float(fs_hz)
        self.truth = draw_night(seed, hours, settings.night, beside)
        self.traits = draw_traits(settings.variation, stream(seed, Concern.PERSON))
        fs = int(fs_hz)
        truth, traits = self.truth, self.traits
        course = Course(truth.stages, stream(seed, Concern.DEPTH))
        rem = RemPlan(truth.stages, traits.rem_density, stream(seed, Concern.REM_PLAN))
        faults = draw_faults(truth.duration_s, settings.disturbances, stream(seed, Concern.FAULTS))
        common = (seed, fs, SEGMENT_S)
        self._noise = BackgroundNoise(*common, course, traits)
        self._electrodes = Electrodes(*common, faults, settings.disturbances)
        self._movements = Movements(
            *common, course, rem, traits, truth.arousals, truth.turns, faults.grinding
        )
        self._sleep_waves = SleepWaves(*common, course, rem, traits)
        self._eyes = EyeMovements(*common, course, rem, traits, truth.lights_out_s, truth.duration_s)
        self._overlay = Overlay(fs, SEGMENT_S)
        self._next_segment = 0
        self._ready = np.empty((len(CHANNELS), 0))

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Render the next `n_samples` of the signal; the night goes on where the last call ended.

        Returns
        -------
        Shape ``(2, n_samples)``, microvolts at `CHANNELS`. The samples do not depend on the sizes of the
        calls.

        Raises
        ------
        ValueError
            `n_samples` is negative.
        """
        if n_samples < 0:
            raise ValueError(f"{n_samples} samples: must be 0 or more")
        parts, missing = [], n_samples
        while missing > 0:
            if self._ready.shape[1] == 0:
                self._ready = self._segment()
            part, self._ready = self._ready[:, :missing], self._ready[:, missing:]
            parts.append(part)
            missing -= part.shape[1]
        return np.concatenate(parts, axis=1) if parts else np.empty((len(CHANNELS), 0))

    def _segment(self) -> NDArray[np.float64]:
        index = self._next_segment
        self._next_segment += 1
        waves: list[Wave] = []
        for source in (self._sleep_waves, self._eyes, self._movements):
            waves += source.segment(index)
        waves += self._electrodes.waves(index)
        uv = self._noise.segment(index) + self._overlay.segment(index, waves)
        gains = np.array(self.traits.side_gains)[:, None]
        return self._electrodes.received(index, gains * uv)


def _check(seed: int, hours: float, fs_hz: float) -> None:
    if seed < 0:
        raise ValueError(f"seed {seed}: must be 0 or more")
    if not 0.0 < hours <= _HOURS_MOST:
        raise ValueError(f"a night of {hours} h: must be over 0 and at most {_HOURS_MOST:g} h")
    if not (_FS_HZ[0] <= fs_hz <= _FS_HZ[1] and float(fs_hz).is_integer()):
        raise ValueError(f"{fs_hz} Hz: must be a whole number from {_FS_HZ[0]:g} to {_FS_HZ[1]:g} Hz")
