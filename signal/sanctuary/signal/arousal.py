"""The fast path: signs of waking up, second by second.

An EMG burst or a joint rise of alpha and beta over their running medians. AASM wants an arousal to last
three seconds, so nobody can be sure sooner; this flag errs on the side of silence.
"""

from __future__ import annotations

import numpy as np

from sanctuary.config.chain import ArousalSettings
from sanctuary.signal.frontend import Second
from sanctuary.signal.samples import FloatArray
from sanctuary.signal.spectra import BAND_NAMES, decibel

ALPHA, BETA = BAND_NAMES.index("alpha"), BAND_NAMES.index("beta")
BASELINE_STEP_DB = 0.1
"""The running median moves at most this far a second: 10 dB in 100 s."""
EMG_SECONDS = 2
"""Successive seconds of raised EMG that make a burst; a REM twitch lasts a quarter of a second."""


class ArousalWatcher:
    """Carries the running medians and the time since the last sign."""

    def __init__(self, settings: ArousalSettings) -> None:
        self._settings = settings
        self._baseline_db: FloatArray | None = None
        self._emg_run = 0
        self._last_sign_s = -np.inf

    def second(self, second: Second) -> bool:
        """Whether a sign of waking was seen within the last `hold_s`; a second without signal shows none."""
        if second.band_power is not None and second.emg_power is not None:
            powers = np.array((second.emg_power, second.band_power[ALPHA], second.band_power[BETA]))
            if self._sign(decibel(powers)):
                self._last_sign_s = second.t_s
        else:
            self._emg_run = 0
        return second.t_s - self._last_sign_s < self._settings.hold_s

    def _sign(self, values_db: FloatArray) -> bool:
        if self._baseline_db is None:
            self._baseline_db = values_db
        rise_db = values_db - self._baseline_db
        self._baseline_db = self._baseline_db + np.clip(rise_db, -BASELINE_STEP_DB, BASELINE_STEP_DB)
        self._emg_run = self._emg_run + 1 if rise_db[0] > self._settings.emg_rise_db else 0
        beta_rise_db = self._settings.beta_rise_db
        return self._emg_run >= EMG_SECONDS or bool(rise_db[1] > beta_rise_db and rise_db[2] > beta_rise_db)
