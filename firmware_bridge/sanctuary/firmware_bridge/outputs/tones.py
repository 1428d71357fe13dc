"""Sound of a cue: a tone of equally strong partials under a smooth envelope, at a level in dBA."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sanctuary.firmware_bridge.outputs.cue import Cue
from sanctuary.signal.samples import FloatArray

AMPLITUDE_CAP = 0.25
"""No sample leaves this module's `cap` beyond this share of full scale (-12 dB), whatever came before."""
LOWEST_HZ = 20.0
"""Partials below are not heard, but would be raised the most to reach a level in dBA."""
HIGHEST_SHARE = 0.45
"""Partials above this share of the sampling rate would fold over or be lost in a converter's filter."""
_ABSURD_DB = 200.0


def a_weight_db(frequency_hz: float) -> float:
    """A-weighting of a frequency (IEC 61672-1, annex E), 0 dB at 1 kHz."""
    f2 = frequency_hz**2
    gain = (12194.217**2 * f2**2) / (
        (f2 + 20.598997**2) * math.sqrt((f2 + 107.65265**2) * (f2 + 737.86223**2)) * (f2 + 12194.217**2)
    )
    return 20.0 * math.log10(gain) + 2.0


def tone_amplitude(level_dba: float, tones_hz: Sequence[float], full_scale_dba: float) -> float:
    """Amplitude of each partial, as a share of full scale, before the cap.

    Parameters
    ----------
    level_dba, tones_hz
        Level of the whole tone, and its audible partials.
    full_scale_dba
        Level that a 1 kHz sine of amplitude 1 has at the pillow.
    """
    weighted_power = sum(10.0 ** (a_weight_db(frequency) / 10.0) for frequency in tones_hz)
    amplitude_db = level_dba - full_scale_dba - 10.0 * math.log10(weighted_power)
    return float(10.0 ** (min(amplitude_db, _ABSURD_DB) / 20.0))


def fade_in(n: int) -> FloatArray:
    """Return a raised cosine from 0 to 1, shape ``(n,)``; reversed, it fades out."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / max(n, 1)))


def envelope(n: int, n_fade: int) -> FloatArray:
    """Envelope of a cue of `n` samples, at most half of them fading at each end, shape ``(n,)``."""
    fade = fade_in(min(n_fade, n // 2))
    return np.concatenate([fade, np.ones(n - 2 * fade.size), fade[::-1]])


def render(cue: Cue, fs_hz: int, full_scale_dba: float) -> FloatArray:
    """Render a sound cue, shape ``(round(duration_s * fs_hz),)``, each within the amplitude cap.

    Partials below 20 Hz or too high for `fs_hz` are left out. A tone too loud for the cap is turned down as a
    whole, not distorted.

    Raises
    ------
    ValueError
        Level, duration, fade or a partial is not a finite number of the right sign.
    """
    if not math.isfinite(cue.level):
        raise ValueError(f"a cue at {cue.level} dBA")
    if not (math.isfinite(cue.duration_s) and cue.duration_s > 0.0 and cue.fade_s >= 0.0):
        raise ValueError(f"a cue of {cue.duration_s} s with fades of {cue.fade_s} s")
    if not all(math.isfinite(frequency) and frequency > 0.0 for frequency in cue.tones_hz):
        raise ValueError(f"a cue with partials at {cue.tones_hz} Hz")
    n = round(cue.duration_s * fs_hz)
    partials = [f for f in cue.tones_hz if LOWEST_HZ <= f <= HIGHEST_SHARE * fs_hz]
    if not partials or not n:
        return np.zeros(n)
    t_s = np.arange(n) / fs_hz
    tone = np.sum([np.sin(2.0 * np.pi * frequency * t_s) for frequency in partials], axis=0)
    peak = float(np.abs(tone).max()) or 1.0
    amplitude = min(tone_amplitude(cue.level, partials, full_scale_dba), AMPLITUDE_CAP / peak)
    return cap(amplitude * tone * envelope(n, round(min(cue.fade_s, cue.duration_s) * fs_hz)))


def cap(samples: FloatArray) -> FloatArray:
    """Limit every sample to the amplitude cap: the last gain stage before any output. NaN becomes silence."""
    return np.clip(np.nan_to_num(samples, nan=0.0), -AMPLITUDE_CAP, AMPLITUDE_CAP)
