"""The fast path: signs of waking up, second by second.

An EMG burst or a joint rise of alpha and beta over their running medians, or motion of the headband. AASM
wants an arousal to last three seconds, so nobody can be sure sooner; this flag errs on the side of silence.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sanctuary.config.chain import ArousalSettings
from sanctuary.signal.repair import hold_last
from sanctuary.signal.samples import BoolArray, FloatArray
from sanctuary.signal.spectra import BAND_NAMES, decibel

ALPHA, BETA = BAND_NAMES.index("alpha"), BAND_NAMES.index("beta")
BASELINE_S = 60
"""Seconds over which the running medians are taken."""
EMG_SECONDS = 2
"""Successive seconds of raised EMG that make a burst; a REM twitch lasts a quarter of a second."""


class ArousalWatcher:
    """Carries the last minute of each sleeper, and the time since the last sign."""

    def __init__(self, settings: ArousalSettings, n_sleepers: int) -> None:
        self._settings = settings
        self._known: FloatArray | None = None
        self._calm_s = np.full((n_sleepers, 1), -1.0)
        self._sign_s = np.full((n_sleepers, 1), -np.inf)

    def seconds(self, emg_power: FloatArray, band_power: FloatArray, motion: BoolArray) -> BoolArray:
        """Whether a sign of waking was seen within `hold_s`.

        Parameters
        ----------
        emg_power
            Shape ``(S, m)``: mean square of 25-45 Hz in each second, uV^2; NaN without a usable channel.
        band_power
            Shape ``(S, 5, m)``: uV^2/Hz, NaN likewise. A second without signal shows no sign.
        motion
            Shape ``(S, m)``: whether the headband moved.
        """
        count = emg_power.shape[1]
        index = np.arange(count, dtype=np.float64)
        rise_db = self._rise_db(np.stack((emg_power, band_power[:, ALPHA], band_power[:, BETA]), axis=1))
        with np.errstate(invalid="ignore"):
            loud = rise_db[:, 0] > self._settings.emg_rise_db
            shift = (rise_db[:, 1:] > self._settings.beta_rise_db).all(axis=1)
        calm = np.maximum.accumulate(np.where(loud, self._calm_s, index), axis=1)
        sign = (index - calm >= EMG_SECONDS) | shift | motion
        last = np.maximum.accumulate(np.where(sign, index, self._sign_s), axis=1)
        self._calm_s, self._sign_s = calm[:, -1:] - count, last[:, -1:] - count
        return np.asarray(index - last < self._settings.hold_s)

    def _rise_db(self, power: FloatArray) -> FloatArray:
        """Rise of ``(S, 3, m)`` powers over the median of the minute before each second."""
        values_db = np.where(np.isnan(power), np.nan, decibel(power))
        if self._known is None:
            self._known = np.full((*power.shape[:2], BASELINE_S), np.nan)
        known = np.concatenate((self._known, hold_last(values_db, self._known[..., -1:])), axis=2)
        self._known = known[..., -BASELINE_S:].copy()
        windows = np.ascontiguousarray(sliding_window_view(known, BASELINE_S, axis=2)[:, :, :-1])
        windows.sort(axis=-1)
        valid = np.isfinite(windows).sum(axis=-1)
        middle = np.take_along_axis(windows, (valid // 2)[..., np.newaxis].clip(0, BASELINE_S - 1), axis=-1)
        return np.asarray(values_db - middle[..., 0])
