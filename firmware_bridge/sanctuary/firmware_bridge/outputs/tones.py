"""Sound of a cue: a tone of equally strong partials, or a file, under a smooth envelope, at a level."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sanctuary.firmware_bridge.outputs.output import Cue
from sanctuary.signal.samples import FloatArray

AMPLITUDE_CAP = 0.25
"""No sample leaves this module's `cap` beyond this share of full scale (-12 dB), whatever came before."""
LOWEST_HZ = 20.0
"""Partials below are not heard, but would be raised the most to reach a level in dBA."""
HIGHEST_SHARE = 0.45
"""Partials above this share of the sampling rate would fold over or be lost in a converter's filter."""
FAST_S = 0.125
"""Time constant of a sound level meter set to "fast" (IEC 61672-1), which Lmax is read with."""
_ABSURD_DB = 200.0


def a_weight_gain(frequency_hz: FloatArray) -> FloatArray:
    """A-weighting of frequencies as a factor on amplitude (IEC 61672-1, annex E), 1 at 1 kHz."""
    f2 = frequency_hz**2
    gain = (12194.217**2 * f2**2) / (
        (f2 + 20.598997**2) * np.sqrt((f2 + 107.65265**2) * (f2 + 737.86223**2)) * (f2 + 12194.217**2)
    )
    return np.asarray(gain * 10.0 ** (2.0 / 20.0))


def a_weight_db(frequency_hz: float) -> float:
    """A-weighting of a frequency, dB."""
    return 20.0 * math.log10(float(a_weight_gain(np.array(frequency_hz, dtype=np.float64))))


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


def render(cue: Cue, fs_hz: int, full_scale_dba: float, unit: FloatArray | None = None) -> FloatArray:
    """Render a sound cue, shape ``(round(duration_s * fs_hz),)``, each within the amplitude cap.

    What is too loud for the cap is turned down as a whole, not distorted.

    Parameters
    ----------
    unit
        Of a cue of a file: its samples, with the loudest moment at 0 dB (`SoundLibrary.unit`). The file
        begins with the cue, fades at its own ends, and is cut off where the cue ends.

    Raises
    ------
    ValueError
        Level, duration, fade or a partial is not a finite number of the right sign, or `unit` is missing.
    """
    if not math.isfinite(cue.level):
        raise ValueError(f"a cue at {cue.level} dBA")
    if not (math.isfinite(cue.duration_s) and cue.duration_s > 0.0 and cue.fade_s >= 0.0):
        raise ValueError(f"a cue of {cue.duration_s} s with fades of {cue.fade_s} s")
    n, n_fade = round(cue.duration_s * fs_hz), round(min(cue.fade_s, cue.duration_s) * fs_hz)
    if cue.file_sha256:
        if unit is None:
            raise ValueError(f"a cue of file {cue.file_sha256[:12]} without its samples")
        return _file(cue, unit[:n], n, n_fade, full_scale_dba)
    return _tone(cue, fs_hz, n, n_fade, full_scale_dba)


def _tone(cue: Cue, fs_hz: int, n: int, n_fade: int, full_scale_dba: float) -> FloatArray:
    """Render partials; those below 20 Hz or too high for `fs_hz` are left out."""
    if not all(math.isfinite(frequency) and frequency > 0.0 for frequency in cue.tones_hz):
        raise ValueError(f"a cue with partials at {cue.tones_hz} Hz")
    partials = [f for f in cue.tones_hz if LOWEST_HZ <= f <= HIGHEST_SHARE * fs_hz]
    if not partials or not n:
        return np.zeros(n)
    t_s = np.arange(n) / fs_hz
    tone = np.sum([np.sin(2.0 * np.pi * frequency * t_s) for frequency in partials], axis=0)
    peak = float(np.abs(tone).max()) or 1.0
    amplitude = min(tone_amplitude(cue.level, partials, full_scale_dba), AMPLITUDE_CAP / peak)
    return cap(amplitude * tone * envelope(n, n_fade))


def _file(cue: Cue, unit: FloatArray, n: int, n_fade: int, full_scale_dba: float) -> FloatArray:
    out = np.zeros(n)
    peak = float(np.abs(unit).max(initial=0.0)) or 1.0
    gain = 10.0 ** (min(cue.level - full_scale_dba, _ABSURD_DB) / 20.0)
    out[: unit.size] = min(gain, AMPLITUDE_CAP / peak) * unit * envelope(unit.size, n_fade)
    return cap(out)


def cap(samples: FloatArray) -> FloatArray:
    """Limit every sample to the amplitude cap: the last gain stage before any output. NaN becomes silence."""
    return np.clip(np.nan_to_num(samples, nan=0.0), -AMPLITUDE_CAP, AMPLITUDE_CAP)
