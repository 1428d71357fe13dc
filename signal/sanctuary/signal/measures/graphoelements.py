"""Spindles, slow waves and sawtooth waves in a finished stretch of one EEG channel.

Every function takes ``uv`` of shape ``(..., n)``, microvolts, and ``fs_hz``; it returns shape ``(...)`` and
raises ``ValueError`` for a stretch shorter than 2 s or a sampling rate too low for its band. The stretch,
30 s as a rule, is over when it is looked at, so it is band-passed as a whole without delay
(`rows.bandpass`): causal seen from the stretch's end. A flat stretch holds nothing: 0.
"""

from __future__ import annotations

import numpy as np

from sanctuary.signal.measures.rows import (
    TINY,
    bandpass,
    block_sums,
    each_row,
    moving_sum,
    runs,
    stretch,
)
from sanctuary.signal.samples import BoolArray, FloatArray

LEAST_S = 2.0
BLOCK_S = 0.1
"""Step in which spindles and sawtooth waves are looked at."""

SPINDLE_HZ = (10.5, 12.0, 15.0, 16.5)
BROAD_HZ = (0.5, 1.0, 30.0, 32.0)
SPINDLE_SHARE = 0.2
"""Least power of the spindle band in the broad band, over `SHARE_BLOCKS`."""
SHARE_BLOCKS = 10
SPINDLE_CORRELATION = 0.65
"""Least correlation of spindle band and broad band, over `SHAPE_BLOCKS`."""
SPINDLE_SD = 1.5
"""The spindle band's RMS over `SHAPE_BLOCKS` must exceed its median by this many standard deviations."""
SHAPE_BLOCKS = 3
SPINDLE_S = (0.5, 2.0)
IQR_PER_SD = 1.349
"""Interquartile range of a normal distribution of standard deviation 1."""

SLOW_WAVE_HZ = (0.25, 0.5, 2.0, 3.0)
SLOW_WAVE_UV = 75.0
NEGATIVE_S = (0.25, 1.0)
"""Half a period of 2 Hz and of 0.5 Hz."""

SAWTOOTH_HZ = (2.0, 2.5, 3.0, 3.5)
AROUND_HZ = (0.25, 0.5, 8.0, 9.0)
SAWTOOTH_BLOCKS = 15
SAWTOOTH_SHARE = 0.5
"""Least power of 2.5-3 Hz in 0.5-8 Hz; a sawtooth's fundamental holds 61 % of its power."""
SAWTOOTH_UV = 20.0
"""Least height, peak to peak, of the fundamental."""
SAWTOOTH_S = 1.0


