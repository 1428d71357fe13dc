"""A signal at another rate: a polyphase filter over a stream of blocks.

The filter (`scipy.signal.upfirdn`) runs in pieces that overlap by its length, so that the pieces fit
exactly: the outcome is that of filtering the whole night at once (close to pauses, where the filter lacks
signal, nearly that).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from scipy.signal import firwin, upfirdn

from sanctuary.signal.samples import BoolArray, FloatArray

LARGEST_DENOMINATOR = 10_000
"""Two rates are taken to be in a ratio of whole numbers up to this; it puts no night off by a sample."""
HALF_LENGTH = 10
"""Half of the filter at least, in samples of the slower rate."""
KAISER_BETA = 5.0


def ratio_of(new_hz: float, old_hz: float) -> Fraction:
    """Ratio of two rates as whole numbers."""
    return Fraction(new_hz / old_hz).limit_denominator(LARGEST_DENOMINATOR)


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


def _bridged(uv: FloatArray, missing: BoolArray) -> FloatArray:
    """Put straight lines over what is missing, so that the filter does not ring at its edges."""
    out = np.zeros_like(uv)
    at = np.arange(uv.shape[1])
    for row, source, gone in zip(out, uv, missing, strict=True):
        if not gone.all():
            row[:] = np.interp(at, at[~gone], source[~gone])
    return out
