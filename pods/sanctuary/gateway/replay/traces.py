"""Traces of a replayed night for its report: collected as the seconds pass, a few thousand numbers in all."""

from __future__ import annotations

import numpy as np

from sanctuary.gateway.reports.traces import ReplayTraces
from sanctuary.signal.frontend import Seconds
from sanctuary.signal.samples import FloatArray, Stage, StageEstimate
from sanctuary.signal.spectra import decibel

STEP_S = 10
HIGHEST_HZ = 30.0


class TraceCollector:
    """Averages spectra, muscle tone and quality over `STEP_S` seconds, and keeps P(R) at the same times.

    Parameters
    ----------
    frequencies_hz
        Frequencies of the spectra to come.
    """

    def __init__(self, frequencies_hz: FloatArray) -> None:
        self._keep = (frequencies_hz > 0.0) & (frequencies_hz <= HIGHEST_HZ)
        self._freq_hz = frequencies_hz[self._keep]
        self._density: list[FloatArray] = []
        self._emg: list[float] = []
        self._spectra: list[FloatArray] = []
        self._rows: list[tuple[float, float, float]] = []
        self._p_rem: list[float] = []
        self._quality: list[FloatArray] = []
        self._usable: list[FloatArray] = []
        self._saccades: list[float] = []

    def seconds(self, seconds: Seconds) -> None:
        """Observe the next seconds of a chain of one sleeper."""
        for k in range(seconds.count):
            usable = seconds.problems[0, :, k] == 0
            self._usable.append(usable * seconds.present[0, :, k])
            if usable.any():
                self._density.append(seconds.density[0, k, self._keep])
                self._emg.append(float(seconds.emg_power[0, k]))
            if seconds.eyes is not None and seconds.paired[0, k]:
                self._saccades.append(float(seconds.eyes.saccades[0, k]))
            if (seconds.first_s + k) % STEP_S == 0:
                self._close(float(seconds.first_s + k))

    def estimate(self, estimate: StageEstimate) -> None:
        """Keep P(R) of the step that this estimate ends, if it ends one."""
        if estimate.t_s % STEP_S == 0:
            self._p_rem.append(estimate.p[Stage.R])

    def traces(self) -> ReplayTraces:
        """Give what was collected, times at the middle of the steps."""
        if not self._rows:
            return ReplayTraces()
        t_s, saccades, emg_db = np.array(self._rows).T
        middle_s = t_s - STEP_S / 2.0
        return ReplayTraces(
            spectrogram_db=np.stack(self._spectra, axis=1),
            spectrogram_freq_hz=self._freq_hz,
            spectrogram_t_s=middle_s,
            p_rem_t_s=t_s,
            p_rem=np.array(self._p_rem),
            quality_t_s=middle_s,
            quality=np.stack(self._quality, axis=1),
            eye_t_s=middle_s,
            saccades_per_min=saccades if np.isfinite(saccades).any() else np.empty(0),
            emg_db=emg_db,
        )

    def _close(self, t_s: float) -> None:
        missing = np.full(self._freq_hz.shape, np.nan)
        self._spectra.append(decibel(np.mean(self._density, axis=0)) if self._density else missing)
        emg_db = float(decibel(np.array(np.mean(self._emg)))) if self._emg else np.nan
        per_min = 60.0 * float(np.mean(self._saccades)) if self._saccades else np.nan
        self._rows.append((t_s, per_min, emg_db))
        self._quality.append(np.mean(self._usable, axis=0))
        self._density, self._emg, self._usable, self._saccades = [], [], [], []