def spindle_count(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Count sleep spindles (12-15 Hz, 0.5 to 2 s) in the stretch, unitless; shape ``(...)``.

    Three rules are looked at every 0.1 s: the band's share of 1-30 Hz, its correlation with 1-30 Hz and its
    RMS. A spindle is a run of 0.5 to 2 s in which two of them hold, all three at some place. Source: YASA's
    detector and its limits (Vallat and Walker 2021). Unlike it, the share comes from band-passed power over
    1 s instead of a spectrogram over 2 s, and the RMS is held against the median and the interquartile range,
    which a stretch full of spindles moves less than mean and standard deviation.
    """
    x = stretch(uv, fs_hz, LEAST_S)
    spindle, broad = bandpass(x, fs_hz, SPINDLE_HZ), bandpass(x, fs_hz, BROAD_HZ)
    size = _block(fs_hz)
    power, whole = block_sums(spindle * spindle, size), block_sums(broad * broad, size)
    share = moving_sum(power, SHARE_BLOCKS) / np.maximum(moving_sum(whole, SHARE_BLOCKS), TINY)
    held = (
        (share >= SPINDLE_SHARE).astype(np.int8)
        + (_correlation(spindle, broad, size) >= SPINDLE_CORRELATION)
        + _outstanding(np.sqrt(moving_sum(power, SHAPE_BLOCKS)))
    )
    most, least = (round(limit_s * fs_hz / size) for limit_s in reversed(SPINDLE_S))

    def count(rules: FloatArray) -> float:
        starts, ends = runs(rules >= 2)
        # From the middle of the first to that of the last place.
        lengths = ends - starts - 1
        full = [bool((rules[a:b] == 3).any()) for a, b in zip(starts, ends, strict=True)]
        return float(np.count_nonzero((lengths >= least) & (lengths <= most) & np.array(full, dtype=bool)))

    return each_row(count, held)


def _block(fs_hz: float) -> int:
    return max(1, round(BLOCK_S * fs_hz))


def _correlation(one: FloatArray, other: FloatArray, size: int) -> FloatArray:
    """Correlation over `SHAPE_BLOCKS` blocks around each block; shape ``(..., n // size)``."""
    n = float(size * SHAPE_BLOCKS)

    def total(values: FloatArray) -> FloatArray:
        return moving_sum(block_sums(values, size), SHAPE_BLOCKS)

    sum_one, sum_other = total(one), total(other)
    shared = n * total(one * other) - sum_one * sum_other
    spread_one = n * total(one * one) - sum_one * sum_one
    spread_other = n * total(other * other) - sum_other * sum_other
    return np.asarray(shared / np.sqrt(np.maximum(spread_one * spread_other, TINY)))


def _outstanding(rms: FloatArray) -> BoolArray:
    low, middle, high = np.quantile(rms, (0.25, 0.5, 0.75), axis=-1, keepdims=True)
    return np.asarray(rms > middle + SPINDLE_SD * (high - low) / IQR_PER_SD)


def slow_wave_count(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Count slow waves (0.5-2 Hz, at least 75 uV from trough to next peak), unitless; shape ``(...)``.

    A wave is a negative phase of 0.25 to 1 s, begun and ended within the stretch, and the positive phase
    after it, both after the band-pass. Source: the AASM criterion; its 0.5-2 Hz give the negative phase's
    limits (YASA allows 0.3 to 1.5 s for 0.3-1.5 Hz).
    """
    slow = bandpass(stretch(uv, fs_hz, LEAST_S), fs_hz, SLOW_WAVE_HZ)

    def count(row: FloatArray) -> float:
        starts, ends = runs(row < 0.0)
        whole = (starts > 0) & (ends < row.size)
        starts, ends = starts[whole], ends[whole]
        if starts.size == 0:
            return 0.0
        # Up to the next beginning each; the other sign's samples never decide.
        height_uv = np.maximum.reduceat(row, ends) - np.minimum.reduceat(row, starts)
        phase_s = (ends - starts) / fs_hz
        fits = (phase_s >= NEGATIVE_S[0]) & (phase_s <= NEGATIVE_S[1])
        return float(np.count_nonzero(fits & (height_uv >= SLOW_WAVE_UV)))

    return each_row(count, slow)


def sawtooth_share(uv: FloatArray, fs_hz: float) -> FloatArray:
    """Share of the stretch within bursts of sawtooth waves (2.5-3 Hz), 0 to 1; shape ``(...)``.

    A burst is a run of at least 1 s in which, over 1.5 s around each 0.1 s, 2.5-3 Hz hold half of the power
    of 0.5-8 Hz and stand 20 uV high from peak to peak. Source: Bernardi 2019 for the frequency of the bursts;
    the limits are this project's.
    """
    x = stretch(uv, fs_hz, LEAST_S)
    tooth, around = bandpass(x, fs_hz, SAWTOOTH_HZ), bandpass(x, fs_hz, AROUND_HZ)
    size = _block(fs_hz)
    power = moving_sum(block_sums(tooth * tooth, size), SAWTOOTH_BLOCKS)
    whole = moving_sum(block_sums(around * around, size), SAWTOOTH_BLOCKS)
    # A sine of height h from peak to peak has the mean square h^2 / 8.
    least = SAWTOOTH_UV**2 / 8.0 * size * SAWTOOTH_BLOCKS
    active = (power >= SAWTOOTH_SHARE * whole) & (power >= least)

    def share(row: BoolArray) -> float:
        starts, ends = runs(row)
        lengths = ends - starts
        return float(lengths[lengths * size >= SAWTOOTH_S * fs_hz].sum()) / row.size

    return each_row(share, active)
