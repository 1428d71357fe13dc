"""Sound files of designs: read once, measured, and kept ready, so that a cue waits for no disk.

A file has no level of its own: it is scaled so that its loudest moment has the level of its cue. How loud it
is follows IEC 61672-1: A-weighted, with the time constant of a meter set to "fast" (Lmax).
"""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.signal import lfilter, resample_poly

from sanctuary.config.errors import Cause, DeviceError, InputError
from sanctuary.firmware_bridge.outputs.tones import FAST_S, a_weight_gain
from sanctuary.signal.samples import FloatArray

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
        """Length."""
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
