"""Signal quality of each channel, each second: missing, flat, beyond amplitude, mains.

Every verdict is about one second of one channel; the chain averages them over the trailing 30 s.
"""

from __future__ import annotations

import numpy as np

from sanctuary.config.chain import QualitySettings
from sanctuary.signal.samples import BoolArray, FloatArray


def good_seconds(
    settings: QualitySettings, raw_uv: FloatArray, filtered_uv: FloatArray, mains_share: FloatArray
) -> BoolArray:
    """Judge seconds by amplitude and mains.

    Parameters
    ----------
    raw_uv, filtered_uv
        Shape ``(n_channels, n_seconds, fs)``: repaired samples, and the same after the high-pass.
    mains_share
        Shape ``(n_channels, n_seconds)``: share of mains power, 0 to 1.

    Returns
    -------
    Shape ``(n_channels, n_seconds)``: true where a second is neither flat, nor too large, nor full of hum.
    """
    flat = raw_uv.max(axis=2) - raw_uv.min(axis=2) < settings.flat_uv
    span_uv = filtered_uv.max(axis=2) - filtered_uv.min(axis=2)
    return np.asarray(
        ~flat & (span_uv <= settings.amplitude_limit_uv) & (mains_share <= settings.mains_share_limit)
    )


class Settling:
    """Counts, for each channel, how long samples have been real and seconds good in a row.

    After missing samples a channel stays unusable for `settle_s`, because the filters still ring, and until
    a whole spectral window is free of bad seconds.
    """

    def __init__(self, settings: QualitySettings, n_channels: int, window_s: int) -> None:
        self._settle_s = settings.settle_s
        self._window_s = window_s
        self._ringing_s = [-1.0] * n_channels
        self._good_s = [0] * n_channels

    def second(self, real: list[bool], good: list[bool]) -> list[bool]:
        """Take one second of every channel: were all samples real, was it good. Returns which are usable."""
        usable = []
        for channel, (is_real, is_good) in enumerate(zip(real, good, strict=True)):
            ringing_s = self._ringing_s[channel] - 1.0 if is_real else self._settle_s
            self._ringing_s[channel] = max(ringing_s, -1.0)
            fine = is_good and is_real and ringing_s < 0.0
            self._good_s[channel] = self._good_s[channel] + 1 if fine else 0
            usable.append(self._good_s[channel] >= self._window_s)
        return usable
