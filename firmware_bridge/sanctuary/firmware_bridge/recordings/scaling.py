"""Whole numbers for the samples of a file that is written: physical and digital extremes of each channel.

EDF holds 16 bits, BDF 24. Where the source has whole numbers of its own that fit, they are kept as they are.
Otherwise the range is that of the samples, a little wider so that none of them looks railed, or the source's
own rail where its steps are fine enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from sanctuary.firmware_bridge.recordings.edf_writing import COARSEST_STEP_UV, number_text

_FIELD_CHARACTERS = 8
_WIDER = 1.01
"""Samples within a thousandth of the extremes would be taken for railed ones when the file is read."""
_RAILED = 0.999

Scale = tuple[float, float, int, int]


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of a channel's values.

    Attributes
    ----------
    low, high
        Smallest and largest sample; NaN where there is none.
    rail
        Where the source rails, infinity if not known.
    scale
        Physical and digital extremes in the source, or None.
    voltage
        Whether the values are microvolts.
    """

    low: float
    high: float
    rail: float
    scale: Scale | None
    voltage: bool


def kept_scale(scale: Scale | None, *, wide: bool) -> Scale | None:
    """Give the source's own scale if a header can hold it exactly, else None."""
    if scale is None:
        return None
    low, high, least, most = scale
    lowest, highest = digital_range(wide=wide)
    held = all(_fits(value) for value in (low, high))
    return scale if held and low < high and lowest <= least < most <= highest else None


def digital_range(*, wide: bool) -> tuple[int, int]:
    """Smallest and largest digital value of BDF (`wide`) or EDF."""
    return (-8388608, 8388607) if wide else (-32768, 32767)


def new_scale(extent: Extent, *, wide: bool) -> Scale | None:
    """Choose a scale for a channel; None where the values are too small or large for a header of EDF."""
    if not math.isfinite(extent.low):
        return (-1.0, 1.0, *digital_range(wide=wide))
    if math.isfinite(extent.rail):
        # odd digital range: zero stays zero
        top = digital_range(wide=wide)[1]
        # the minus sign takes one of the field's characters, so the lower extreme decides
        low = _outward(-extent.rail, ROUND_FLOOR)
        if low is not None and -low / top <= finest_step(extent) and low <= min(extent.low, -extent.high):
            return low, -low, -top, top
    low, high = _widened(extent)
    if low == high:
        low, high = low - 1.0, high + 1.0
    below, above = _outward(low, ROUND_FLOOR), _outward(high, ROUND_CEILING)
    if below is None or above is None or above - below > 1.5 * (high - low):
        return None
    return below, above, *digital_range(wide=wide)


def finest_step(extent: Extent) -> float:
    """Step that the written file should not exceed: the source's own, or what is fine enough for EEG."""
    if extent.scale is not None:
        low, high, least, most = extent.scale
        return (high - low) / (most - least) * (1.0 + 1e-9)
    return COARSEST_STEP_UV if extent.voltage else math.inf


def _widened(extent: Extent) -> tuple[float, float]:
    """Range of the samples; wider, unless they reach the rail of the source."""
    largest = max(abs(extent.low), abs(extent.high))
    if largest >= _RAILED * extent.rail:
        return extent.low, extent.high
    by = (_WIDER - 1.0) * max(largest, extent.high - extent.low)
    return extent.low - by, extent.high + by


def _fits(value: float) -> bool:
    text = number_text(value)
    return len(text) <= _FIELD_CHARACTERS and "e" not in text


def _outward(value: float, rounding: str) -> float | None:
    """Nearest number beyond `value` that a header field holds, or None."""
    for decimals in range(6, -1, -1):
        rounded = float(Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=rounding))
        if _fits(rounded):
            return rounded
    return None
