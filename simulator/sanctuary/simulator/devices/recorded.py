"""A recorded night, played through a virtual headband at the headband's own rate.

The rate is changed by a polyphase filter (`scipy.signal.upfirdn`) in pieces that overlap by the
filter's length, so that the pieces fit exactly: the outcome is that of filtering the whole night at once
(close to pauses, where the filter lacks signal, nearly that).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import firwin, upfirdn

from sanctuary.firmware_bridge.recordings.edf import RecordingInfo, open_recording
from sanctuary.signal.samples import FloatArray

PIECE_S = 30.0
"""Signal that is resampled at a time."""
LARGEST_DENOMINATOR = 10_000
"""Two rates are taken to be in a ratio of whole numbers up to this; it puts no night off by a sample."""
HALF_LENGTH = 10
"""Half of the filter at least, in samples of the slower rate."""
KAISER_BETA = 5.0
FS_HZ = (1.0, 20_000.0)


class RecordedSource:
    """A night in an EDF or BDF file as the signal of two electrodes.

    A recording of one channel gives the same row twice. Pauses and lost samples of the recording stay NaN,
    and after its end all is NaN, as if the headband had been taken off.

    Parameters
    ----------
    path, channels
        As for `sanctuary.firmware_bridge.recordings.edf.open_recording`.
    fs_hz
        Rate of the headband.

    Attributes
    ----------
    info
        What is known of the recording.
    warnings
        One sentence each: what is missing or doubtful.
    n_samples
        Samples at `fs_hz` until the end.

    Raises
    ------
    RecordingError
        The file cannot be used.
    ValueError
        No rate of a headband.
    """

    def __init__(self, path: Path, fs_hz: float, channels: Sequence[str] | None = None) -> None:
        if not FS_HZ[0] <= fs_hz <= FS_HZ[1]:
            raise ValueError(f"a rate of {fs_hz:g} Hz: must be {FS_HZ[0]:g} to {FS_HZ[1]:g}")
        recording = open_recording(path, channels)
        self.info: RecordingInfo = recording.info
        self.warnings = recording.warnings
        ratio = Fraction(fs_hz / self.info.fs_hz).limit_denominator(LARGEST_DENOMINATOR)
        self.n_samples = int((self.info.n_samples - 1) * ratio) + 1
        blocks = (block.uv for block in recording.blocks(PIECE_S))
        self._pieces = blocks if ratio == 1 else resampled(blocks, ratio)
        self._ready: FloatArray = np.empty((len(self.info.channels), 0))
        self._left = self.n_samples

    def render(self, n_samples: int) -> FloatArray:
        """Give the next samples, shape ``(2, n_samples)``, uV; the same whatever the call sizes."""
        parts, missing = [], min(n_samples, self._left)
        beyond = np.full((len(self._ready), n_samples - missing), np.nan)
        self._left -= missing
        while missing > 0:
            if not self._ready.shape[1]:
                self._ready = next(self._pieces)
            part, self._ready = self._ready[:, :missing], self._ready[:, missing:]
            parts.append(part)
            missing -= part.shape[1]
        uv = np.concatenate((*parts, beyond), axis=1)
        return np.repeat(uv, 2, axis=0) if len(uv) == 1 else uv


def resampled(blocks: Iterator[FloatArray], ratio: Fraction) -> Iterator[FloatArray]:
    """Change the rate of a signal that comes in blocks.

    Parameters
    ----------
    blocks
        Shape ``(n_channels, n)`` each; NaN for what is missing.
    ratio
        New rate by old rate.

    Yields
    ------
    Pieces at the new rate. An output sample is NaN if either of the input samples around it is. The last
    piece may hold a few samples more than the signal lasts.
    """
    up, down = ratio.numerator, ratio.denominator
    delay = -(-HALF_LENGTH * max(up, down) // down)
    window = ("kaiser", KAISER_BETA)
    taps = up * firwin(2 * delay * down + 1, 1.0 / max(up, down), window=window)
    # whole turns of both rates, so that the pieces' samples fall on the signal's
    margin = down * (delay // up + 1)
    first = next(blocks)
    buffer = np.concatenate((np.repeat(first[:, :1], margin, axis=1), first), axis=1)
    for block in blocks:
        core = (buffer.shape[1] - 2 * margin) // down * down
        if core > 0:
            yield _piece(buffer[:, : core + 2 * margin], margin, up, down, taps)
            buffer = buffer[:, core:]
        buffer = np.concatenate((buffer, block), axis=1)
    core = -(-(buffer.shape[1] - margin) // down) * down
    fill = core + 2 * margin - buffer.shape[1]
    buffer = np.concatenate((buffer, np.repeat(buffer[:, -1:], fill, axis=1)), axis=1)
    yield _piece(buffer, margin, up, down, taps)


def _piece(buffer: FloatArray, margin: int, up: int, down: int, taps: FloatArray) -> FloatArray:
    """Resample what lies between the margins of a buffer."""
    first = margin // down * up
    n = (buffer.shape[1] - 2 * margin) // down * up
    missing = np.isnan(buffer)
    whole = _bridged(buffer, missing) if missing.any() else buffer
    late = first + len(taps) // 2 // down
    out = np.array(upfirdn(taps, whole, up, down, axis=1)[:, late : late + n])
    at = np.arange(first, first + n) * down
    out[missing[:, at // up] | missing[:, -(-at // up)]] = np.nan
    return out


def _bridged(uv: FloatArray, missing: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatArray:
    """Put straight lines over what is missing, so that the filter does not ring at its edges."""
    out = np.zeros_like(uv)
    at = np.arange(uv.shape[1])
    for row, source, gone in zip(out, uv, missing, strict=True):
        if not gone.all():
            row[:] = np.interp(at, at[~gone], source[~gone])
    return out
