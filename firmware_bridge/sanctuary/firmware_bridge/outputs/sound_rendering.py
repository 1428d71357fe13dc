"""Sound of a cue: a tone of equally strong partials, or a file, under a smooth envelope, at a level; pure.

Files of designs are read once, measured, and kept ready, so that a cue waits for no disk. A file has no level
of its own: it is scaled so that its loudest moment has the level of its cue. How loud it is follows IEC
61672-1: A-weighted, with the time constant of a meter set to "fast" (Lmax).
"""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.signal import lfilter, resample_poly

from sanctuary.config.errors import Cause, DeviceError, InputError
from sanctuary.firmware_bridge.cues import Cue
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


MAX_FILE_S = 15.0
"""No cue is longer."""
RATES_HZ = (8000, 48_000)
"""Lowest and highest sampling rate of a file."""
MAX_FILE_BYTES = round(MAX_FILE_S * RATES_HZ[1]) * 2 + 4096
"""The longest file at the highest rate, with room for its header."""
MAX_LIBRARY_S = 300.0
"""Of all files that a program keeps ready together: 58 MB at 48 kHz."""
QUIETEST_DB = -70.0
"""A file whose loudest moment lies below this, re full scale, is mostly rounding noise."""
_FULL_COUNT = 32768.0
_BROKEN = (wave.Error, EOFError, OSError, struct.error, ArithmeticError, RuntimeError)
"""What `wave` throws at files that are damaged in one place or another."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundFile:
    """The samples of a file.

    Attributes
    ----------
    samples
        Shape ``(n,)``, -1 to 1.
    """

    fs_hz: int
    samples: FloatArray

    @property
    def duration_s(self) -> float:
        return self.samples.size / self.fs_hz


def decode_wav(content: bytes) -> SoundFile:
    """Read a mono PCM WAV file of 16 bits.

    Raises
    ------
    ValueError
        It is no such file, is cut off, too long, or has nothing to hear in it.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"more than {MAX_FILE_BYTES} bytes")
    try:
        with wave.open(io.BytesIO(content)) as file:
            header = file.getparams()
            frames = file.readframes(header.nframes)
    except _BROKEN as error:
        raise ValueError(f"no PCM WAV file ({error or 'cut off or damaged'})") from error
    found = header.nchannels, 8 * header.sampwidth
    if found != (1, 16):
        raise ValueError(f"{found[0]} channels of {found[1]} bits; mono with 16 bits expected")
    low, high = RATES_HZ
    if not low <= header.framerate <= high:
        raise ValueError(f"{header.framerate} Hz; {low} to {high} Hz expected")
    if len(frames) != 2 * header.nframes:
        raise ValueError("cut off: fewer samples than its header says")
    if header.nframes > MAX_FILE_S * header.framerate:
        raise ValueError(f"{header.nframes / header.framerate:.1f} s long; at most {MAX_FILE_S:g} s")
    samples = np.frombuffer(frames, dtype="<i2").astype(np.float64) / _FULL_COUNT
    if lmax_db(samples, header.framerate) < QUIETEST_DB:
        raise ValueError(f"silent: its loudest moment lies below {QUIETEST_DB:g} dB of full scale")
    return SoundFile(header.framerate, samples)


def lmax_db(samples: FloatArray, fs_hz: int) -> float:
    """Level of the loudest moment, A-weighted and "fast", dB re a 1 kHz sine of full scale.

    The weighting is applied to the whole file at once, by its spectrum; one second of silence on both sides
    keeps its end from leaking into its beginning. Minus infinity for silence.
    """
    padded = np.pad(samples, fs_hz)
    spectrum = np.fft.rfft(padded)
    frequency_hz = np.asarray(np.fft.rfftfreq(padded.size, 1.0 / fs_hz), dtype=np.float64)
    power = np.fft.irfft(spectrum * a_weight_gain(frequency_hz), padded.size) ** 2
    keep = math.exp(-1.0 / (FAST_S * fs_hz))
    loudest = float(np.max(lfilter([1.0 - keep], [1.0, -keep], power)))
    return 10.0 * math.log10(loudest / 0.5) if loudest > 0.0 else -math.inf


class SoundLibrary:
    """Files ready to sound, by the SHA-256 of their bytes.

    Parameters
    ----------
    files
        All that cues may name.

    Raises
    ------
    InputError
        They are longer than `MAX_LIBRARY_S` together.
    """

    def __init__(self, files: Mapping[str, SoundFile] = MappingProxyType({})) -> None:
        self._files = dict(files)
        self._ready: dict[tuple[str, int], FloatArray] = {}
        total_s = sum(file.duration_s for file in files.values())
        if total_s > MAX_LIBRARY_S:
            raise InputError(f"sound files of {total_s:.0f} s together; at most {MAX_LIBRARY_S:g} s allowed")

    def prepare(self, fs_hz: int) -> None:
        """Make every file ready for outputs of this sampling rate; a slow thing, done at the start."""
        for sha256, file in self._files.items():
            if (sha256, fs_hz) not in self._ready:
                self._ready[sha256, fs_hz] = _normalised(file, fs_hz)

    def unit(self, sha256: str, fs_hz: int) -> FloatArray:
        """Give a file at a prepared rate, its loudest moment at 0 dB re a 1 kHz sine of full scale.

        Raises
        ------
        DeviceError
            It is not on board.
        """
        try:
            return self._ready[sha256, fs_hz]
        except KeyError:
            raise DeviceError(f"sound file {sha256[:12]}: not on board", Cause.NOT_FOUND) from None


def _normalised(file: SoundFile, fs_hz: int) -> FloatArray:
    shared = math.gcd(fs_hz, file.fs_hz)
    samples = resample_poly(file.samples, fs_hz // shared, file.fs_hz // shared)
    scaled = samples * 10.0 ** (-lmax_db(samples, fs_hz) / 20.0)
    return np.asarray(scaled, dtype=np.float32)
