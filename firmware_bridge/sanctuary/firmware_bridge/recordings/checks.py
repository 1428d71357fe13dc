"""What must be true of the chosen channels of a night: one rate, a unit, a calibration, values like EEG."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from edfio import Bdf, BdfSignal, Edf, EdfSignal

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.layout import Layout
from sanctuary.firmware_bridge.recordings.units import plausibility, uv_per_unit
from sanctuary.signal.samples import FloatArray

LOWEST_FS_HZ = 100.0
"""Below this rate the beta band and muscle activity are missing."""
_PROBES = 40
"""Seconds, spread over the night, from which the plausibility of the unit is judged."""


def common_rate(layout: Layout, chosen: Sequence[int]) -> float:
    """Return the sampling rate (Hz) of the chosen channels; refused if they differ or are too slow."""
    signals = [layout.signals[index] for index in chosen]
    rates = [signal.samples / layout.record_s for signal in signals]
    if len(set(rates)) > 1:
        listed = " and ".join(f"{s.label!r} has {fs:g} Hz" for s, fs in zip(signals, rates, strict=True))
        raise RecordingError(
            f"{layout.path}: {listed}; choose two channels of one sampling rate, or one channel"
        )
    if rates[0] < LOWEST_FS_HZ:
        raise RecordingError(
            f"{layout.path}: channel {signals[0].label!r} is sampled at {rates[0]:g} Hz, but at least "
            f"{LOWEST_FS_HZ:g} Hz are needed; choose another channel"
        )
    return rates[0]


def unit_scale(layout: Layout, index: int) -> float:
    """Microvolts in one unit of a channel; a missing or unknown unit is refused, never guessed."""
    signal = layout.signals[index]
    scale = uv_per_unit(signal.unit)
    if scale is None:
        unit = f"has the unit {signal.unit!r}" if signal.unit else "has no unit"
        raise RecordingError(
            f"{layout.path}: channel {signal.label!r} {unit}, but EEG needs uV, mV, V or nV; choose another "
            "channel, or correct the physical dimension in the file's header"
        )
    return scale


def rail(layout: Layout, signal: EdfSignal | BdfSignal) -> float:
    """Magnitude of the larger physical extreme of a channel, in the file's unit.

    A calibration that cannot be read is refused here, because edfio would then return plain digital values.
    """
    try:
        low, high = signal.physical_min, signal.physical_max
        usable = math.isfinite(low) and math.isfinite(high) and low != high
        usable = usable and signal.digital_min < signal.digital_max
    except ValueError:
        usable = False
    if not usable:
        raise RecordingError(
            f"{layout.path}: channel {signal.label!r} has no usable calibration (physical and digital "
            "minimum and maximum); correct the file's header, or choose another channel"
        )
    return max(abs(low), abs(high))


def start_time(first_record: Edf | Bdf) -> datetime | None:
    """Wall clock of the first sample, or None where the file hides or garbles it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Different values in startdate", UserWarning)
        try:
            return first_record.startdatetime
        except (ValueError, IndexError, OverflowError):
            return None


def missing_data(layout: Layout) -> str | None:
    """Say in one sentence what a truncated or unfinished file lacks, or None."""
    usable_s = layout.present * layout.record_s
    missing_s = (layout.declared - layout.present) * layout.record_s
    if layout.declared < 0:
        return f"its recorder never finished the file; the {usable_s:g} s that it holds are used"
    if missing_s > 0.0:
        return f"the file is cut off: the last {missing_s:g} s are missing, {usable_s:g} s are used"
    if missing_s < 0.0:
        return f"it holds {-missing_s:g} s more than its header counts; all {usable_s:g} s are used"
    if layout.stray_bytes:
        return f"the last {layout.stray_bytes} bytes of the file belong to no data record and are left out"
    return None


def doubtful_units(layout: Layout, chosen: Sequence[int], scales: Sequence[float]) -> list[str]:
    """Warn of channels whose values are not EEG in the unit that the header names."""
    count = min(layout.present, math.ceil(1.0 / layout.record_s))
    firsts = np.unique(np.linspace(0, layout.present - count, _PROBES).astype(int))
    fs_hz = layout.signals[chosen[0]].samples / layout.record_s
    seconds: list[FloatArray] = []
    for first in firsts.tolist():
        values = layout.decode(layout.records(first, count), chosen)
        seconds.append(values[:, : math.floor(fs_hz)])
    by_channel = np.stack(seconds, axis=1) * np.array(scales)[:, np.newaxis, np.newaxis]
    labels = [layout.signals[index].label for index in chosen]
    return [text for text in map(plausibility, labels, by_channel) if text]
